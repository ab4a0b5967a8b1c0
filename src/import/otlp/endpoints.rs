//! Requests of traces become sums by endpoint.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::record::Millis;
use crate::record::load::PartsByLatency;
use crate::record::traces::{TracedEndpoint, TracedStatement};
use crate::stats::LatencyHistogram;

use super::names::Names;
use super::statements::{OTHERS, Statements};
use super::unions::Division;

/// Most pairs of an endpoint and a statement.
const MAX_PAIRS: usize = 200_000;

/// One request; times in nanoseconds.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) endpoint: u32,
    pub(super) duration: u64,
    pub(super) is_error: bool,
    pub(super) parts: Division,
    /// Some span of it acquired a connection.
    pub(super) has_pool: bool,
    /// Duration of the client span around it.
    pub(super) client: Option<u64>,
    pub(super) calls: Vec<Call>,
}

/// One call of a statement.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) statement: u32,
    pub(super) duration: u64,
}

#[derive(Debug, Default)]
struct Sums {
    requests: u64,
    failures: u64,
    duration: LatencyHistogram,
    duration_ns: u128,
    database_ns: u128,
    pool_ns: u128,
    /// Some request acquired a connection.
    has_pool: bool,
    other_ns: u128,
    own_ns: u128,
    with_client: u64,
    outside_ns: u128,
    by_latency: PartsByLatency,
    statements: BTreeMap<u32, (u64, u128)>,
}

/// All endpoints.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    sums: HashMap<u32, Sums>,
    pairs: usize,
    has_pool: bool,
    /// Spans that were sent more than once.
    pub(super) repeated: u64,
    /// Spans of the database or a pool outside of any request.
    pub(super) apart: u64,
    /// Spans that were moved by less than a millisecond, see `clock.rs`.
    pub(super) moved: u64,
    /// Client spans that are shorter than the server span in them.
    shorter: u64,
}

/// Nanoseconds in milliseconds.
fn ms(nanos: u128) -> f64 {
    nanos as f64 / 1e6
}

impl Endpoints {
    /// Adds a request.
    pub(super) fn add(&mut self, request: &Request) {
        self.has_pool |= request.has_pool;
        let sums = self.sums.entry(request.endpoint).or_default();
        sums.requests += 1;
        sums.failures += u64::from(request.is_error);
        sums.duration.record(Duration::from_nanos(request.duration));
        sums.duration_ns += u128::from(request.duration);
        let Division {
            database,
            pool,
            other,
            own,
        } = request.parts;
        sums.database_ns += u128::from(database);
        sums.pool_ns += u128::from(pool);
        sums.has_pool |= request.has_pool;
        sums.other_ns += u128::from(other);
        sums.own_ns += u128::from(own);
        let mut parts = vec![
            ("db", ms(database.into())),
            ("pool", ms(pool.into())),
            ("other", ms(other.into())),
            ("app", ms(own.into())),
        ];
        if let Some(client) = request.client {
            sums.with_client += 1;
            self.shorter += u64::from(client < request.duration);
            let outside = u128::from(client.saturating_sub(request.duration));
            sums.outside_ns += outside;
            parts.push(("network", ms(outside)));
        }
        sums.by_latency.record(ms(request.duration.into()), parts);
        for call in &request.calls {
            let full = self.pairs >= MAX_PAIRS && !sums.statements.contains_key(&call.statement);
            let statement = if full { OTHERS } else { call.statement };
            let known = sums.statements.len();
            let (calls, nanos) = sums.statements.entry(statement).or_default();
            *calls += 1;
            *nanos += u128::from(call.duration);
            self.pairs += sums.statements.len() - known;
        }
    }

    /// What did not add up.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.repeated > 0 {
            warnings.push(format!(
                "{} spans are in the file more than once and count once",
                self.repeated
            ));
        }
        if self.apart > 0 {
            warnings.push(format!(
                "{} spans of the database or a pool belong to no server span: they are of no endpoint",
                self.apart
            ));
        }
        if self.moved > 0 {
            warnings.push(format!(
                "spans start at whole milliseconds (as OpenTelemetry for JavaScript writes them): {} that seem to \
                 overlap by less than one are taken to follow each other",
                self.moved
            ));
        }
        if self.shorter > 0 {
            warnings.push(format!(
                "{} client spans are shorter than the server span in them: nothing counts as outside of these",
                self.shorter
            ));
        }
        warnings
    }

    /// The endpoints, most time first.
    pub(super) fn finish(self, names: &Names, statements: &Statements) -> Vec<TracedEndpoint> {
        let has_pool = self.has_pool;
        let mut endpoints: Vec<TracedEndpoint> = self
            .sums
            .into_iter()
            .map(|(number, sums)| endpoint(names.of(number), sums, has_pool, statements))
            .collect();
        endpoints.sort_by(|a, b| {
            let time = b.duration_total.0.total_cmp(&a.duration_total.0);
            time.then_with(|| a.name.cmp(&b.name))
        });
        endpoints
    }
}

fn endpoint(name: &str, sums: Sums, has_pool: bool, statements: &Statements) -> TracedEndpoint {
    let mut ran: Vec<TracedStatement> = sums
        .statements
        .iter()
        .map(|(number, (calls, nanos))| {
            let (name, fingerprint) = statements.named(*number);
            TracedStatement {
                name: name.to_owned(),
                fingerprint: fingerprint.map(str::to_owned),
                calls: *calls,
                total: Millis(ms(*nanos)),
            }
        })
        .collect();
    ran.sort_by(|a, b| {
        b.total
            .0
            .total_cmp(&a.total.0)
            .then_with(|| a.name.cmp(&b.name))
    });
    TracedEndpoint {
        name: name.to_owned(),
        requests: sums.requests,
        failures: sums.failures,
        duration: sums.duration,
        duration_total: Millis(ms(sums.duration_ns)),
        database: Millis(ms(sums.database_ns)),
        // A route that uses the database and shows no acquire has a pool that no span tells of.
        pool_wait: (sums.has_pool || (has_pool && sums.database_ns == 0))
            .then(|| Millis(ms(sums.pool_ns))),
        other_calls: Millis(ms(sums.other_ns)),
        own: Millis(ms(sums.own_ns)),
        with_client: sums.with_client,
        outside: Millis(ms(sums.outside_ns)),
        by_latency: sums.by_latency,
        statements: ran,
    }
}
