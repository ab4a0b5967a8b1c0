//! A scenario as plain data.

use std::time::Duration;

use crate::workload::Think;

use super::template::Template;
use super::values::ScenarioValues;

/// Time that a request may take, unless the scenario says otherwise (ours): what takes longer has lost its user.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What users do to a service.
#[derive(Debug)]
pub struct Scenario {
    /// Name of the file it was read from, as it was given.
    pub file: String,
    /// What it is about.
    pub title: Option<String>,
    /// Address of the service, in front of every path; a flag overrides it.
    pub base_url: Option<String>,
    /// A request, a connect or an answer over WebSocket that takes longer has failed.
    pub timeout: Duration,
    /// Proposals for when and how fast; flags override them.
    pub load: LoadProposal,
    /// Values that are drawn for requests, and values of answers that are kept.
    pub values: ScenarioValues,
    /// At least one.
    pub users: Vec<ScenarioUser>,
    /// What is recorded by itself, in the order of the file; steps of one name share one.
    pub operations: Vec<ScenarioOperation>,
}

/// Something that the file proposes, with its line for messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposed<T> {
    /// What it proposes.
    pub value: T,
    /// Line, from 1.
    pub line: usize,
}

/// Proposals for when and how fast.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LoadProposal {
    /// Concurrent users, each waiting for its answer.
    pub clients: Option<u32>,
    /// Requests that are due per second.
    pub rate: Option<f64>,
    /// Distances of requests with a rate are even (`true`) or those of independent users.
    pub even: Option<bool>,
    /// Levels over time, as the flag has them.
    pub stages: Option<Proposed<String>>,
    /// Length of the window.
    pub duration: Option<Duration>,
    /// Load before the window.
    pub warmup: Option<Duration>,
    /// Each step alone, so many times.
    pub baseline: Option<u32>,
}

/// What is recorded by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioOperation {
    /// Such as `GET /lords/strategos/plans/{plan}`.
    pub name: String,
    /// Messages that the service pushes: no request of ours.
    pub pushed: bool,
}

/// One kind of user.
#[derive(Debug)]
pub struct ScenarioUser {
    /// For messages.
    pub name: String,
    /// Share of the users, relative to the other kinds; at least 1.
    pub weight: u32,
    /// Pause after each step.
    pub think: Think,
    /// In which order the steps come.
    pub order: Order,
    /// At least one.
    pub steps: Vec<ScenarioStep>,
}

/// In which order the steps of a user come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As in the file, again and again.
    #[default]
    Sequence,
    /// Drawn by weight.
    Random,
}

/// One step of a user.
#[derive(Debug)]
pub struct ScenarioStep {
    /// Index of its operation.
    pub operation: usize,
    /// How often it is drawn, relative to the other steps; at least 1.
    pub weight: u32,
    /// Pause after it, where it differs from the user's.
    pub think: Option<Think>,
    /// Values that are drawn before it: slots of [`ScenarioValues`].
    pub draws: Vec<usize>,
    /// What is done.
    pub action: Action,
}

/// What a step does.
#[derive(Debug)]
pub enum Action {
    /// A request over HTTP.
    Http(Box<HttpStep>),
    /// Opens a WebSocket.
    Connect {
        /// Path and query.
        path: Template,
        /// Headers of the handshake.
        headers: Vec<(String, Template)>,
    },
    /// Sends a text over the WebSocket.
    Send {
        /// The text.
        text: Template,
        /// What is waited for.
        answer: Answer,
    },
    /// Sends a ping frame and waits for its pong.
    Ping,
    /// Counts what the service pushes.
    Receive {
        /// How long.
        until: Until,
        /// JSON pointer to the moment at which a message was sent.
        timestamp: Option<String>,
    },
    /// Closes the WebSocket, and waits until the service has.
    Close,
    /// Drops the connection and opens a new one to the same address.
    Reconnect,
}

/// What is waited for after a text was sent.
#[derive(Debug)]
pub enum Answer {
    /// Nothing.
    None,
    /// The next message, whatever it is.
    Any,
    /// The next message that has this text in it.
    With(Template),
}

/// When a step that receives ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// After this time.
    Time(Duration),
    /// After so many messages, at least 1; within the timeout of a request each.
    Messages(u64),
}

/// A request over HTTP.
#[derive(Debug)]
pub struct HttpStep {
    /// Such as `GET`.
    pub method: String,
    /// Path and query.
    pub path: Template,
    /// Of the scenario and of the step; names are in lower case and unique.
    pub headers: Vec<(String, Template)>,
    /// What is sent.
    pub body: Option<Body>,
    /// Answers that are no failure.
    pub status: StatusSet,
    /// The answer has to have this text in it.
    pub contains: Option<Template>,
    /// What of the answer later steps use.
    pub keep: Vec<Keep>,
}

/// What a request sends.
#[derive(Debug)]
pub struct Body {
    /// Its text.
    pub text: Template,
    /// It is JSON, and says so unless a header says something else.
    pub json: bool,
}

/// A part of an answer that later steps use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// Slot of [`ScenarioValues`].
    pub slot: usize,
    /// JSON pointer (RFC 6901), such as `/access_token`.
    pub pointer: String,
}

/// Status codes that are no failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusSet(pub(super) Vec<(u16, u16)>);

impl Default for StatusSet {
    /// 200 to 399.
    fn default() -> Self {
        Self(vec![(200, 399)])
    }
}

impl StatusSet {
    /// Whether an answer with this code is no failure.
    #[must_use]
    pub fn has(&self, status: u16) -> bool {
        self.0
            .iter()
            .any(|(from, to)| (*from..=*to).contains(&status))
    }
}

impl Scenario {
    /// Time that a request may take without a word about it.
    pub(super) fn default_timeout() -> Duration {
        TIMEOUT
    }

    /// Some user opens a WebSocket.
    #[must_use]
    pub fn has_sockets(&self) -> bool {
        let mut steps = self.users.iter().flat_map(|user| &user.steps);
        steps.any(|step| matches!(step.action, Action::Connect { .. }))
    }
}
