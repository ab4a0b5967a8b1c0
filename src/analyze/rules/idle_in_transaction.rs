//! `idle-in-transaction`: sessions hold transactions open and do nothing.

use std::collections::BTreeMap;

use crate::analyze::conclusions::Severity;
use crate::analyze::indexes::sql::quote_ident;
use crate::record::Millis;
use crate::record::activity::SessionSample;
use crate::record::database::StatDatabase;

use super::draft::Draft;
use super::text::percent;
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "idle-in-transaction",
    judge,
};

/// A long session and a large share are found apart; what cannot be decided is said for both.
fn judge(facts: &Facts<'_>) -> Judgement {
    let session = long_session(facts);
    let share = large_share(facts);
    if let (Err(missing), Err(_)) = (&session, &share) {
        return Err(missing.clone());
    }
    let both = [session, share].into_iter();
    Ok(both
        .map(|o| o.unwrap_or_else(Outcome::NotEvaluated))
        .collect())
}

/// One session that did nothing for long, from the samples.
fn long_session(facts: &Facts<'_>) -> Result<Outcome, String> {
    let Some((seconds, session)) = longest_idle(facts)? else {
        return Ok(Outcome::Quiet);
    };
    if seconds < t::IDLE_IN_TRANSACTION_SEC {
        return Ok(Outcome::Quiet);
    }
    let who = named(&session.application_name, "a client without a name");
    let draft = Draft::new(RULE.id, Severity::Warning)
        .about("session", &format!("{who} (pid {})", session.pid))
        .title(&format!(
            "{who} was idle in a transaction for {seconds:.0} s"
        ))
        .detail(format!(
            "pid {} kept its transaction open without executing: its locks stay, its connection \
             serves nobody, and VACUUM cannot remove rows that it might still see",
            session.pid
        ));
    Ok(remedy(draft, session.usename.as_deref()).fire(facts))
}

/// The share of the time of transactions in which nothing was executed: counted by the server when
/// a transaction ends, or sampled where transactions were still open.
fn large_share(facts: &Facts<'_>) -> Result<Outcome, String> {
    let counted = counted(facts);
    let sampled = sampled(facts);
    let share = match (&counted, sampled) {
        (Ok(counted), Some(sampled)) if sampled.ratio > counted.ratio => sampled,
        (Ok(counted), _) => *counted,
        (Err(_), Some(sampled)) => sampled,
        (Err(missing), None) => return Err(missing.clone()),
    };
    let enough = share.idle_ms >= t::IDLE_IN_TRANSACTION_MIN_MS;
    if share.ratio < t::IDLE_IN_TRANSACTION_RATIO || !enough {
        return Ok(Outcome::Quiet);
    }
    let role = busiest_idle_role(facts);
    let draft = Draft::new(RULE.id, Severity::Warning)
        .about("server", &facts.server()?.database)
        .title(&format!(
            "transactions execute nothing for {} of their time",
            percent(share.ratio)
        ))
        .detail(format!(
            "Sessions were idle in a transaction for {:.1} s of the window in all, {}: the \
             application does something else, or waits for the network, while it holds a \
             connection and its locks",
            share.idle_ms / 1000.0,
            share.how
        ));
    Ok(remedy(draft, role).fire(facts))
}

#[derive(Debug, Clone, Copy)]
struct IdleShare {
    ratio: f64,
    idle_ms: f64,
    how: &'static str,
}

/// Idle over active and idle of the current database (14+).
fn counted(facts: &Facts<'_>) -> Result<IdleShare, String> {
    let (first, last) = facts.database()?;
    let grown = |time: fn(&StatDatabase) -> Option<Millis>| Some(time(last)?.0 - time(first)?.0);
    let idle = grown(|row| row.idle_in_transaction_time);
    let (idle, active) = idle.zip(grown(|row| row.active_time)).ok_or_else(|| {
        "pg_stat_database counts idle transactions only from PostgreSQL 14 on".to_owned()
    })?;
    Ok(IdleShare {
        ratio: idle / (idle + active).max(f64::MIN_POSITIVE),
        idle_ms: idle,
        how: "counted when a transaction ends",
    })
}

/// The same from the samples, which see transactions that have not ended.
fn sampled(facts: &Facts<'_>) -> Option<IdleShare> {
    let observed = facts.observed_pool().ok()?;
    let samples = facts.run.activity.as_ref()?.samples.len() as u64;
    let ratio = observed.idle_in_transaction_ratio?;
    (samples >= t::WAIT_MIN_SAMPLES).then_some(IdleShare {
        ratio,
        idle_ms: ratio * observed.in_use_mean * facts.run.meta.window.0,
        how: "by the samples of pg_stat_activity",
    })
}

