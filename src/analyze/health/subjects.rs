//! One line per subject: its state by the findings, the number that matters, and since when.

use crate::analyze::conclusions::{
    Conclusions, Finding, Health, HealthState, HealthSubject, Holds, NotEvaluated, Severity,
};
use crate::analyze::figures::{bytes, count, count_i64, duration, percent, plural, rate};
use crate::record::Run;
use crate::record::health::TableBloat;

/// A number in words, and since when, by RFC 3339.
type Line = (String, Option<String>);

/// A subject with the rules that judge it. Without the first of them nothing is known of it.
struct Subject {
    name: &'static str,
    rules: &'static [&'static str],
    line: fn(&Run, &Conclusions, &Health) -> Option<Line>,
}

const SUBJECTS: [Subject; 14] = [
    Subject {
        name: "dead rows",
        rules: &["autovacuum-behind", "autovacuum-off"],
        line: dead_rows,
    },
    Subject {
        name: "statistics",
        rules: &["stale-statistics"],
        line: statistics,
    },
    Subject {
        name: "bloat",
        rules: &["table-bloat", "bloated-index"],
        line: bloat,
    },
    Subject {
        name: "horizon",
        rules: &["xmin-horizon-held"],
        line: horizon,
    },
    Subject {
        name: "wraparound",
        rules: &["wraparound-risk"],
        line: wraparound,
    },
    Subject {
        name: "sequences",
        rules: &["sequence-exhaustion"],
        line: sequences,
    },
    Subject {
        name: "constraints",
        rules: &["constraint-not-validated"],
        line: constraints,
    },
    Subject {
        name: "transactions",
        rules: &["long-transaction", "idle-in-transaction"],
        line: transactions,
    },
    Subject {
        name: "blocking",
        rules: &["blocking-tree", "lock-waits"],
        line: blocking,
    },
    Subject {
        name: "checkpoints",
        rules: &["requested-checkpoints"],
        line: checkpoints,
    },
    Subject {
        name: "connections",
        rules: &["connections-near-limit"],
        line: connections,
    },
    Subject {
        name: "temporary files",
        rules: &["temp-spill"],
        line: temp_files,
    },
    Subject {
        name: "slots",
        rules: &["slot-retains-wal", "slot-at-risk"],
        line: slots,
    },
    Subject {
        name: "settings",
        rules: &[
            "restart-pending",
            "durability-off",
            "default-memory",
            "no-idle-timeout",
            "io-timing-off",
            "lock-logging-off",
            "disk-cost-default",
            "jit-on-oltp",
            "many-connections-per-core",
            "old-minor",
        ],
        line: |_, c, _| settings(c),
    },
];

/// Gives every subject its line, once the rules have spoken.
pub fn judge(run: &Run, conclusions: &mut Conclusions) {
    let Some(health) = &conclusions.health else {
        return;
    };
    let subjects = SUBJECTS.iter();
    let subjects = subjects
        .map(|subject| row(subject, run, conclusions, health))
        .collect();
    if let Some(health) = &mut conclusions.health {
        health.subjects = subjects;
    }
}

fn row(subject: &Subject, run: &Run, c: &Conclusions, health: &Health) -> HealthSubject {
    let findings = c.findings.iter().flatten();
    let worst = findings
        .filter(|f| is_of(subject, f))
        .map(|f| f.severity)
        .max();
    let mut missing = c.not_evaluated.iter().flatten();
    let missing = missing.find(|n| is_undecided(subject, n));
    let state = match (worst, missing) {
        (Some(Severity::Critical), _) => HealthState::Critical,
        (Some(Severity::Warning), _) => HealthState::Warning,
        (Some(Severity::Info), _) => HealthState::Info,
        (None, Some(_)) => HealthState::NotMeasured,
        (None, None) => HealthState::Ok,
    };
    let line = (subject.line)(run, c, health);
    let (summary, since) = line.map_or((None, None), |(summary, since)| (Some(summary), since));
    HealthSubject {
        subject: subject.name.to_owned(),
        status: state,
        summary,
        since,
        reason: missing.map(|n| n.reason.clone()),
    }
}

fn is_of(subject: &Subject, finding: &Finding) -> bool {
    subject.rules.contains(&finding.rule.as_str())
}

fn is_undecided(subject: &Subject, missing: &NotEvaluated) -> bool {
    subject.rules.first() == Some(&missing.rule.as_str())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the last step of functions that return an option"
)]
fn line(text: String) -> Option<Line> {
    Some((text, None))
}

