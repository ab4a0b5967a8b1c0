//! What was measured: samples, deltas, coverage, and the run file that holds them all.
//!
//! Nothing here judges a number or touches a server: plain data with arithmetic on itself only.
//! Row structs are named after the view they come from and keep PostgreSQL's own column names.

pub mod activity;
mod add;
mod capture;
pub mod comparison;
pub mod coverage;
pub mod database;
pub mod fidelity;
mod fingerprint;
pub mod health;
pub mod indexes;
pub mod load;
pub mod merge;
pub mod pages;
pub mod pgbouncer;
pub mod plan;
pub mod pool;
pub mod proof;
pub mod replication;
pub mod run;
mod seed;
pub mod server;
pub mod server_timing;
pub mod statements;
pub mod sweep;
pub mod tables;
pub mod traces;
mod units;
pub mod what_if;

pub use capture::{CaptureSource, CaptureStatement, CaptureSummary};
pub use coverage::{Coverage, Status};
pub use fingerprint::{MARKER, fingerprint};
pub use run::{Run, Span};
pub use seed::{SeedSummary, SeedTable};
pub use units::{Bytes, Lsn, LsnError, Millis, QueryId, Ratio};
