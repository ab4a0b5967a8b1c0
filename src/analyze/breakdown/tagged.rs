//! Statements of endpoints by the tags that sampled statements carried in their comments (`sqlcommenter`, `marginalia`), or
//! by an `application_name` that is an endpoint's name.
//!
//! The comments that `pg_stat_statements` keeps are never used: it keeps those of the first text that it saw of a
//! statement, whoever sends it later.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::conclusions::Basis;
use crate::analyze::database_time::counts;
use crate::record::Run;
use crate::record::activity::SessionSample;
use crate::record::load::LoadResult;
use crate::stats::{Interval, wilson};

use super::api::{Attribution, DbExec};
use super::catalogue::Catalogue;
use super::names::same;

/// Keys of tags that name an endpoint, best first.
const ROUTES: [&str; 4] = ["route", "endpoint", "path", "action"];

/// Execution executed by statements that were seen in samples, over all of it, from which the rest is small (ours).
const MIN_SEEN_RATIO: f64 = 0.8;

/// The samples of one statement, by endpoint; `None` for those without a tag that names one.
#[derive(Debug, Default)]
struct Seen<'a> {
    samples: BTreeMap<Option<&'a str>, u64>,
    /// Samples of one execution are not independent: executions are counted.
    executions: BTreeSet<(i32, Option<jiff::Timestamp>)>,
}

/// Execution per request of every endpoint that tags name; nothing where no tag names one, or where the server does not
/// tell which statement a session executes (before 14).
pub(super) fn execution(
    run: &Run,
    result: &LoadResult,
    requests: &BTreeMap<String, f64>,
    catalogue: &Catalogue<'_>,
) -> BTreeMap<String, DbExec> {
    let seen = by_statement(run, result);
    let exec_of = |ids: &mut dyn Iterator<Item = &i64>| -> f64 {
        ids.map(|id| catalogue.totals_of(&[*id]).exec_ms).sum()
    };
    let tagged = |s: &&Seen<'_>| s.samples.keys().any(Option::is_some);
    if !seen.values().any(|s| tagged(&s)) {
        return BTreeMap::new();
    }
    let seen_ms = exec_of(&mut seen.keys());
    let all_ms = catalogue.exec_ms();
    if seen_ms < MIN_SEEN_RATIO * all_ms {
        return BTreeMap::new();
    }
    let names: BTreeSet<&str> = seen
        .values()
        .flat_map(|s| s.samples.keys().copied().flatten())
        .collect();
    names
        .into_iter()
        .filter_map(|name| {
            let number = requests.get(name).copied().filter(|n| *n > 0.0)?;
            let exec = of_endpoint(name, number, &seen, all_ms - seen_ms, catalogue);
            Some((name.to_owned(), exec))
        })
        .collect()
}

fn of_endpoint(
    name: &str,
    requests: f64,
    seen: &BTreeMap<i64, Seen<'_>>,
    unseen_ms: f64,
    catalogue: &Catalogue<'_>,
) -> DbExec {
    let (mut mean_ms, mut below, mut above) = (0.0, 0.0, 0.0);
    let mut attributions = Vec::new();
    let mut samples = 0;
    for (id, statement) in seen {
        let all: u64 = statement.samples.values().sum();
        let own = statement.samples.get(&Some(name)).copied().unwrap_or(0);
        if own == 0 {
            continue;
        }
        samples += own;
        let totals = catalogue.totals_of(&[*id]);
        let share = own as f64 / all as f64;
        let ends = wilson(share, statement.executions.len() as f64);
        let each = totals.exec_ms / requests;
        mean_ms += share * each;
        below += ((share - ends.low) * each).powi(2);
        above += ((ends.high - share) * each).powi(2);
        let calls = totals.calls as f64 / requests;
        attributions.push(Attribution {
            id: *id,
            calls_per_request: share * calls,
            basis: Basis::Inferred,
            interval: Some(Interval {
                low: ends.low * calls,
                high: ends.high * calls,
            }),
        });
    }
    DbExec {
        mean_ms,
        ends: Some(Interval {
            low: (mean_ms - below.sqrt()).max(0.0),
            // What was in no sample may be this endpoint's as well.
            high: mean_ms + above.sqrt() + unseen_ms / requests,
        }),
        basis: Basis::Inferred,
        note: format!(
            "by the tags of {samples} sampled executions: the part of each statement that carried this endpoint's"
        ),
        attributions,
    }
}

/// Samples of active sessions by statement and endpoint.
fn by_statement<'a>(run: &Run, result: &'a LoadResult) -> BTreeMap<i64, Seen<'a>> {
    let mut found: BTreeMap<i64, Seen<'a>> = BTreeMap::new();
    let sessions = run
        .activity
        .iter()
        .flat_map(|a| &a.samples)
        .flat_map(|s| &s.sessions);
    let mut known: BTreeMap<String, Option<&'a str>> = BTreeMap::new();
    for session in sessions.filter(|s| counts(s)) {
        let Some(id) = session.query_id else {
            continue;
        };
        let tag = tag_of(session);
        let endpoint = match tag {
            None => None,
            Some(tag) => *known
                .entry(tag.to_owned())
                .or_insert_with(|| only_endpoint(tag, result)),
        };
        let seen = found.entry(id.0).or_default();
        *seen.samples.entry(endpoint).or_default() += 1;
        seen.executions.insert((
            session.leader_pid.unwrap_or(session.pid),
            session.query_start,
        ));
    }
    found
}

fn tag_of(session: &SessionSample) -> Option<&str> {
    let tagged = ROUTES.iter().find_map(|key| session.tags.get(*key));
    let name = || Some(session.application_name.as_str()).filter(|name| name.contains('/'));
    tagged.map(String::as_str).or_else(name)
}

/// The operation that a tag names; `None` where several would be, such as two methods of one route.
fn only_endpoint<'a>(tag: &str, result: &'a LoadResult) -> Option<&'a str> {
    let mut fits = result
        .operations
        .iter()
        .filter(|o| o.requests > 0 && same(&o.name, tag));
    match (fits.next(), fits.next()) {
        (Some(one), None) => Some(&one.name),
        _ => None,
    }
}
