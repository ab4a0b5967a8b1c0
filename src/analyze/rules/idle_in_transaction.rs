//! `idle-in-transaction`: sessions hold transactions open and do nothing.

use std::collections::BTreeMap;

use crate::analyze::conclusions::Severity;
use crate::record::Run;
use crate::record::activity::ActivitySeries;

use super::draft::Draft;
use super::text::percent;
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "idle-in-transaction",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let activity = facts.run.activity.as_ref();
    let counted = counted_ratio(facts);
    let Some(activity) = activity else {
        return Err(facts.missing("pg_stat_activity"));
    };
    let longest = longest_idle(facts.run, activity);
    let mut found = Vec::new();
    if let Some((pid, seconds, application)) = longest
        && seconds >= t::IDLE_IN_TRANSACTION_SEC
    {
        let draft = Draft::new(RULE.id, Severity::Warning)
            .about("session", &application)
            .title(&format!(
                "a session of {application} was idle in a transaction for {seconds:.0} s"
            ))
            .detail(format!(
                "pid {pid} held its transaction, its locks and old row versions without executing"
            ));
        found.push(remedy(draft).fire(facts));
    }
    match counted {
        Ok((ratio, idle_ms)) if is_much(ratio, idle_ms) => {
            let draft = Draft::new(RULE.id, Severity::Warning)
                .about("server", "transactions")
                .title(&format!("{} of transaction time is idle", percent(ratio)))
                .detail(format!(
                    "Sessions were idle in transactions for {idle_ms:.0} ms in all, counted when \
                     a transaction ends: the application works on something else while it holds \
                     a connection and its locks"
                ));
            found.push(remedy(draft).fire(facts));
        }
        Ok(_) => {}
        Err(missing) if found.is_empty() => return Err(missing),
        Err(_) => {}
    }
    Ok(found)
}

fn is_much(ratio: f64, idle_ms: f64) -> bool {
    ratio >= t::IDLE_IN_TRANSACTION_RATIO && idle_ms >= t::IDLE_IN_TRANSACTION_MIN_MS
}

fn remedy(draft: Draft) -> Draft {
    draft.note(
        "move calls to other services out of the transaction; ALTER ROLE app SET \
         idle_in_transaction_session_timeout = '60s' (RESET takes it back) ends such sessions with \
         SQLSTATE 25P03",
    )
}

/// Idle over active and idle, and the idle milliseconds (14+).
fn counted_ratio(facts: &Facts<'_>) -> Result<(f64, f64), String> {
    let (first, last) = facts.database()?;
    let old = || "pg_stat_database counts idle transactions only from PostgreSQL 14 on".to_owned();
    let delta =
        |a: Option<crate::record::Millis>, b: Option<crate::record::Millis>| Some(b?.0 - a?.0);
    let idle = delta(
        first.idle_in_transaction_time,
        last.idle_in_transaction_time,
    );
    let active = delta(first.active_time, last.active_time);
    let (idle, active) = idle.zip(active).ok_or_else(old)?;
    Ok((idle / (idle + active).max(f64::MIN_POSITIVE), idle))
}

/// The longest idle transaction that was seen, by the server's clock: pid, seconds, application.
fn longest_idle(run: &Run, activity: &ActivitySeries) -> Option<(i32, f64, String)> {
    let mut first_seen: BTreeMap<(i32, Option<jiff::Timestamp>), f64> = BTreeMap::new();
    let start = run.life.first().map(|life| life.at);
    let mut longest: Option<(i32, f64, String)> = None;
    for sample in &activity.samples {
        let at = sample.at.secs();
        for session in sample
            .sessions
            .iter()
            .filter(|s| s.is_idle_in_transaction())
        {
            let seen = *first_seen
                .entry((session.pid, session.state_change))
                .or_insert(at);
            let before = start
                .zip(session.state_change)
                .map_or(0.0, |(start, change)| {
                    start.duration_since(change).as_secs_f64() + seen
                });
            let seconds = at - seen + before.max(0.0);
            if longest.as_ref().is_none_or(|(_, most, _)| seconds > *most) {
                longest = Some((session.pid, seconds, session.application_name.clone()));
            }
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{at, run, span, stat_database};
    use crate::analyze::rules::testing::{Case, session};
    use crate::record::Millis;
    use crate::record::activity::ActivitySample;

    fn case(idle_ms: f64, since: i64) -> Case {
        let mut run = run();
        let mut last = stat_database();
        last.idle_in_transaction_time = Some(Millis(idle_ms));
        last.active_time = Some(Millis(6_000.0));
        run.database.stat_database = Some(span(vec![stat_database()], vec![last]));
        let mut idle = session(7, "idle in transaction");
        idle.state_change = Some(at(since));
        run.activity = Some(ActivitySeries {
            samples: vec![
                ActivitySample {
                    sessions: vec![idle.clone()],
                    ..ActivitySample::default()
                },
                ActivitySample {
                    at: Millis(30_000.0),
                    sessions: vec![idle],
                    ..ActivitySample::default()
                },
            ],
            ..ActivitySeries::default()
        });
        Case::of(run)
    }

    #[test]
    fn one_long_transaction_is_found_from_samples() {
        let finding = case(0.0, -45).the_finding(&RULE);
        assert!(
            finding
                .title
                .contains("web was idle in a transaction for 75 s"),
            "{}",
            finding.title
        );
        case(0.0, -20).assert_quiet(&RULE);
    }

    #[test]
    fn a_large_share_is_found_from_counters() {
        let finding = case(4_000.0, -1).the_finding(&RULE);
        assert!(finding.title.starts_with("40.0 % of transaction time"));
    }

    #[test]
    fn before_14_only_samples_can_tell() {
        let mut case = case(0.0, -1);
        let span = case.run.database.stat_database.as_mut().unwrap();
        span.last[0].idle_in_transaction_time = None;
        assert!(case.missing_fact(&RULE).contains("PostgreSQL 14"));
    }
}
