//! When and how fast: clients, schedules, and the recorder of what happened.
//!
//! What is run comes from `workload`, connections come from `pool`.
//!
//! [`replay`] is a closed loop: each client sends its next request after the answer to the one
//! before, and a pause. Everything runs on one thread, connections included, because that costs least
//! per operation; the thread's CPU time decides whether the driver was the limit.
//!
//! Methodology: a request belongs to the window if it starts in it. At the end of the window clients
//! stop, requests under way are waited for, and the length of the result reaches to the last answer.
//! Statements are prepared once per connection, in its first use, and that time counts as latency,
//! as it does in an application; a warm-up keeps it out of the window.

mod client;
mod control;
mod doubt;
mod error;
mod options;
mod plan;
mod recorder;
mod replay;
mod request;
mod session;
mod trace;

pub use control::{Control, Gate, Progress, Stopper};
pub use error::{DriveError, StatementPlace};
pub use options::{DriveOptions, Replayed};
pub use replay::replay;
pub use session::APPLICATION_NAME;
