//! `lookup-per-row`: a statement seems to run once for each row of another one (N+1), by their numbers alone.

use std::collections::BTreeSet;

use crate::analyze::conclusions::{Evidence, Severity, Statement};
use crate::analyze::statements::shape;
use crate::record::indexes::ForeignKey;
use crate::record::tables::TableFacts;

use super::draft::Draft;
use super::text::one_line;
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "lookup-per-row",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let statements: Vec<&Statement> = facts.tunable()?.collect();
    let tables = facts.run.tables.facts.as_deref();
    let tables = tables.ok_or_else(|| facts.missing("pg_class"))?;
    let keys = facts.run.indexes.foreign_keys.as_deref();
    let keys = keys.ok_or_else(|| facts.missing("pg_constraint"))?;
    let breakdown = facts
        .conclusions
        .breakdown
        .iter()
        .flat_map(|b| &b.endpoints);
    if breakdown.into_iter().any(|e| !e.statements.is_empty()) {
        let better = "calls per request are known, and chatty-statement judges by them";
        return Ok(vec![Outcome::Suppressed(better.to_owned())]);
    }
    let all: i64 = statements.iter().map(|s| s.calls).sum();
    let mut found = Vec::new();
    for lookup in statements.iter().copied().filter(|s| is_lookup(s, all)) {
        let lists = statements.iter().copied().filter(|list| fits(list, lookup));
        let mut lists = lists.filter(|list| linked(list, lookup, tables, keys));
        // Two lists that fit are none: then the numbers tell nothing.
        if let (Some(list), None) = (lists.next(), lists.next()) {
            found.push(finding(facts, list, lookup).fire(facts));
        }
    }
    facts.of_statements(found)
}

fn is_lookup(s: &Statement, all: i64) -> bool {
    s.calls >= t::LOOKUP_MIN_CALLS
        && s.calls as f64 >= t::LOOKUP_CALLS_RATIO * all as f64
        && s.rows <= s.calls
        && s.toplevel != Some(false)
}

/// The list returned as many rows as the lookup had calls.
fn fits(list: &Statement, lookup: &Statement) -> bool {
    let (rows, calls) = (list.rows as f64, lookup.calls as f64);
    list.query_id != lookup.query_id
        && list.user == lookup.user
        && list.database == lookup.database
        && list.toplevel != Some(false)
        && list
            .rows_per_call()
            .is_some_and(|rows| rows >= t::LOOKUP_MIN_LIST_ROWS)
        && (rows - calls).abs() <= t::LOOKUP_TOLERANCE_RATIO * calls
}

/// Both are SELECTs, and a foreign key leads from a table of one to a table of the other.
fn linked(
    list: &Statement,
    lookup: &Statement,
    tables: &[TableFacts],
    keys: &[ForeignKey],
) -> bool {
    let relations = |s: &Statement| -> BTreeSet<u32> {
        let read = shape(&s.query)
            .map(|shape| shape.tables)
            .unwrap_or_default();
        let named = |t: &&TableFacts| {
            read.iter().any(|(schema, name)| {
                t.relname == *name && schema.as_ref().is_none_or(|s| *s == t.schemaname)
            })
        };
        tables.iter().filter(named).map(|t| t.relid).collect()
    };
    let (of_list, of_lookup) = (relations(list), relations(lookup));
    keys.iter().any(|key| {
        let forth = of_list.contains(&key.conrelid) && of_lookup.contains(&key.confrelid);
        let back = of_list.contains(&key.confrelid) && of_lookup.contains(&key.conrelid);
        forth || back
    })
}

fn finding(facts: &Facts<'_>, list: &Statement, lookup: &Statement) -> Draft {
    let round_trip = facts.run.server.as_ref().and_then(|s| s.round_trip);
    let trips = (lookup.calls - list.calls).max(0) as f64;
    Draft::new(RULE.id, Severity::Info)
        .evidence(Evidence::Estimated)
        .about("statement", &lookup.query_id)
        .title(&format!(
            "{} calls, as many as another statement has rows: {}",
            lookup.calls,
            one_line(&lookup.query)
        ))
        .detail(format!(
            "Statement {} returned {} rows in {} calls, and this one, which reads a table that a foreign key links to \
             it, ran {} times for a row at most: the pattern of one query for a list and one more for each of its \
             elements (N+1). It is inferred from these numbers alone; results of the application's endpoints (--api) \
             would show it. The time it gives back is that of the round trips",
            list.query_id, list.rows, list.calls, lookup.calls
        ))
        .saves(round_trip.and_then(|trip| facts.per_sec(trip.0 * trips)))
        .note("fetch all rows with one statement: a join, or WHERE key = ANY ($1)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{delta, run, statement_window, table};
    use crate::analyze::rules::testing::Case;

    /// 100 lists of 20 tasks, and this many lookups of their owners.
    fn case(lookups: i64, key: bool) -> Case {
        let mut run = run();
        let mut list = delta(1, 100, 100.0);
        list.counters.rows = 2_000;
        let mut window = statement_window(vec![list, delta(2, lookups, 100.0)]);
        let mut say = |id: i64, query: &str| {
            query.clone_into(&mut window.texts.get_mut(&id).unwrap().query);
        };
        say(
            1,
            "select id, owner_id from tasks where state = $1 limit $2",
        );
        say(2, "select name from users where id = $1");
        run.statements = Some(window);
        run.tables.facts = Some(vec![table(1, "tasks"), table(2, "users")]);
        let owner = ForeignKey {
            conname: "owner".to_owned(),
            conrelid: 1,
            confrelid: 2,
            conkey: vec![2],
            confkey: vec![1],
            conindid: 0,
            conparentid: 0,
        };
        run.indexes.foreign_keys = Some(if key { vec![owner] } else { vec![] });
        Case::of(run)
    }

    #[test]
    fn a_lookup_for_each_row_of_a_list_is_found() {
        let finding = case(2_000, true).the_finding(&RULE);
        assert!(
            finding.title.starts_with("2000 calls, as many"),
            "{}",
            finding.title
        );
        assert_eq!(finding.evidence, Evidence::Estimated);
        assert_eq!(finding.subject.name, "2");
        // 1900 round trips of 0.2 ms in 60 s.
        let saves = finding.saves_ms_per_sec.unwrap();
        assert!((saves - 1_900.0 * 0.2 / 60.0).abs() < 1e-9, "{saves}");
    }

    #[test]
    fn other_numbers_and_tables_without_a_link_are_not() {
        case(2_100, true).assert_quiet(&RULE);
        case(2_000, false).assert_quiet(&RULE);
    }

    #[test]
    fn two_lists_that_fit_are_none() {
        let mut case = case(2_000, true);
        let window = case.run.statements.as_mut().unwrap();
        let mut other = delta(3, 50, 10.0);
        other.counters.rows = 2_000;
        window.deltas.push(other);
        let text = window.texts[&1].clone();
        window.texts.insert(3, text);
        case.conclude();
        case.assert_quiet(&RULE);
    }

    #[test]
    fn without_foreign_keys_nothing_is_said() {
        let mut case = case(2_000, true);
        case.run.indexes.foreign_keys = None;
        assert!(case.missing_fact(&RULE).contains("pg_constraint"));
    }
}
