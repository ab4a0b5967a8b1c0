//! Reads a server over a window: one file per view, named as the view, samples in, record types out.
//!
//! No judgement of what was read.

mod activity;
mod closing;
mod column_stats;
mod cures;
mod doubts;
mod ends;
mod glance;
mod health;
mod host;
mod ledger;
mod link;
mod nodes;
mod observer;
mod pgbouncer;
mod replication;
mod rows;
mod statements;
mod tags;
mod texts;
mod ticker;

pub mod ages;
pub mod constraints_not_validated;
pub mod open_transactions;
pub mod pg_class;
pub mod pg_constraint;
pub mod pg_index;
pub mod pg_prepared_xacts;
pub mod pg_replication_slots;
pub mod pg_sequence;
pub mod pg_stat_activity;
pub mod pg_stat_bgwriter;
pub mod pg_stat_checkpointer;
pub mod pg_stat_database;
pub mod pg_stat_io;
pub mod pg_stat_progress_vacuum;
pub mod pg_stat_replication;
pub mod pg_stat_statements;
pub mod pg_stat_user_indexes;
pub mod pg_stat_user_tables;
pub mod pg_stat_wal;
pub mod pg_statio_user_indexes;
pub mod pg_statio_user_tables;
pub mod pg_statistic_ext;
pub mod pgstattuple;
pub mod planner_columns;
pub mod relation_size;
pub mod standby;

pub use doubts::{Doubt, Refusal, doubts};
pub use glance::glance;
pub use host::{ChildrenMeter, HostMeter};
pub use observer::{LoadState, ObserveOptions, Observed, Observer};
pub use pgbouncer::PgBouncerTarget;
pub use texts::{application_text, normalised, without_values};
