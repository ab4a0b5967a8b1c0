//! Asks a server for plans, safely.
//!
//! What a plan means is decided in `analyze`.
//!
//! Texts come from `pg_stat_statements` and hold `$n` where the application sent values, or from the user. Every
//! probe runs in `BEGIN READ ONLY`, one statement per message of the extended protocol, and is
//! rolled back. The ladder: a generic plan without any value; with a workload's own values a
//! custom plan; and, only where asked, EXPLAIN ANALYZE of a SELECT that costs little enough. One way leads further,
//! for a change that the user asks for by name, on a database that he names: [`Execute::Changes`].

mod change;
mod error;
mod gate;
mod hidden;
mod ladder;
mod question;
mod scrub;
mod what_if;

pub use change::Allowed;
pub use gate::{Refusal, acts_beyond, explainable, with_casts};
pub use hidden::{HiddenProbe, Hide};
pub use ladder::{Candidate, ExplainOptions, plans};
pub use question::{Answer, Execute, Question, WrongValues, ask};
pub use scrub::{scrub, without_literals};
pub use what_if::WhatIfProbe;
