//! `autovacuum-behind`: dead rows far past the number at which autovacuum should have come.

use crate::analyze::conclusions::{Holds, HorizonHolder, Severity};
use crate::analyze::health::horizon;
use crate::analyze::indexes::sql::qualified;

use super::autovacuum_settings::{Table, tables};
use super::draft::Draft;
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "autovacuum-behind",
    judge,
};

const FACTOR: &str = "autovacuum_vacuum_scale_factor";
const SWITCH: &str = "autovacuum_enabled";
const THRESHOLD: &str = "autovacuum_vacuum_threshold";
/// 18+.
const CAP: &str = "autovacuum_vacuum_max_threshold";

/// A tenth of the default.
const PROPOSED_FACTOR: f64 = 0.02;

fn judge(facts: &Facts<'_>) -> Judgement {
    let tables = tables(facts)?;
    tables.iter().map(|table| outcome(facts, table)).collect()
}

fn outcome(facts: &Facts<'_>, table: &Table<'_>) -> Result<Outcome, String> {
    let due = due(facts, table)?;
    let dead = table.stats.n_dead_tup;
    if dead as f64 <= t::AUTOVACUUM_BEHIND_FACTOR * due {
        return Ok(Outcome::Quiet);
    }
    let name = table.name();
    let cure = cure(facts, table)?;
    let last = table.stats.last_autovacuum;
    let last = last.map_or("never".to_owned(), |at| at.to_string());
    let running = running(facts, table);
    let severity = if running.is_some() {
        Severity::Info
    } else {
        Severity::Warning
    };
    let running = running.map_or(String::new(), |phase| format!(" (a vacuum is {phase})"));
    Ok(Draft::new(RULE.id, severity)
        .about("table", &name)
        .title(&format!(
            "{name} has {dead} dead rows, autovacuum is due at {due:.0}{running}"
        ))
        .detail(format!(
            "{dead} dead beside {} live rows; last autovacuum: {last}. {}{}. Every scan reads the \
             dead rows too, and the table and its indexes grow",
            table.stats.n_live_tup,
            why(facts, table),
            held(facts)
        ))
        .sql(cure.sql)
        .undo(cure.undo)
        .note(
            "SHARE UPDATE EXCLUSIVE lock; giving empty pages at the end back to the disk takes a \
             short ACCESS EXCLUSIVE lock, which VACUUM (TRUNCATE false) avoids; VACUUM not inside \
             a transaction. Whoever holds the horizon has to go first",
        )
        .fire(facts))
}

struct Cure {
    sql: String,
    undo: Option<String>,
}

/// A vacuum now, and for the future what keeps it from coming in time: the switch of the table, or
/// a factor that is larger than the one proposed. Where it is neither, a vacuum alone.
fn cure(facts: &Facts<'_>, table: &Table<'_>) -> Result<Cure, String> {
    let name = qualified(&table.facts.schemaname, &table.facts.relname);
    let vacuum = format!("VACUUM (ANALYZE) {name};");
    let change = |what: &str| format!("ALTER TABLE {name} {what};");
    let future = if table.autovacuum_is_off() {
        Some((format!("RESET ({SWITCH})"), SWITCH))
    } else if is_off(facts) || table.number(facts, FACTOR)? <= PROPOSED_FACTOR {
        None
    } else {
        Some((format!("SET ({FACTOR} = {PROPOSED_FACTOR})"), FACTOR))
    };
    let Some((what, option)) = future else {
        return Ok(Cure {
            sql: vacuum,
            undo: None,
        });
    };
    let before = match table.option(option) {
        Some(old) => format!("SET ({option} = {old})"),
        None => format!("RESET ({option})"),
    };
    Ok(Cure {
        sql: format!("{} {vacuum}", change(&what)),
        undo: Some(change(&before)),
    })
}

/// Autovacuum is off for the whole server.
fn is_off(facts: &Facts<'_>) -> bool {
    facts
        .setting("autovacuum")
        .is_ok_and(|s| s.reset_val == "off")
}

/// What a vacuum of the table is doing at the end of the window.
fn running<'a>(facts: &Facts<'a>, table: &Table<'_>) -> Option<&'a str> {
    let health = facts.run.health.as_ref()?;
    let mut vacuums = health.vacuums.iter().flatten();
    let vacuum = vacuums.find(|v| v.relid == Some(table.facts.relid))?;
    Some(vacuum.phase.as_deref().unwrap_or("running"))
}

/// Who keeps a vacuum from removing what died since it began, where that is more than a moment.
fn held(facts: &Facts<'_>) -> String {
    let holders = horizon::holders(facts.run).unwrap_or_default();
    let oldest = holders.iter().find(|h| h.holds == Holds::Rows);
    let minutes = |h: &HorizonHolder| h.held_ms.unwrap_or(0.0) / 60_000.0;
    let old = oldest
        .filter(|h| h.xid_age >= t::HORIZON_XIDS || minutes(h) >= t::LONG_TRANSACTION_INFO_MIN);
    old.map_or(String::new(), |h| {
        format!(
            "; {} holds the horizon, so no vacuum removes what died since",
            h.name
        )
    })
}

/// `threshold + scale factor · reltuples`, at most the cap (18+), as autovacuum computes it.
fn due(facts: &Facts<'_>, table: &Table<'_>) -> Result<f64, String> {
    let threshold = table.number(facts, THRESHOLD)?;
    let due = threshold + table.number(facts, FACTOR)? * table.rows();
    if facts.server()?.major() < 18 {
        return Ok(due);
    }
    let cap = table.number(facts, CAP)?;
    Ok(if cap < 0.0 { due } else { due.min(cap) })
}

