//! What is recorded of exchanges with a service beside their latency.

use std::collections::BTreeMap;
use std::time::Duration;

use super::probe::Setup;
use crate::drive::detail::Detail;
use crate::drive::recorder::Moments;
use crate::record::Millis;
use crate::record::load::{Operation, PartsByLatency, RequestPhases, ServerTiming};
use crate::record::server_timing;
use crate::workload::scenario::ScenarioOperation;

/// Names of `Server-Timing` entries of one operation, at most (ours): a service that makes names up must not fill
/// the memory.
const MOST_NAMES: usize = 32;

/// Longest such name that is kept (ours).
const LONGEST_NAME: usize = 64;

/// The entry that the service's own time in all goes by.
const TOTAL: &str = "total";

/// The part of a latency that the service does not know of.
const NETWORK: &str = "network";

/// The part of a latency before the request began.
const SCHEDULE_LAG: &str = "schedule_lag";

/// The parts of one exchange.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    pub(super) setup: Setup,
    /// To the first byte of the answer, from the begin or from the opened connection; `None` if none came.
    pub(super) waiting: Option<Duration>,
    /// From the first byte of the answer to its last.
    pub(super) receiving: Duration,
    /// What the service told: sums in milliseconds by name.
    timing: Vec<(String, f64)>,
}

impl Exchange {
    /// Forgets the exchange before.
    pub(super) fn restart(&mut self) {
        self.timing.clear();
        (self.setup, self.waiting, self.receiving) = (Setup::default(), None, Duration::ZERO);
    }

    /// Takes one `Server-Timing` header.
    pub(super) fn told(&mut self, header: &str) {
        for entry in server_timing::entries(header) {
            let Some(ms) = entry.dur_ms else { continue };
            let name = entry.name.get(..LONGEST_NAME).unwrap_or(entry.name);
            let known = self.timing.iter().position(|(known, _)| known == name);
            match known {
                Some(index) => self.timing[index].1 += ms,
                None if self.timing.len() < MOST_NAMES => self.timing.push((name.to_owned(), ms)),
                None => {}
            }
        }
    }

    fn of(&self, name: &str) -> Option<f64> {
        let found = self.timing.iter().find(|(known, _)| known == name);
        found.map(|(_, ms)| *ms)
    }
}

/// Sums of the exchanges of one operation.
#[derive(Debug)]
pub(super) struct Exchanges {
    operation: ScenarioOperation,
    /// Exchanges with an answer.
    told: u64,
    setup: Setup,
    waiting: Duration,
    receiving: Duration,
    timing: BTreeMap<String, ServerTiming>,
    by_latency: PartsByLatency,
    /// Messages that say that they were sent after they came.
    pub(super) from_the_future: u64,
    /// Messages without the time that they should have.
    pub(super) without_time: u64,
}

impl Exchanges {
    pub(super) fn new(operation: &ScenarioOperation) -> Self {
        Self {
            operation: operation.clone(),
            told: 0,
            setup: Setup::default(),
            waiting: Duration::ZERO,
            receiving: Duration::ZERO,
            timing: BTreeMap::new(),
            by_latency: PartsByLatency::default(),
            from_the_future: 0,
            without_time: 0,
        }
    }

    fn add_setup(&mut self, setup: &Setup) {
        self.setup.dns += setup.dns;
        self.setup.connecting += setup.connecting;
        self.setup.tls += setup.tls;
        let trips = [self.setup.round_trip, setup.round_trip];
        self.setup.round_trip = trips.into_iter().flatten().min();
    }