/// The longest idle transaction that was seen, by the server's clock.
fn longest_idle<'a>(facts: &Facts<'a>) -> Result<Option<(f64, &'a SessionSample)>, String> {
    let activity = facts.run.activity.as_ref();
    let activity = activity.ok_or_else(|| facts.missing("pg_stat_activity"))?;
    let start = facts.run.life.first().map(|life| life.at);
    let start = start.ok_or_else(|| "the clock of the server was not read".to_owned())?;
    let idle = activity.samples.iter().flat_map(|sample| {
        let idle = sample
            .sessions
            .iter()
            .filter(|s| s.is_idle_in_transaction());
        idle.filter_map(move |session| {
            let before = start.duration_since(session.state_change?).as_secs_f64();
            Some((before + sample.at.secs(), session))
        })
    });
    Ok(idle.max_by(|a, b| a.0.total_cmp(&b.0)))
}

/// The role that was seen idle in transactions most often.
fn busiest_idle_role<'a>(facts: &Facts<'a>) -> Option<&'a str> {
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    let samples = facts.run.activity.iter().flat_map(|a| &a.samples);
    let sessions = samples.flat_map(|s| &s.sessions);
    for session in sessions.filter(|s| s.is_idle_in_transaction()) {
        *seen.entry(session.usename.as_deref()?).or_default() += 1;
    }
    let most = seen.into_iter().max_by_key(|(_, times)| *times);
    most.map(|(role, _)| role)
}

fn named<'a>(name: &'a str, otherwise: &'a str) -> &'a str {
    if name.is_empty() { otherwise } else { name }
}

fn remedy(draft: Draft, role: Option<&str>) -> Draft {
    let role = role.map(quote_ident);
    let setting = "idle_in_transaction_session_timeout";
    draft
        .sql(
            role.as_ref()
                .map(|role| format!("ALTER ROLE {role} SET {setting} = '60s';")),
        )
        .undo(
            role.as_ref()
                .map(|role| format!("ALTER ROLE {role} RESET {setting};")),
        )
        .note(
            "first take calls to other services out of transactions and end every transaction on \
             every path, errors too; the timeout is the net under it: it ends such a session with \
             SQLSTATE 25P03, and holds for new connections only",
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::conclusions::ObservedPool;
    use crate::analyze::fixture::{at, run, span, stat_database};
    use crate::analyze::rules::testing::{Case, pool, session};
    use crate::record::activity::{ActivitySample, ActivitySeries};

    /// Two samples, 30 s apart, of a session that is idle since a second of the window.
    fn case(idle_ms: f64, since: i64) -> Case {
        let mut run = run();
        let mut last = stat_database();
        last.idle_in_transaction_time = Some(Millis(idle_ms));
        last.active_time = Some(Millis(6_000.0));
        run.database.stat_database = Some(span(vec![stat_database()], vec![last]));
        let mut idle = session(7, "idle in transaction");
        idle.state_change = Some(at(since));
        let sample = |second: f64| ActivitySample {
            at: Millis(1000.0 * second),
            sessions: vec![idle.clone()],
            ..ActivitySample::default()
        };
        run.activity = Some(ActivitySeries {
            samples: vec![sample(0.0), sample(30.0)],
            ..ActivitySeries::default()
        });
        Case::of(run)
    }

    #[test]
    fn one_long_transaction_is_found_from_samples() {
        let finding = case(0.0, -45).the_finding(&RULE);
        assert_eq!(finding.title, "web was idle in a transaction for 75 s");
        assert_eq!(finding.subject.name, "web (pid 7)");
        assert_eq!(
            finding.remediation.undo_sql.as_deref(),
            Some("ALTER ROLE app RESET idle_in_transaction_session_timeout;")
        );
        case(0.0, -29).assert_quiet(&RULE);
    }

    #[test]
    fn a_large_share_is_found_from_counters() {
        let finding = case(4_000.0, -1).the_finding(&RULE);
        assert_eq!(
            finding.title,
            "transactions execute nothing for 40.0 % of their time"
        );
        assert!(finding.detail.contains("4.0 s of the window"));
        case(1_400.0, -1).assert_quiet(&RULE);
        case(999.0, -1).assert_quiet(&RULE);
    }

    #[test]
    fn open_transactions_are_counted_by_the_samples() {
        let mut case = case(0.0, -1);
        let activity = case.run.activity.as_mut().unwrap();
        activity.samples = vec![activity.samples[0].clone(); 100];
        let mut section = pool();
        section.observed = Some(ObservedPool {
            size: 4,
            in_use_mean: 2.0,
            in_use_max: 4,
            idle_in_transaction_ratio: Some(0.5),
            connections_per_sec: None,
            usable_connections: None,
        });
        case.conclusions.pool = Some(section);
        let finding = case.the_finding(&RULE);
        assert!(
            finding
                .detail
                .contains("60.0 s of the window in all, by the samples")
        );
    }

    #[test]
    fn before_14_and_with_few_samples_the_share_is_not_known() {
        let mut case = case(0.0, -1);
        let span = case.run.database.stat_database.as_mut().unwrap();
        span.last[0].idle_in_transaction_time = None;
        let outcomes = case.outcomes(&RULE);
        assert_eq!(outcomes[0], Outcome::Quiet, "no session was idle for long");
        let Outcome::NotEvaluated(missing) = &outcomes[1] else {
            panic!("{outcomes:?}");
        };
        assert!(missing.contains("PostgreSQL 14"));
    }
}
