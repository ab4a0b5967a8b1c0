//! What to run: operations, statements, weights, parameter generators.
//!
//! When and how fast is decided in `drive`.
//!
//! A workload file is SQL with directives in comments:
//!
//! ```sql
//! -- dbperf workload: architect
//! -- clients: 16
//! -- pool-size: 4
//! -- think: 0ms
//!
//! -- operation: GET /initiatives
//! -- weight: 30
//! -- param workspace_id: zipf 1 200 1.2
//! -- statement: list initiatives
//! SELECT id, title FROM initiatives WHERE workspace_id = :workspace_id LIMIT 20;
//! -- foreach: list initiatives.id
//! -- statement: count tasks
//! SELECT count(*) FROM tasks WHERE initiative_id = :id;
//! ```
//!
//! The whole format is described in `docs/workload.md`.
//!
//! Every `:name` becomes a `$n` whose type the server tells, so that no cast in the text changes a plan.

mod captured;
mod check;
mod draw;
mod drawers;
mod error;
mod generate;
mod log;
mod model;
mod names;
mod numeric;
mod parse;
pub mod pgbench;
mod samples;
mod scan;
pub mod scenario;
mod spell;
pub mod statements;
mod value;

pub use captured::{
    CapturedError, CapturedFile, CapturedStatement, Event, EventKind, Events, Header, LeftOut,
    Protocol, Role,
};
pub use drawers::{Drawers, slot_types};
pub use error::{DrawError, DrawProblem, WorkloadError};
pub use generate::{Generator, Pick};
pub use log::{LogError, LogOptions, LogPlan, PlansRead, ReadLog};
pub use model::{
    Defaults, Foreach, Param, StatementKind, Think, TransactionShape, WeightedScript, Workload,
    WorkloadOperation, WorkloadStatement,
};
pub use names::{ColumnName, TableName};
pub use samples::Samples;
pub use value::{RawValue, Value, ValueError};
