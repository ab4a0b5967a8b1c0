//! `chatty-statement`: an endpoint that runs one statement many times for one row each (N+1).

use std::collections::BTreeMap;

use crate::analyze::conclusions::{Basis, Endpoint, Evidence, Severity, Statement};

use super::draft::Draft;
use super::text::one_line;
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "chatty-statement",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let breakdown = facts.conclusions.breakdown.as_ref().ok_or_else(|| {
        "statements are not attributed to endpoints (--workload, or --api with a mapping)"
            .to_owned()
    })?;
    let statements: Vec<&Statement> = facts.tunable()?.collect();
    let endpoints = breakdown.endpoints.iter();
    if endpoints.clone().all(|e| e.statements.is_empty()) {
        let why = breakdown.notes.join("; ");
        return Err(format!(
            "no endpoint has statements attributed to it: {why}"
        ));
    }
    let mut found = Vec::new();
    for endpoint in endpoints {
        for (statement, calls) in calls_of(endpoint, &statements) {
            let rows = statement.rows as f64 / (statement.calls as f64).max(1.0);
            let many = calls.at_least >= t::CHATTY_CALLS_PER_REQUEST;
            if many && rows <= t::CHATTY_ROWS_PER_CALL {
                found.push(finding(facts, endpoint, &calls, statement).fire(facts));
            }
        }
    }
    Ok(found)
}

/// How often a request runs a statement, all of its ids together.
#[derive(Debug, Clone, Copy, Default)]
struct Calls {
    per_request: f64,
    /// An inferred number is judged by the lower end of its interval.
    at_least: f64,
    /// Some of it comes from a model.
    inferred: bool,
}

fn calls_of<'a>(endpoint: &Endpoint, statements: &[&'a Statement]) -> Vec<(&'a Statement, Calls)> {
    let mut by_place: BTreeMap<usize, Calls> = BTreeMap::new();
    for part in &endpoint.statements {
        let place = statements.iter().position(|s| s.has_id(&part.query_id));
        let Some(place) = place else { continue };
        let calls = by_place.entry(place).or_default();
        calls.per_request += part.calls_per_request;
        calls.at_least += part.low.unwrap_or(part.calls_per_request);
        calls.inferred |= !matches!(part.basis, Basis::Measured | Basis::Derived);
    }
    let found = by_place.into_iter();
    found
        .map(|(place, calls)| (statements[place], calls))
        .collect()
}

fn finding(facts: &Facts<'_>, endpoint: &Endpoint, calls: &Calls, statement: &Statement) -> Draft {
    let evidence = if calls.inferred {
        Evidence::Estimated
    } else {
        Evidence::Measured
    };
    let calls = calls.per_request;
    let round_trip = facts.run.server.as_ref().and_then(|s| s.round_trip);
    let per_sec = endpoint.requests as f64 / facts.window_sec();
    Draft::new(RULE.id, Severity::Warning)
        .evidence(evidence)
        .about("endpoint", &endpoint.name)
        .title(&format!(
            "{} runs one statement {calls:.0} times per request: {}",
            one_line(&endpoint.name),
            one_line(&statement.query)
        ))
        .detail(format!(
            "Statement {} runs {calls:.1} times in each of {} requests and returns {:.2} rows per \
             call: the pattern of one query for a list and one more for each of its elements \
             (N+1). The time it gives back is that of the round trips alone",
            statement.query_id,
            endpoint.requests,
            statement.rows as f64 / (statement.calls as f64).max(1.0),
        ))
        .saves(round_trip.map(|trip| trip.0 * (calls - 1.0).max(0.0) * per_sec))
        .note("fetch all rows with one statement: a join, or WHERE key = ANY ($1)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::conclusions::{Breakdown, EndpointStatement, TotalBreakdown};
    use crate::analyze::fixture::delta;
    use crate::analyze::rules::testing::Case;

    fn case(calls_per_request: f64, low: Option<f64>, rows: i64) -> Case {
        let mut statement = delta(1, 1_000, 100.0);
        statement.counters.rows = rows;
        let mut case = Case::with_statements(vec![statement]);
        case.conclusions.breakdown = Some(Breakdown {
            source: "test".to_owned(),
            total: TotalBreakdown {
                requests: 60,
                mean_ms: 1.0,
                parts: vec![],
                slowest: None,
            },
            endpoints: vec![Endpoint {
                name: "GET /tasks".to_owned(),
                requests: 60,
                failures: 0,
                mean_ms: None,
                p95_ms: None,
                parts: vec![],
                slowest: None,
                statements: vec![EndpointStatement {
                    query_id: "1".to_owned(),
                    calls_per_request,
                    basis: if low.is_some() {
                        Basis::Inferred
                    } else {
                        Basis::Derived
                    },
                    low,
                    high: None,
                }],
            }],
            notes: vec![],
        });
        case
    }

    #[test]
    fn many_calls_of_one_row_are_chatty() {
        let finding = case(21.0, None, 1_000).the_finding(&RULE);
        assert!(
            finding
                .title
                .starts_with("GET /tasks runs one statement 21 times per request")
        );
        // 20 saved round trips of 0.2 ms, once a second.
        assert!((finding.saves_ms_per_sec.unwrap() - 4.0).abs() < 1e-9);
    }

    #[test]
    fn few_calls_many_rows_or_an_uncertain_number_are_not() {
        case(5.0, None, 1_000).assert_quiet(&RULE);
        case(21.0, None, 5_000).assert_quiet(&RULE);
        case(21.0, Some(4.0), 1_000).assert_quiet(&RULE);
        let inferred = case(21.0, Some(15.0), 1_000).the_finding(&RULE);
        assert_eq!(inferred.evidence, Evidence::Estimated);
    }

    #[test]
    fn the_ids_of_one_statement_are_counted_together() {
        let mut case = case(6.0, None, 1_000);
        let window = case.run.statements.as_mut().unwrap();
        let mut other = delta(2, 1_000, 100.0);
        other.counters.rows = 1_000;
        window.deltas.push(other);
        let mut text = window.texts[&1].clone();
        text.fingerprint = Some("one tree".to_owned());
        window.texts.extend([(1, text.clone()), (2, text)]);
        let endpoints = &mut case.conclusions.breakdown.as_mut().unwrap().endpoints;
        let part = endpoints[0].statements[0].clone();
        endpoints[0].statements.push(EndpointStatement {
            query_id: "2".to_owned(),
            ..part
        });
        case.conclude();
        let finding = case.the_finding(&RULE);
        assert!(
            finding.title.contains("12 times per request"),
            "{}",
            finding.title
        );
    }

    #[test]
    fn endpoints_without_statements_decide_nothing() {
        let mut case = case(21.0, None, 1);
        let breakdown = case.conclusions.breakdown.as_mut().unwrap();
        breakdown.endpoints[0].statements.clear();
        breakdown.notes = vec!["too few windows".to_owned()];
        assert!(case.missing_fact(&RULE).contains("too few windows"));
    }
}
