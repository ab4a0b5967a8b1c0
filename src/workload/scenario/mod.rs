//! Scenarios: what users do to a service over HTTP and WebSocket.
//!
//! ```toml
//! base_url = "http://localhost:8000"
//!
//! [values]
//! plan = "zipf 1 1000 1.1"
//!
//! [[user]]
//! think = "1s..5s"
//! order = "random"
//!
//! [[user.step]]
//! weight = 3
//! request = "GET /lords/strategos/plans/{plan}"
//! ```
//!
//! The whole format is described in `docs/scenario.md`. When and how fast is not said here, but may be proposed.

mod error;
mod form;
mod model;
mod parse;
mod proposal;
mod steps;
mod template;
mod values;

pub use error::ScenarioError;
pub use model::{
    Action, Answer, Body, HttpStep, Keep, LoadProposal, Order, Proposed, Scenario,
    ScenarioOperation, ScenarioStep, ScenarioUser, StatusSet, Until,
};
pub use template::Template;
pub use values::ScenarioValues;
