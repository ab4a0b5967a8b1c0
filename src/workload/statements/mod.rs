//! A workload from the statements that a server has counted: weights by calls, values by what each
//! parameter is compared with.
//!
//! What a workload file is and how its values are drawn is decided one room up.
//!
//! `pg_stat_statements` keeps one text per statement, with `$n` where the application sent a value or
//! wrote a constant. The parse tree says what each `$n` is compared with or stored in; the server says
//! its type; the table gives the values. What nothing tells is listed, and never made up where it
//! would decide about rows.

mod capture;
mod catalog;
mod counted;
mod error;
mod fill;
mod text;
mod tree;
mod uses;
mod write;

pub use capture::{CaptureOptions, LeftOut, StatementsCapture, capture};
pub use error::CaptureError;