fn why(facts: &Facts<'_>, table: &Table<'_>) -> &'static str {
    if table.autovacuum_is_off() {
        "autovacuum is turned off for this table"
    } else if is_off(facts) {
        "autovacuum is turned off for the whole server"
    } else {
        "It comes too late, is too slow (autovacuum_vacuum_cost_limit, autovacuum_max_workers), or \
         an old transaction keeps it from removing them"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{set, span, table, table_stats};
    use crate::analyze::health::testing::{open, window};
    use crate::analyze::rules::testing::Case;
    use crate::record::health::ProgressVacuum;

    /// Autovacuum is due at 50 + 0.2 · 100 000 = 20 050.
    fn case(dead: i64, options: &[&str]) -> Case {
        let mut case = Case::new();
        let mut stats = table_stats(1, "tasks");
        stats.n_dead_tup = dead;
        let mut facts = table(1, "tasks");
        facts.reloptions = options.iter().map(|o| (*o).to_owned()).collect();
        case.run.tables.stat_user_tables = Some(span(vec![stats.clone()], vec![stats]));
        case.run.tables.facts = Some(vec![facts]);
        set(&mut case.run, FACTOR, "0.2");
        set(&mut case.run, THRESHOLD, "50");
        case
    }

    #[test]
    fn twice_the_threshold_is_behind() {
        let finding = case(40_101, &[]).the_finding(&RULE);
        assert_eq!(
            finding.title,
            "public.tasks has 40101 dead rows, autovacuum is due at 20050"
        );
        assert_eq!(
            finding.remediation.undo_sql.as_deref(),
            Some("ALTER TABLE public.tasks RESET (autovacuum_vacuum_scale_factor);")
        );
        case(40_100, &[]).assert_quiet(&RULE);
    }

    #[test]
    fn the_tables_own_options_come_first_and_come_back() {
        let own = ["autovacuum_vacuum_scale_factor=0.05"];
        let finding = case(10_101, &own).the_finding(&RULE);
        assert_eq!(
            finding.remediation.undo_sql.as_deref(),
            Some("ALTER TABLE public.tasks SET (autovacuum_vacuum_scale_factor = 0.05);")
        );
    }

    #[test]
    fn a_table_that_was_turned_off_is_turned_on_again() {
        let own = [
            "autovacuum_vacuum_scale_factor=0.01",
            "autovacuum_enabled=false",
        ];
        let finding = case(2_101, &own).the_finding(&RULE);
        assert!(finding.detail.contains("turned off for this table"));
        let remedy = finding.remediation;
        assert_eq!(
            remedy.sql.as_deref(),
            Some(
                "ALTER TABLE public.tasks RESET (autovacuum_enabled); VACUUM (ANALYZE) \
                 public.tasks;"
            )
        );
        assert_eq!(
            remedy.undo_sql.as_deref(),
            Some("ALTER TABLE public.tasks SET (autovacuum_enabled = false);")
        );
    }

    #[test]
    fn the_factor_is_never_raised() {
        let remedy = |factor: &str| {
            let mut case = case(90_000, &[]);
            set(&mut case.run, FACTOR, factor);
            let remedy = case.the_finding(&RULE).remediation;
            (remedy.sql.unwrap(), remedy.undo_sql)
        };
        let alone = ("VACUUM (ANALYZE) public.tasks;".to_owned(), None);
        assert_eq!(remedy("0.01"), alone);
        assert_eq!(remedy("0.02"), alone);
        let (sql, undo) = remedy("0.03");
        assert!(sql.contains("SET (autovacuum_vacuum_scale_factor = 0.02)"));
        assert!(undo.is_some());
    }

    #[test]
    fn no_option_of_a_table_helps_where_the_server_is_off() {
        let mut case = case(90_000, &[]);
        set(&mut case.run, "autovacuum", "off");
        let finding = case.the_finding(&RULE);
        assert!(finding.detail.contains("for the whole server"));
        let sql = finding.remediation.sql.unwrap();
        assert_eq!(sql, "VACUUM (ANALYZE) public.tasks;");
    }

    #[test]
    fn from_18_on_a_cap_holds() {
        let mut case = case(30_000, &[]);
        case.run.server.as_mut().unwrap().version_num = 180_000;
        assert!(case.missing_fact(&RULE).contains(CAP));
        set(&mut case.run, CAP, "10000");
        assert!(case.the_finding(&RULE).title.contains("due at 10000"));
        set(&mut case.run, CAP, "-1");
        case.assert_quiet(&RULE);
    }

    #[test]
    fn a_vacuum_at_work_and_a_held_horizon_are_said() {
        let mut case = case(90_000, &[]);
        let mut health = window();
        health.vacuums = Some(vec![ProgressVacuum {
            pid: 3,
            datname: None,
            relid: Some(1),
            phase: Some("scanning heap".to_owned()),
            heap_blks_total: None,
            heap_blks_scanned: None,
            heap_blks_vacuumed: None,
            index_vacuum_count: None,
            xact_start: None,
        }]);
        health.transactions = Some(vec![open(7, "dump", -600)]);
        case.run.health = Some(health);
        let finding = case.the_finding(&RULE);
        assert_eq!(finding.severity, Severity::Info);
        assert!(finding.title.ends_with("(a vacuum is scanning heap)"));
        assert!(finding.detail.contains("dump (pid 7) holds the horizon"));
    }

    #[test]
    fn missing_settings_decide_nothing() {
        let mut case = case(90_000, &[]);
        let settings = &mut case.run.server.as_mut().unwrap().settings;
        settings.remove(FACTOR);
        assert!(case.missing_fact(&RULE).contains(FACTOR));
    }
}