    /// The parts of one latency, where the service told its own. `network` is what it does not know of: opening
    /// connections, the way there and back, and queues before its first line of code. It is kept with its sign in the
    /// sums, because a service that rounds its total to milliseconds is above the truth as often as below.
    fn record_parts(&mut self, moments: Moments, latency: Duration, trace: &Exchange) {
        let exchange = moments.ended.saturating_duration_since(moments.started);
        let network = trace.of(TOTAL).map(|total| ms(exchange) - total);
        let own = trace.timing.iter();
        let own = own.filter(|(name, _)| network.is_none() || name != NETWORK);
        let lag = moments
            .due
            .map(|due| moments.started.saturating_duration_since(due));
        let parts = own
            .map(|(name, ms)| (name.as_str(), *ms))
            .chain(network.map(|ms| (NETWORK, ms)))
            .chain(lag.map(|lag| (SCHEDULE_LAG, ms(lag))));
        self.by_latency.record(ms(latency), parts);
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

impl Detail for Exchanges {
    type Trace = Exchange;

    fn name(&self) -> &str {
        &self.operation.name
    }

    fn is_pushed(&self) -> bool {
        self.operation.pushed
    }

    fn record(&mut self, moments: Moments, latency: Duration, trace: &Exchange) {
        if let Some(waiting) = trace.waiting {
            self.told += 1;
            self.add_setup(&trace.setup);
            self.waiting += waiting;
            self.receiving += trace.receiving;
        }
        if trace.timing.is_empty() {
            return;
        }
        for (name, ms) in &trace.timing {
            if let Some(sum) = self.timing.get_mut(name) {
                sum.requests += 1;
                sum.total.0 += ms;
            } else if self.timing.len() < MOST_NAMES {
                let first = ServerTiming {
                    requests: 1,
                    total: Millis(*ms),
                };
                self.timing.insert(name.clone(), first);
            }
        }
        self.record_parts(moments, latency, trace);
    }

    fn add(&mut self, other: Self) {
        self.told += other.told;
        self.add_setup(&other.setup);
        self.waiting += other.waiting;
        self.receiving += other.receiving;
        for (name, theirs) in other.timing {
            let mine = self.timing.entry(name).or_default();
            mine.requests += theirs.requests;
            mine.total += theirs.total;
        }
        self.by_latency.add(&other.by_latency);
        self.from_the_future += other.from_the_future;
        self.without_time += other.without_time;
    }

    fn fill(mut self, operation: &mut Operation) {
        if self.told > 0 {
            operation.phases = Some(RequestPhases {
                requests: self.told,
                // A user waits for no connection but its own.
                blocked: None,
                dns: Some(self.setup.dns.into()),
                connecting: Some(self.setup.connecting.into()),
                tls: Some(self.setup.tls.into()),
                // It is in the waiting: reqwest does not tell it.
                sending: None,
                waiting: Some(self.waiting.into()),
                receiving: Some(self.receiving.into()),
                round_trip: self.setup.round_trip.map(Millis::from),
                setup_in_latency: true,
            });
        }
        operation.server_timing = self.timing;
        for bin in self.by_latency.bins.values_mut() {
            if let Some(network) = bin.parts.get_mut(NETWORK) {
                network.0 = network.0.max(0.0);
            }
        }
        let any = !self.by_latency.bins.is_empty();
        operation.by_latency = any.then_some(self.by_latency);
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let (name, early) = (&self.operation.name, self.from_the_future);
        if early > 0 {
            remarks.push(format!(
                "{early} messages of `{name}` say that they were sent after they came: the clocks of the service \
                 and of this machine differ, and what they took is not known"
            ));
        }
        let untimed = self.without_time;
        if untimed > 0 {
            remarks.push(format!(
                "{untimed} messages of `{name}` have no time of sending where the scenario looks for it"
            ));
        }
        remarks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    /// The record of requests of 10 ms that were due 5 ms before, with these headers.
    fn recorded(headers: &[&str]) -> Operation {
        let operation = ScenarioOperation {
            name: "GET /".to_owned(),
            pushed: false,
        };
        let zero = Instant::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let moments = Moments {
            due: Some(at(0)),
            started: at(5),
            ended: at(15),
        };
        let mut sums = Exchanges::new(&operation);
        let mut other = Exchanges::new(&operation);
        let mut exchange = Exchange::default();
        for (index, header) in headers.iter().enumerate() {
            exchange.restart();
            exchange.told(header);
            exchange.waiting = Some(Duration::from_millis(9));
            let mine = if index % 2 == 0 {
                &mut sums
            } else {
                &mut other
            };
            mine.record(moments, Duration::from_millis(15), &exchange);
        }
        sums.add(other);
        let mut operation = Operation::default();
        sums.fill(&mut operation);
        operation
    }

    #[test]
    fn network_is_what_the_service_does_not_know_of() {
        let operation = recorded(&[
            "db;dur=3, network;dur=99, total;dur=8",
            "db;dur=1, total;dur=11",
        ]);
        let all = operation.by_latency.unwrap().slowest(1.0).unwrap();
        // 10 − 8 and 10 − 11: rounding goes both ways, and the sum keeps its sign.
        assert!((all.parts[NETWORK].0 - 1.0).abs() < 1e-9, "{all:?}");
        assert!((all.parts[SCHEDULE_LAG].0 - 10.0).abs() < 1e-9);
        assert!((all.parts["db"].0 - 4.0).abs() < 1e-9);
        assert!((operation.server_timing["network"].total.0 - 99.0).abs() < 1e-9);
        assert_eq!(operation.phases.unwrap().requests, 2);
        let above = recorded(&["total;dur=11"]).by_latency.unwrap();
        assert!(above.slowest(1.0).unwrap().parts[NETWORK].0.abs() < 1e-9);
        let silent = recorded(&["db", ""]);
        assert!(silent.by_latency.is_none() && silent.server_timing.is_empty());
        // Without a total nobody knows what is missing.
        let partial = recorded(&["db;dur=3"]).by_latency.unwrap();
        assert!(!partial.slowest(1.0).unwrap().parts.contains_key(NETWORK));
    }

    #[test]
    fn a_service_that_makes_names_up_does_not_fill_the_memory() {
        let header = |i: u32| {
            let names: Vec<String> = (0..100).map(|j| format!("n{i}-{j};dur=1")).collect();
            names.join(",")
        };
        let headers: Vec<String> = (0..100).map(header).collect();
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        assert!(recorded(&headers).server_timing.len() <= 2 * MOST_NAMES);
    }
}
