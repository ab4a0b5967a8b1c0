//! One user of a service, and the service as the target of a load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::Rng as _;
use rand::distr::Distribution as _;
use rand::distr::weighted::WeightedIndex;
use rand_chacha::ChaCha8Rng;

use super::agent::Agent;
use super::baseline::{Baseline, Progress};
use super::dial::Address;
use super::options::HttpOptions;
use super::ready::Ready;
use super::socket::Socket;
use super::tls::Trust;
use super::wire::{Exchange, Exchanges};
use crate::drive::DriveError;
use crate::drive::client::Thread;
use crate::drive::failure::Failure;
use crate::drive::switch::Phase;
use crate::drive::target::Target;
use crate::workload::scenario::{Action, Order, Scenario, ScenarioStep};
use crate::workload::{Think, Value};

/// A scenario and the service that it is for.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) scenario: Scenario,
    /// The base URL without the slash at its end.
    pub(super) base: String,
    /// Where the service is.
    pub(super) address: Address,
    pub(super) trust: Trust,
    pub(super) timeout: Duration,
    /// Fixed parts by user and step.
    ready: Vec<Vec<Ready>>,
    /// Users by number, over and over: kinds in their shares, whatever the number of users.
    rota: Vec<usize>,
    kinds: Option<WeightedIndex<u32>>,
    /// By user; `None` for a sequence.
    steps: Vec<Option<WeightedIndex<u32>>>,
    /// Requests come on a schedule.
    open: bool,
    think: Option<Think>,
    baseline: Option<Baseline>,
    window: AtomicBool,
}

/// What one user keeps from one request to the next.
pub(super) struct User {
    pub(super) rng: ChaCha8Rng,
    /// Values.
    pub(super) slots: Vec<Value>,
    pub(super) agent: Option<Agent>,
    pub(super) socket: Option<Socket>,
    pub(super) trace: Exchange,
    /// When the answer was there, if that is known better than by the clock now.
    pub(super) ended: Option<Instant>,
    kind: usize,
    /// The next step of a sequence.
    at: usize,
    /// Kind and step of the request that was prepared.
    chosen: (usize, usize),
    think: Think,
    baseline: Progress,
}

impl Service {
    pub(super) fn new(scenario: Scenario, options: &HttpOptions) -> Result<Self, DriveError> {
        let address = Address::of(&options.base_url);
        let trust = Trust::load(address.has_tls())?;
        // What reqwest refuses is said once and not by every user.
        Agent::new(&trust).map_err(|error| DriveError::Tls(error.to_string()))?;
        let users = &scenario.users;
        let weights: Vec<u32> = users.iter().map(|user| user.weight).collect();
        let steps = users.iter().map(|user| match user.order {
            Order::Sequence => None,
            Order::Random => WeightedIndex::new(user.steps.iter().map(|step| step.weight)).ok(),
        });
        let ready = users
            .iter()
            .map(|user| user.steps.iter().map(Ready::new).collect());
        Ok(Self {
            base: options.base_url.as_str().trim_end_matches('/').to_owned(),
            address,
            trust,
            timeout: options.timeout,
            ready: ready.collect(),
            rota: rota(&weights),
            kinds: WeightedIndex::new(&weights).ok(),
            steps: steps.collect(),
            open: options.drive.is_open(),
            think: options.think,
            baseline: options
                .baseline
                .map(|times| Baseline::new(&scenario, times)),
            window: AtomicBool::new(false),
            scenario,
        })
    }

    fn step(&self, (kind, step): (usize, usize)) -> Option<&ScenarioStep> {
        self.scenario.users.get(kind)?.steps.get(step)
    }

    fn draw_kind(&self, rng: &mut ChaCha8Rng) -> usize {
        self.kinds.as_ref().map_or(0, |kinds| kinds.sample(rng))
    }

    /// Kind and step of the next request. With a schedule a client is whoever has something to do: its kind is drawn
    /// anew where a user's steps begin, so that kinds keep their shares whichever clients are free.
    fn choose(&self, user: &mut User) -> Option<(usize, usize)> {
        if let Some(baseline) = &self.baseline {
            let opened = self.window.load(Ordering::Acquire);
            return baseline.next(&mut user.baseline, opened);
        }
        if self.open && user.at == 0 {
            user.kind = self.draw_kind(&mut user.rng);
        }
        let step = match self.steps.get(user.kind)? {
            Some(steps) => steps.sample(&mut user.rng),
            None => user.at,
        };
        Some((user.kind, step))
    }

    /// The step was taken: the next one of a sequence follows.
    fn advance(&self, user: &mut User) {
        let (kind, step) = user.chosen;
        let of_kind = &self.scenario.users[kind];
        user.at = match of_kind.order {
            Order::Random => 0,
            Order::Sequence => (step + 1) % of_kind.steps.len(),
        };
    }

    /// A WebSocket step failed: the connection is of no use, and the user begins anew.
    fn start_over(&self, user: &mut User) {
        user.socket = None;
        user.at = 0;
        if let Some(baseline) = &self.baseline {
            baseline.give_up(&mut user.baseline);
        }
    }
}

