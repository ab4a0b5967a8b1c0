//! Server logs as workloads: stderr with any `log_line_prefix`, csvlog and jsonlog of PostgreSQL 13
//! and later, plain or as `.gz`.
//!
//! What the captured file looks like is known by `captured`; who asks for it and what is printed, by
//! `cli`. A log is read in one pass with a fixed amount of memory: [`LogOptions::read`] cuts records
//! (`stderr`, `csvlog`, `jsonlog`), keeps sessions apart (`capture`), and knows each distinct
//! statement once (`lexer`, `statements`).

mod calls;
mod capture;
mod classify;
mod csvlog;
mod error;
mod hash;
mod infer;
mod input;
mod jsonlog;
mod lexer;
mod message;
mod params;
mod plans;
mod prefix;
mod read;
mod recognise;
mod record;
mod statements;
mod stderr;
mod summary;
mod time;

pub use error::LogError;
pub(in crate::workload) use lexer::without_constants;
pub use plans::{LogPlan, PlansRead};
pub use read::{LogOptions, ReadLog};
