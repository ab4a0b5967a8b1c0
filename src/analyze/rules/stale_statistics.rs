//! `stale-statistics`: the planner goes by an old picture of a table.

use crate::analyze::conclusions::Severity;
use crate::analyze::indexes::sql::qualified;

use super::autovacuum_settings::{Table, tables};
use super::draft::Draft;
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "stale-statistics",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let tables = tables(facts)?;
    let outcomes = tables.iter().map(|table| {
        let stale = if table.facts.relkind == "p" {
            partitioned(&tables, table)
        } else {
            ordinary(facts, table)?
        };
        Ok(stale.map_or(Outcome::Quiet, |stale| fired(facts, table, &stale)))
    });
    outcomes.collect()
}

/// What is stale about a table, for the title, and why.
struct Stale {
    title: String,
    why: &'static str,
}

fn ordinary(facts: &Facts<'_>, table: &Table<'_>) -> Result<Option<Stale>, String> {
    let threshold = table.number(facts, "autovacuum_analyze_threshold")?;
    let factor = table.number(facts, "autovacuum_analyze_scale_factor")?;
    let due = threshold + factor * table.rows();
    let changed = table.stats.n_mod_since_analyze;
    if was_never_analyzed(table) && table.stats.n_live_tup > t::NEVER_ANALYZED_MIN_ROWS {
        return Ok(Some(Stale {
            title: format!("{} rows were never analysed", table.stats.n_live_tup),
            why: "No analyze of it is on record, so the planner guesses how many rows a condition \
                  keeps (a crash or a reset of the statistics also empties the record)",
        }));
    }
    // Any plan for a few hundred rows is a good plan, and autovacuum comes round within minutes.
    let matters = table.stats.n_live_tup > t::NEVER_ANALYZED_MIN_ROWS;
    let stale = changed as f64 > t::AUTOVACUUM_BEHIND_FACTOR * due;
    Ok((matters && stale).then(|| Stale {
        title: format!("{changed} rows changed since the last analyze, due at {due:.0}"),
        why: "The planner goes by the contents of before these changes, so its row estimates, and \
              with them its choice of plans, may be off",
    }))
}

/// Autovacuum analyses partitions, but never the parent, whose statistics the planner uses for
/// queries over several partitions.
fn partitioned(tables: &[Table<'_>], parent: &Table<'_>) -> Option<Stale> {
    let children = tables
        .iter()
        .filter(|t| t.facts.parent == Some(parent.facts.relid));
    let rows: i64 = children.map(|t| t.stats.n_live_tup).sum();
    let never = was_never_analyzed(parent) && parent.facts.reltuples < 0.0;
    (never && rows > t::NEVER_ANALYZED_MIN_ROWS).then(|| Stale {
        title: format!("{rows} rows in its partitions, and the parent was never analysed"),
        why: "Autovacuum analyses partitions only, never their parent, so queries over several \
              partitions are planned by guesses until somebody analyses the parent",
    })
}

fn was_never_analyzed(table: &Table<'_>) -> bool {
    table.stats.last_analyze.is_none() && table.stats.last_autoanalyze.is_none()
}

fn fired(facts: &Facts<'_>, table: &Table<'_>, stale: &Stale) -> Outcome {
    let name = table.name();
    let quoted = qualified(&table.facts.schemaname, &table.facts.relname);
    Draft::new(RULE.id, Severity::Warning)
        .about("table", &name)
        .title(&format!("{name}: {}", stale.title))
        .detail(stale.why)
        .sql(format!("ANALYZE {quoted};"))
        .note(
            "SHARE UPDATE EXCLUSIVE lock; reads a sample of the table; plans may change, which is \
             the purpose, and there is no undo",
        )
        .fire(facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{set, span, table, table_stats};
    use crate::analyze::rules::testing::Case;
    use crate::record::tables::{StatUserTable, TableFacts};

    fn case(stats: Vec<StatUserTable>, known: Vec<TableFacts>) -> Case {
        let mut case = Case::new();
        case.run.tables.stat_user_tables = Some(span(stats.clone(), stats));
        case.run.tables.facts = Some(known);
        set(&mut case.run, "autovacuum_analyze_threshold", "50");
        set(&mut case.run, "autovacuum_analyze_scale_factor", "0.1");
        case
    }

    fn one(change: impl FnOnce(&mut StatUserTable)) -> Case {
        let mut stats = table_stats(1, "tasks");
        change(&mut stats);
        case(vec![stats], vec![table(1, "tasks")])
    }

    #[test]
    fn twice_the_threshold_is_stale() {
        // Due at 50 + 0.1 · 100 000 = 10 050.
        let finding = one(|s| s.n_mod_since_analyze = 20_101).the_finding(&RULE);
        assert_eq!(
            finding.title,
            "public.tasks: 20101 rows changed since the last analyze, due at 10050"
        );
        assert_eq!(
            finding.remediation.sql.as_deref(),
            Some("ANALYZE public.tasks;")
        );
        one(|s| s.n_mod_since_analyze = 20_100).assert_quiet(&RULE);
        one(|s| (s.n_mod_since_analyze, s.n_live_tup) = (90_000, 2)).assert_quiet(&RULE);
    }

    #[test]
    fn a_table_that_was_never_analysed_is_found_unless_tiny() {
        let never = |rows| {
            one(move |s| {
                s.last_autoanalyze = None;
                s.n_live_tup = rows;
            })
        };
        let finding = never(1_001).the_finding(&RULE);
        assert!(finding.title.contains("1001 rows were never analysed"));
        never(1_000).assert_quiet(&RULE);
    }

    #[test]
    fn a_partitioned_parent_is_nobodys_job() {
        let build = |reltuples| {
            let mut parent = table(1, "events");
            parent.relkind = "p".to_owned();
            parent.reltuples = reltuples;
            let mut child = table(2, "events_1");
            child.parent = Some(1);
            let mut parent_stats = table_stats(1, "events");
            parent_stats.n_live_tup = 0;
            parent_stats.last_autoanalyze = None;
            let stats = vec![parent_stats, table_stats(2, "events_1")];
            case(stats, vec![parent, child])
        };
        let finding = build(-1.0).the_finding(&RULE);
        assert_eq!(finding.subject.name, "public.events");
        assert!(finding.title.contains("100000 rows in its partitions"));
        build(100_000.0).assert_quiet(&RULE);
    }

    #[test]
    fn missing_facts_decide_nothing() {
        let mut unread = one(|_| {});
        unread.run.tables.facts = None;
        assert!(unread.missing_fact(&RULE).contains("pg_class"));
        let settings = |case: &mut Case| {
            let server = case.run.server.as_mut().unwrap();
            server.settings.clear();
        };
        let mut hidden = one(|_| {});
        settings(&mut hidden);
        assert!(hidden.missing_fact(&RULE).contains("autovacuum_analyze"));
    }
}