/// Each kind so often as its weight says, as evenly as whole numbers can be laid out.
fn rota(weights: &[u32]) -> Vec<usize> {
    let all: i64 = weights.iter().map(|weight| i64::from(*weight)).sum();
    let mut credit = vec![0i64; weights.len()];
    let mut rota = Vec::new();
    for _ in 0..all {
        for (credit, weight) in credit.iter_mut().zip(weights) {
            *credit += i64::from(*weight);
        }
        // The first of those with the most credit.
        let most = credit.iter().copied().max().unwrap_or_default();
        let kind = credit.iter().position(|c| *c == most).unwrap_or_default();
        credit[kind] -= all;
        rota.push(kind);
    }
    rota
}

impl Target for Service {
    type Client = User;
    type Detail = Exchanges;

    fn details(&self) -> impl Iterator<Item = Exchanges> {
        self.scenario.operations.iter().map(Exchanges::new)
    }

    fn client(&self, number: usize, rng: ChaCha8Rng) -> User {
        let kind = self.rota.get(number % self.rota.len().max(1));
        let mut user = User {
            rng,
            slots: self.scenario.values.begin(),
            agent: Agent::new(&self.trust).ok(),
            socket: None,
            trace: Exchange::default(),
            ended: None,
            kind: kind.copied().unwrap_or_default(),
            at: 0,
            chosen: (0, 0),
            think: Think::default(),
            baseline: Progress::default(),
        };
        // Before its first step a user pauses as after any other.
        user.think = self
            .think
            .unwrap_or_else(|| self.scenario.users[user.kind].think);
        user
    }

    fn rng(client: &mut User) -> &mut ChaCha8Rng {
        &mut client.rng
    }

    fn think(&self, client: &User) -> Think {
        client.think
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> usize {
        let kind = self.draw_kind(rng);
        let step = match &self.steps[kind] {
            Some(steps) => steps.sample(rng),
            None => rng.random_range(0..self.scenario.users[kind].steps.len()),
        };
        self.step((kind, step)).map_or(0, |step| step.operation)
    }

    fn prepare(&self, client: &mut User) -> Option<usize> {
        client.chosen = self.choose(client)?;
        let step = self.step(client.chosen)?;
        for slot in &step.draws {
            let values = &self.scenario.values;
            values.draw(*slot, &mut client.rng, &mut client.slots);
        }
        let of_user = self.scenario.users[client.chosen.0].think;
        client.think = self.think.or(step.think).unwrap_or(of_user);
        Some(step.operation)
    }

    fn begin(client: &mut User, _started: Instant) {
        client.trace.restart();
        client.ended = None;
        if let Some(agent) = &client.agent {
            // What was opened for a request that was given up is not this one's.
            agent.probe.take();
        }
    }

    async fn run(
        &self,
        thread: &Thread<Self>,
        client: &mut User,
        operation: usize,
        started: Instant,
    ) -> Result<(), Failure> {
        let (kind, index) = client.chosen;
        let step = &self.scenario.users[kind].steps[index];
        let ready = &self.ready[kind][index];
        if self.baseline.is_none() {
            self.advance(client);
        }
        let result = match &step.action {
            Action::Http(http) => {
                let exchange = self.exchange(client, http, ready, started);
                let done = tokio::time::timeout(self.timeout, exchange).await;
                done.unwrap_or(Err(Failure::Timeout))
            }
            Action::Receive { until, timestamp } => {
                let pointer = timestamp.as_deref();
                self.receive(thread, client, operation, *until, pointer)
                    .await
            }
            action => {
                let step = self.socket_step(client, action, ready, started);
                let done = tokio::time::timeout(self.timeout, step).await;
                done.unwrap_or(Err(Failure::Timeout))
            }
        };
        if result.is_err() && !matches!(step.action, Action::Http(_)) {
            self.start_over(client);
        }
        if let Some(baseline) = &self.baseline
            && baseline.is_done(&client.baseline)
        {
            thread.shared.switch.enter(Phase::Finish);
        }
        result
    }

    fn end(client: &mut User) -> Instant {
        client.ended.take().unwrap_or_else(Instant::now)
    }

    fn trace(client: &User) -> &Exchange {
        &client.trace
    }

    fn is_warm_up(&self, client: &User) -> bool {
        // Each step is to be counted exactly so often.
        self.baseline.is_some() && !client.baseline.counts()
    }

    fn window_opened(&self, _at: Instant) {
        self.window.store(true, Ordering::Release);
    }
}

impl Service {
    /// Opens a connection to the service and closes it again, to say what is wrong before thousands of requests do.
    pub(super) async fn reach(&self) -> Result<(), Failure> {
        let probe = Arc::default();
        let config = Arc::new(self.trust.of_user(&probe, &["h2", "http/1.1"]));
        self.address.dial(&config, &probe).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_keep_their_shares_at_any_number_of_users() {
        let rota = rota(&[3, 1, 1]);
        assert_eq!(rota, [0, 1, 0, 2, 0]);
        let long: Vec<usize> = (0..100).map(|n| rota[n % rota.len()]).collect();
        for users in 1..100 {
            let first = long[..users].iter().filter(|k| **k == 0).count() as f64;
            assert!((first - 0.6 * users as f64).abs() <= 1.0, "{users}");
        }
    }
}
