//! The captured workload file: what sessions did, in the order and at the times at which they did it.
//!
//! Where the events come from is known by `log`; how they are replayed, by `drive`.
//!
//! One text file, read and written in one pass. The first line says what it is, the second is a JSON
//! object ([`Header`]), every further line is one entry of tab-separated fields:
//!
//! | Line | Fields |
//! |---|---|
//! | `Q` | statement: id, `r` or `w` (reads, writes), `q`, `t` or `s` ([`Role`]), number of parameters, template, first value of every slot |
//! | `B` | a session begins: offset, session, database, user, application |
//! | `S` | a call: offset, session, statement, duration, how, slot values, parameters |
//! | `I` | a call whose statement is written out: offset, session, duration, how, `r` or `w`, role, text, parameters |
//! | `E` | a session ends: offset, session |
//!
//! An offset is in microseconds since the entry before it, a duration in microseconds, or `-` where it
//! is not known. *How* is `s`, `x` or `p` ([`Protocol`]), then `!` if the call failed, then `~` if the
//! slots have other values than those of the `Q` line, which then follow. Fields are escaped as in
//! COPY's text format (`\t`, `\n`, `\r`, `\\`; `\N` is NULL); in a template `\?` stands for a constant
//! and `\#` for a comment, the slots, so that one line serves all calls that differ in nothing else.

mod error;
mod field;
mod model;
mod read;
mod sort;
mod write;

pub use error::CapturedError;
pub(in crate::workload) use field::{push_field, push_null, push_number};
pub use model::{CapturedStatement, Event, EventKind, Header, LeftOut, Protocol, Role};
pub use read::{CapturedFile, Events};
pub(in crate::workload) use write::{CapturedWriter, Definition, Entry};

/// What the first line says; a new meaning of any line is a new number.
const MAGIC: &str = "dbperf captured workload 1";
