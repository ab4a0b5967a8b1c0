//! `wraparound-risk`: old rows are not frozen in time.

use crate::analyze::conclusions::{AgedDatabase, AgedTable, Holds, Severity};
use crate::analyze::figures::count_i64;
use crate::analyze::health::{ages, horizon};
use crate::analyze::indexes::sql::qualified;

use super::draft::Draft;
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "wraparound-risk",
    judge,
};

/// One of the two numbers that wrap around.
struct Counter {
    what: &'static str,
    freeze_max_age: &'static str,
    failsafe_age: &'static str,
    of_database: fn(&AgedDatabase) -> (i64, i64),
    of_table: fn(&AgedTable) -> Option<i64>,
}

const COUNTERS: [Counter; 2] = [
    Counter {
        what: "transactions",
        freeze_max_age: "autovacuum_freeze_max_age",
        failsafe_age: "vacuum_failsafe_age",
        of_database: |d| (d.xid_age, d.xids_left),
        of_table: |t| t.xid_age,
    },
    Counter {
        what: "multixacts",
        freeze_max_age: "autovacuum_multixact_freeze_max_age",
        failsafe_age: "vacuum_multixact_failsafe_age",
        of_database: |d| (d.mxid_age, d.mxids_left),
        of_table: |t| t.mxid_age,
    },
];

fn judge(facts: &Facts<'_>) -> Judgement {
    let health = facts.run.health.as_ref();
    let databases = health.and_then(|h| h.databases.as_ref());
    let databases = databases.ok_or_else(|| facts.missing("database_age"))?;
    let aged = ages::databases(databases, facts.server()?.major());
    let mut outcomes = Vec::new();
    for counter in &COUNTERS {
        for database in &aged {
            outcomes.push(outcome(facts, counter, database)?);
        }
    }
    Ok(outcomes)
}

fn outcome(
    facts: &Facts<'_>,
    counter: &Counter,
    database: &AgedDatabase,
) -> Result<Outcome, String> {
    let (age, left) = (counter.of_database)(database);
    let max_age = facts.number_setting(counter.freeze_max_age)?;
    let failsafe = facts.number_setting(counter.failsafe_age);
    let failsafe = failsafe.unwrap_or(t::FAILSAFE_AGE);
    let severity = if age as f64 >= failsafe || left < t::WRAPAROUND_LEFT {
        Severity::Critical
    } else if age as f64 >= t::FREEZE_AGE_FACTOR * max_age {
        Severity::Warning
    } else {
        return Ok(Outcome::Quiet);
    };
    let what = counter.what;
    let here = facts.server()?.database == database.database;
    let oldest = if here { oldest(facts, counter) } else { None };
    let table = oldest.as_ref().map_or(String::new(), |(name, age)| {
        format!(". The oldest table is {name} at {}", count_i64(*age))
    });
    let draft = Draft::new(RULE.id, severity)
        .about("database", &database.database)
        .title(&format!(
            "the oldest rows of {} are {} {what} old, {} are left",
            database.database,
            count_i64(age),
            count_i64(left)
        ))
        .detail(format!(
            "Autovacuum freezes from {} on ({}), so it does not get through. When none are left \
             the server refuses to write until somebody vacuums{table}{}",
            count_setting(max_age),
            counter.freeze_max_age,
            held(facts)
        ))
        .sql(oldest.map(|(name, _)| format!("VACUUM (FREEZE) {name};")))
        .note(
            "the oldest tables first, in their own database; reads and writes much, SHARE UPDATE \
             EXCLUSIVE lock, not inside a transaction, no undo is needed. Whoever holds the \
             horizon has to go first: no vacuum freezes what it may still see",
        );
    Ok(draft.fire(facts))
}

fn count_setting(value: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "settings of ages are 31-bit integers"
    )]
    let whole = value as i64;
    count_i64(whole)
}