fn dead_rows(run: &Run, _: &Conclusions, _: &Health) -> Option<Line> {
    let tables = &run.tables.stat_user_tables.as_ref()?.last;
    let dead: i64 = tables.iter().map(|t| t.n_dead_tup).sum();
    let most = tables.iter().max_by_key(|t| t.n_dead_tup);
    let most = most
        .filter(|t| t.n_dead_tup > 0)
        .map(|t| format!(", most in {}.{}", t.schemaname, t.relname));
    let vacuums = run.health.as_ref().and_then(|h| h.vacuums.as_ref());
    let running = match vacuums.map_or(0, Vec::len) {
        0 => String::new(),
        n => format!("; {} running", plural(n as u64, "vacuum", "vacuums")),
    };
    line(format!(
        "{} dead rows{}{running}",
        count_i64(dead),
        most.unwrap_or_default()
    ))
}

fn statistics(run: &Run, _: &Conclusions, _: &Health) -> Option<Line> {
    let tables = &run.tables.stat_user_tables.as_ref()?.last;
    let changed: i64 = tables.iter().map(|t| t.n_mod_since_analyze).sum();
    line(format!(
        "{} rows changed since they were analysed",
        count_i64(changed)
    ))
}

fn bloat(run: &Run, _: &Conclusions, _: &Health) -> Option<Line> {
    let Some(measured) = run.health.as_ref()?.bloat.as_ref() else {
        let estimated = run.tables.column_stats.as_ref();
        return estimated.and_then(|_| line("estimated from statistics, not measured".to_owned()));
    };
    let waste = |b: &TableBloat| b.approx_free_space + b.dead_tuple_len;
    let Some(most) = measured.iter().max_by_key(|b| waste(b)) else {
        return line("no large table".to_owned());
    };
    let mut tables = run.tables.facts.iter().flatten();
    let name = tables.find(|t| t.relid == most.relid)?;
    line(format!(
        "most in {}.{}: {} free or dead of {}",
        name.schemaname,
        name.relname,
        bytes(u64::try_from(waste(most)).unwrap_or(0)),
        bytes(u64::try_from(most.table_len).unwrap_or(0))
    ))
}

fn horizon(_: &Run, _: &Conclusions, health: &Health) -> Option<Line> {
    let holders = health.horizon.as_ref()?;
    let oldest = holders.iter().find(|h| h.holds == Holds::Rows);
    let Some(oldest) = oldest.or(holders.first()) else {
        return line("nothing holds it".to_owned());
    };
    let held = oldest.held_ms.map(duration);
    let held = held.map_or(String::new(), |held| format!(", {held}"));
    Some((
        format!(
            "{} transactions back{held}: {}",
            count_i64(oldest.xid_age),
            oldest.name
        ),
        oldest.since.clone(),
    ))
}

fn wraparound(_: &Run, _: &Conclusions, health: &Health) -> Option<Line> {
    let first = health.wraparound.as_ref()?.first()?;
    let left = first.xids_left.min(first.mxids_left);
    line(format!(
        "{} left in {}",
        if first.xids_left <= first.mxids_left {
            plural_i64(left, "transaction", "transactions")
        } else {
            plural_i64(left, "multixact", "multixacts")
        },
        first.database
    ))
}

fn sequences(_: &Run, _: &Conclusions, health: &Health) -> Option<Line> {
    let all = health.sequences.as_ref()?;
    match all.first() {
        Some(fullest) => line(format!(
            "fullest: {}.{}, {} used",
            fullest.schema,
            fullest.sequence,
            percent(fullest.used_ratio)
        )),
        None => line("none gave a value yet".to_owned()),
    }
}

fn constraints(_: &Run, _: &Conclusions, health: &Health) -> Option<Line> {
    let all = health.not_validated.as_ref()?;
    line(match all.len() {
        0 => "all validated".to_owned(),
        n => format!("{} not validated", count(n as u64)),
    })
}

fn transactions(_: &Run, _: &Conclusions, health: &Health) -> Option<Line> {
    let open = health.transactions.as_ref()?;
    match open.first() {
        Some(oldest) => Some((
            format!(
                "oldest open for {}: {}",
                duration(oldest.open_ms),
                super::session_name(&oldest.application_name, oldest.pid)
            ),
            Some(oldest.since.clone()),
        )),
        None => line("none open after the window".to_owned()),
    }
}

fn blocking(_: &Run, _: &Conclusions, health: &Health) -> Option<Line> {
    let trees = health.blocking.as_ref()?;
    match trees.first() {
        Some(tree) => Some((
            format!(
                "{} seen waiting at once, for {} at least",
                plural(u64::from(tree.waiting_max), "session", "sessions"),
                duration(tree.longest_wait_ms)
            ),
            tree.first_seen.clone(),
        )),
        None => line("nobody seen waiting".to_owned()),
    }
}

