//! Throwaway servers: a primary, a streaming standby and PgBouncer from binaries found on the machine.
//!
//! Nothing here talks SQL to anybody else's server.
//!
//! Everything is synchronous and speaks only to `initdb`, `pg_ctl`, `postgres` and `pgbouncer`: an async
//! caller goes through `spawn_blocking`. The extension `pg_stat_statements` is preloaded, but
//! `CREATE EXTENSION` is left to the caller, who has a connection.

mod account;
mod binaries;
mod cluster;
mod conf;
mod error;
mod folder;
mod keep;
mod pgbouncer;
mod postmaster;
mod template;
mod throwaway;

pub use account::Account;
pub use binaries::Binaries;
pub use cluster::Cluster;
pub use conf::LabOptions;
pub use error::LabError;
pub use folder::reachable_by;
pub use keep::{
    KeptLab, KeptServer, start as start_kept, status as status_kept, stop as stop_kept,
};
pub use pgbouncer::PgBouncer;
pub use postmaster::StopMode;
pub use template::prepare_template;
pub use throwaway::Lab;
