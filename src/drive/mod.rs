//! When and how fast: clients, schedules, and the recorder of what happened.
//!
//! What is run comes from `workload`, connections come from `pool`.
//!
//! In a closed loop each client sends its next request after the answer to the one before, and a pause. In
//! an open loop requests are due on a schedule, whatever the answers do, and latency counts from the moment
//! at which a request was due. Each thread of the driver has its part of the clients, and moves the bytes of
//! their connections itself, because that costs least per operation; the threads' CPU time, the time in which
//! they had no core, and the lag behind the schedule decide whether the driver was the limit.
//!
//! Methodology: a request belongs to the window if it starts, or is due, in it. At the end of the window
//! clients stop, requests under way are waited for, and the length of the result reaches to the last answer.
//! Statements are prepared once per connection, in its first use, and that time counts as latency,
//! as it does in an application; a warm-up keeps it out of the window.

mod arrivals;
mod captured;
mod captured_session;
mod client;
mod column;
mod compare;
mod control;
mod course;
mod deadline;
mod detail;
mod doubt;
mod error;
mod failure;
mod http;
mod options;
mod outcome;
mod pipeline;
mod plan;
mod plan_script;
mod profile;
mod program;
mod recorder;
mod replay;
mod request;
mod session;
mod sql;
mod state;
mod sweep;
mod switch;
mod target;
mod thread;
mod timer;
mod times;
mod totals;
mod trace;
mod watchdog;

pub use arrivals::Arrivals;
pub use captured::{CapturedOptions, replay_captured};
pub use control::{Control, Gate, Progress, Stopper};
pub use error::{DriveError, StatementPlace};
pub use http::{HttpOptions, load};
pub use options::{DriveOptions, LoadShape, PoolKind, Replayed, Shard};
pub use profile::{Profile, StageSpec, Stages, Unit};
pub use replay::replay;
pub use sweep::{NextTurns, SweepTerms, sweep};