/// The oldest table of this database, quoted, and its age.
fn oldest(facts: &Facts<'_>, counter: &Counter) -> Option<(String, i64)> {
    let read = facts.run.health.as_ref()?.oldest_tables.as_ref()?;
    let tables = ages::tables(read);
    let aged = tables
        .iter()
        .filter_map(|t| Some((qualified(&t.schema, &t.table), (counter.of_table)(t)?)));
    aged.max_by_key(|(_, age)| *age)
}

/// Who keeps the vacuum from freezing.
fn held(facts: &Facts<'_>) -> String {
    let holders = horizon::holders(facts.run).unwrap_or_default();
    let rows = holders.iter().find(|h| h.holds == Holds::Rows);
    match rows.filter(|h| h.xid_age >= t::HORIZON_XIDS) {
        Some(holder) => format!(". {} holds the horizon", holder.name),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{run, set};
    use crate::analyze::health::testing::window;
    use crate::analyze::rules::testing::Case;
    use crate::record::health::{DatabaseAge, TableAge};

    fn case(frozen_xid_age: i32, min_mxid_age: i32) -> Case {
        let mut run = run();
        let mut health = window();
        health.databases = Some(vec![DatabaseAge {
            datname: "app".to_owned(),
            datallowconn: true,
            frozen_xid_age,
            min_mxid_age,
        }]);
        health.oldest_tables = Some(vec![TableAge {
            schemaname: "public".to_owned(),
            relname: "Big".to_owned(),
            is_toast: true,
            frozen_xid_age: Some(frozen_xid_age),
            min_mxid_age: Some(min_mxid_age),
        }]);
        run.health = Some(health);
        set(&mut run, "autovacuum_freeze_max_age", "200000000");
        set(&mut run, "autovacuum_multixact_freeze_max_age", "400000000");
        set(&mut run, "vacuum_failsafe_age", "1600000000");
        set(&mut run, "vacuum_multixact_failsafe_age", "1600000000");
        Case::of(run)
    }

    #[test]
    fn half_as_much_again_as_the_limit_is_a_warning() {
        let finding = case(300_000_000, 0).the_finding(&RULE);
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(
            finding.title,
            "the oldest rows of app are 300,000,000 transactions old, 1,844,483,648 are left"
        );
        assert_eq!(
            finding.remediation.sql.as_deref(),
            Some("VACUUM (FREEZE) public.\"Big\";")
        );
        case(299_999_999, 0).assert_quiet(&RULE);
    }

    #[test]
    fn multixacts_have_a_limit_of_their_own() {
        let finding = case(0, 600_000_000).the_finding(&RULE);
        assert!(finding.title.contains("600,000,000 multixacts old"));
        case(0, 599_999_999).assert_quiet(&RULE);
    }

    #[test]
    fn past_the_failsafe_or_near_the_end_it_is_critical() {
        let severity = |case: Case| case.the_finding(&RULE).severity;
        assert_eq!(severity(case(1_600_000_000, 0)), Severity::Critical);
        let mut late = case(2_135_000_000, 0);
        set(&mut late.run, "autovacuum_freeze_max_age", "2000000000");
        set(&mut late.run, "vacuum_failsafe_age", "2100000000");
        assert_eq!(severity(late), Severity::Critical);
        let mut old = case(1_600_000_000, 0);
        let server = old.run.server.as_mut().unwrap();
        server.version_num = 130_000;
        server.settings.remove("vacuum_failsafe_age");
        assert_eq!(severity(old), Severity::Critical);
    }

    #[test]
    fn missing_facts_decide_nothing() {
        let mut unread = case(0, 0);
        unread.run.health.as_mut().unwrap().databases = None;
        assert!(unread.missing_fact(&RULE).contains("database_age"));
        let mut hidden = case(0, 0);
        hidden.run.server.as_mut().unwrap().settings.clear();
        assert!(hidden.missing_fact(&RULE).contains("freeze_max_age"));
    }
}
