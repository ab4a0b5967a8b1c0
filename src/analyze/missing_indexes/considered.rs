//! "Why not": of every index that was thought of for one table why it is or is not recommended, and
//! why the planner reads the table from the beginning to the end.

use crate::analyze::conclusions::{ConsideredIndex, TableAdvice, TableScan};
use crate::record::Run;
use crate::record::tables::TableFacts;
use crate::record::what_if::WhatIf;

use super::advisor::{Advisor, Choice};
use super::candidate::Candidate;
use super::judged::{Matter, text_of};
use super::set::Set;
use super::uses::TableUse;

/// Share of a table's rows from which a scan of all of them is cheaper than an index, roughly: where
/// rows lie anywhere, each costs a page of its own (ours).
const MANY_RATIO: f64 = 0.2;

/// What was thought of for a table that the user names, `schema.table` or the table alone.
#[must_use]
pub fn conclude(run: &Run, name: &str) -> TableAdvice {
    let (schema, bare) = name.split_once('.').unwrap_or(("", name));
    let known = super::find_by_name(run, schema, bare);
    let note = match (known, &run.what_if) {
        (None, _) if run.tables.facts.is_none() => "the catalogue was not read".to_owned(),
        (None, _) => not_one(run, name, schema, bare),
        (Some(_), None) => not_asked(run),
        (Some(table), Some(what_if)) => return of_table(run, table, what_if),
    };
    TableAdvice {
        schema: schema.to_owned(),
        table: bare.to_owned(),
        note: Some(note),
        rows: 0.0,
        scans: Vec::new(),
        considered: Vec::new(),
    }
}

/// Why the name stands for no table.
fn not_one(run: &Run, name: &str, schema: &str, bare: &str) -> String {
    let facts = run.tables.facts.iter().flatten();
    let mut same: Vec<String> = facts
        .filter(|t| t.relname == bare && (schema.is_empty() || t.schemaname == schema))
        .map(|t| format!("{}.{}", t.schemaname, t.relname))
        .collect();
    if same.is_empty() {
        return format!("there is no table {name} in this database");
    }
    same.sort();
    format!(
        "more than one table is called {name}, say which: {}",
        same.join(", ")
    )
}

/// Why no planner was asked.
fn not_asked(run: &Run) -> String {
    let mut rows = run.coverage.iter().filter(|c| c.collector == "what_if");
    let reason = rows.find_map(|c| c.reason.clone());
    reason.unwrap_or_else(|| "the planner was not asked about indexes".to_owned())
}

fn of_table(run: &Run, table: &TableFacts, what_if: &WhatIf) -> TableAdvice {
    let matter = Matter::of(run, what_if);
    let choice = matter.choice();
    let uses = matter.wishes.uses.iter();
    let scans = uses
        .filter(|used| used.relid == table.relid)
        .filter_map(|used| scan(run, table, used));
    TableAdvice {
        schema: table.schemaname.clone(),
        table: table.relname.clone(),
        note: None,
        rows: super::rows_of(run, table),
        scans: scans.collect(),
        considered: considered(run, table, &matter, &choice),
    }
}

/// Why a statement reads all of the table.
fn scan(run: &Run, table: &TableFacts, used: &TableUse) -> Option<TableScan> {
    let kept = used.sequential?;
    let rows = super::rows_of(run, table).max(1.0);
    let sought: Vec<&String> = {
        let mut all: Vec<&String> = used.sought().collect();
        all.sort();
        all.dedup();
        all
    };
    let begins = |column: &String| {
        let number = table.columns.iter().find(|c| &c.attname == column);
        let mut indexes = run.indexes.facts.iter().flatten();
        number.is_some_and(|c| {
            indexes.any(|i| {
                i.indrelid == table.relid && i.indisvalid && i.indkey.first() == Some(&c.attnum)
            })
        })
    };
    let names = sought.iter().map(|c| c.as_str()).collect::<Vec<_>>();
    let why = if sought.is_empty() {
        "it has no condition on a column that an index could serve".to_owned()
    } else if kept / rows >= MANY_RATIO {
        format!(
            "it keeps {:.0} % of the rows, for which reading all is cheaper",
            100.0 * (kept / rows).min(1.0)
        )
    } else if sought.iter().any(|c| begins(c)) {
        format!(
            "it seeks {}, and the planner takes the index on it for dearer",
            names.join(", ")
        )
    } else {
        format!(
            "no index begins with a column that it seeks: {}",
            names.join(", ")
        )
    };
    Some(TableScan {
        query_id: used.query_id.to_string(),
        query: text_of(run, used.query_id),
        rows_kept: kept,
        reason: why,
    })
}

fn considered(
    run: &Run,
    table: &TableFacts,
    matter: &Matter<'_>,
    choice: &Choice,
) -> Vec<ConsideredIndex> {
    let set: Set = choice.chosen.iter().map(|c| c.candidate).collect();
    let mut advisor = Advisor::new(&matter.problem, matter.answers.clone()).settled_for_good();
    let mine = |c: &&Candidate| c.relid == table.relid;
    let tried = matter.wishes.candidates.iter().enumerate();
    let mut all: Vec<ConsideredIndex> = tried
        .filter(|(_, c)| mine(c))
        .map(|(i, candidate)| {
            let alone = advisor.saved_between(Set::default(), Set::default().with(i));
            ConsideredIndex {
                definition: candidate.definition(table),
                size_bytes: matter.problem.candidates[i].bytes,
                recommended: set.contains(i),
                saves_alone_ms_per_sec: super::per_sec(run).map(|_| alone),
                reason: verdict(run, matter, &mut advisor, set, i),
            }
        })
        .collect();
    all.sort_by(|a, b| {
        let saves = |c: &ConsideredIndex| c.saves_alone_ms_per_sec.unwrap_or(0.0);
        let order = b.recommended.cmp(&a.recommended);
        order.then_with(|| saves(b).total_cmp(&saves(a)))
    });
    let passed_over = matter.wishes.passed_over.iter();
    all.extend(
        passed_over
            .filter(|(c, _)| mine(&c))
            .map(|(candidate, reason)| ConsideredIndex {
                definition: candidate.definition(table),
                size_bytes: None,
                recommended: false,
                saves_alone_ms_per_sec: None,
                reason: reason.clone(),
            }),
    );
    all
}

fn verdict(
    run: &Run,
    matter: &Matter<'_>,
    advisor: &mut Advisor<'_>,
    set: Set,
    i: usize,
) -> String {
    let priced = &matter.problem.candidates[i];
    if set.contains(i) {
        return "recommended".to_owned();
    }
    if let Some(refused) = matter.refusal(i) {
        return format!("the server refuses it: {refused}");
    }
    let time = |ms: f64| match super::per_sec(run) {
        Some(_) => format!("{ms:.2} ms per second"),
        None => format!("{ms:.0} ms in all"),
    };
    let one = Set::default().with(i);
    let alone = advisor.saved_between(Set::default(), one);
    if !advisor.is_used(one) {
        return "the planner does not use it for any statement".to_owned();
    }
    if alone <= priced.write_ms_per_sec {
        return format!(
            "writing to it takes about {}, and it gives back {}",
            time(priced.write_ms_per_sec),
            time(alone)
        );
    }
    let beside = advisor.saved_between(set, set.union(one));
    if set.is_empty() || beside > alone / 2.0 {
        return format!(
            "it gives back {}, which is less than it has to for its bytes and writes",
            time(beside)
        );
    }
    format!(
        "it gives back {} by itself, and {} beside the recommended indexes",
        time(alone),
        time(beside)
    )
}

#[cfg(test)]
mod tests;