fn checkpoints(_: &Run, _: &Conclusions, health: &Health) -> Option<Line> {
    let c = health.checkpoints?;
    let written = bytes_per_sec(c.written_bytes_per_sec);
    line(format!(
        "{} by time, {} requested, {written} written",
        count_i64(c.timed),
        count_i64(c.requested)
    ))
}

fn connections(_: &Run, c: &Conclusions, _: &Health) -> Option<Line> {
    let observed = c.pool.as_ref()?.observed.as_ref()?;
    let usable = observed.usable_connections;
    let of = usable.map_or(String::new(), |n| format!(" of {} usable", count(n.into())));
    line(format!(
        "{}{of}, {} busy at once at most",
        count(observed.size.into()),
        count(observed.in_use_max.into())
    ))
}

fn temp_files(_: &Run, _: &Conclusions, health: &Health) -> Option<Line> {
    let t = health.temp_files?;
    if t.files == 0 {
        return line("none ended in the window".to_owned());
    }
    let size = u64::try_from(t.bytes).unwrap_or(0);
    let files = plural_i64(t.files, "file", "files");
    line(format!(
        "{files}, {}, {}",
        bytes(size),
        bytes_per_sec(t.bytes_per_sec)
    ))
}

fn slots(run: &Run, c: &Conclusions, _: &Health) -> Option<Line> {
    let slots = run.replication.as_ref()?.slots.as_ref()?;
    if slots.is_empty() {
        return line("none".to_owned());
    }
    let inactive = slots.iter().filter(|s| !s.active).count();
    let retained = c.replication.iter().flat_map(|r| &r.slots);
    let retained = retained.filter_map(|s| s.retained_bytes).max();
    let kept = retained.map_or(String::new(), |b| format!(", {} of WAL kept", bytes(b)));
    line(format!(
        "{}, {} inactive{kept}",
        plural(slots.len() as u64, "slot", "slots"),
        count(inactive as u64)
    ))
}

fn settings(c: &Conclusions) -> Option<Line> {
    let subject = SUBJECTS.iter().find(|s| s.name == "settings")?;
    let findings = c.findings.iter().flatten();
    let found = findings.filter(|f| is_of(subject, f)).count();
    line(match found {
        0 => "nothing to say".to_owned(),
        n => format!("{} to look at", count(n as u64)),
    })
}

fn plural_i64(n: i64, one: &str, many: &str) -> String {
    plural(u64::try_from(n).unwrap_or(0), one, many)
}

fn bytes_per_sec(per_sec: f64) -> String {
    if per_sec < 1024.0 {
        return format!("{} B/s", rate(per_sec).trim_end_matches("/s"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate of bytes is positive and far below 2^64"
    )]
    let whole = per_sec.round() as u64;
    format!("{}/s", bytes(whole))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::health::testing;
    use crate::analyze::rules::RULES;
    use crate::analyze::{Options, fixture};

    fn judged(run: &Run) -> Vec<HealthSubject> {
        let all = crate::analyze::conclude(run, &Options::default()).unwrap();
        all.health.unwrap().subjects
    }

    fn of<'a>(all: &'a [HealthSubject], name: &str) -> &'a HealthSubject {
        all.iter().find(|s| s.subject == name).unwrap()
    }

    #[test]
    fn every_rule_of_a_subject_exists() {
        for subject in &SUBJECTS {
            for rule in subject.rules {
                assert!(RULES.iter().any(|r| r.id == *rule), "{rule}");
            }
        }
    }

    #[test]
    fn without_facts_no_subject_is_well() {
        let all = judged(&fixture::run());
        assert_eq!(all.len(), SUBJECTS.len());
        for subject in &all {
            if subject.subject != "settings" {
                assert_eq!(subject.status, HealthState::NotMeasured, "{subject:?}");
                assert!(subject.reason.is_some(), "{subject:?}");
            }
        }
    }

    #[test]
    fn a_subject_is_as_bad_as_its_worst_finding() {
        let mut run = fixture::run();
        let mut health = testing::window();
        health.transactions = Some(vec![testing::open(7, "report", -3_600)]);
        run.health = Some(health);
        let all = judged(&run);
        let transactions = of(&all, "transactions");
        assert_eq!(transactions.status, HealthState::Warning);
        assert_eq!(
            transactions.summary.as_deref(),
            Some("oldest open for 61.0 min: report (pid 7)")
        );
        assert_eq!(transactions.since.as_deref(), Some("2026-11-23T15:00:00Z"));
        assert_eq!(of(&all, "constraints").status, HealthState::Ok);
        assert_eq!(of(&all, "horizon").status, HealthState::Warning);
    }
}
