//! Candidates: every index that the uses of a table could want, to be judged by the planner.
//!
//! Generous on purpose. Equality columns come first, the most selective of them leading, then one
//! range or an order, then columns that are carried along so that the table need not be read.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::plans::tree::PlanTree;
use crate::analyze::rules::thresholds as t;
use crate::record::Run;
use crate::record::tables::{ColumnFacts, TableFacts};
use crate::record::what_if::{ColumnStats, WhatIf};

use super::candidate::{Candidate, Key};
use super::predicate::OrderKey;
use super::uses::{self, TableUse};

/// What the workload does, and which indexes that asks for.
pub(super) struct Wishes {
    /// Every use of every table.
    pub(super) uses: Vec<TableUse>,
    /// Candidates, without those that an index serves already.
    pub(super) candidates: Vec<Candidate>,
    /// What was thought of and not proposed, with the reason.
    pub(super) passed_over: Vec<(Candidate, String)>,
}

/// Reads the plans of a run's workload.
pub(super) fn of_run(run: &Run, what_if: &WhatIf) -> Wishes {
    let mut uses = Vec::new();
    for record in &what_if.statements {
        let tree = record.plan.as_ref().and_then(|p| PlanTree::read(p).ok());
        if let Some(tree) = tree {
            uses.extend(uses::of_plan(run, record.query_id, &tree));
        }
    }
    let mut seen = BTreeSet::new();
    let (mut candidates, mut passed_over) = (Vec::new(), Vec::new());
    for used in &uses {
        let facts = run.tables.facts.iter().flatten();
        let Some(table) = facts.clone().find(|t| t.relid == used.relid) else {
            continue;
        };
        let place = Place::new(run, table, what_if);
        for candidate in place.wished_by(used) {
            if !seen.insert(candidate.clone()) {
                continue;
            }
            match place.why_not(run, &candidate) {
                Some(reason) => passed_over.push((candidate, reason)),
                None if candidates.len() < t::CANDIDATES_MAX => candidates.push(candidate),
                None => passed_over.push((candidate, "too many candidates".to_owned())),
            }
        }
    }
    Wishes {
        uses,
        candidates,
        passed_over,
    }
}

/// A table with what the planner knows of it.
struct Place<'a> {
    table: &'a TableFacts,
    stats: BTreeMap<&'a str, &'a ColumnStats>,
    rows: f64,
    trigrams: bool,
}

impl<'a> Place<'a> {
    fn new(run: &Run, table: &'a TableFacts, what_if: &'a WhatIf) -> Self {
        let own = what_if.columns.iter().filter(|c| c.attrelid == table.relid);
        let extensions = run.server.as_ref().map(|s| &s.extensions);
        Self {
            table,
            stats: own.map(|c| (c.attname.as_str(), c)).collect(),
            rows: super::rows_of(run, table),
            trigrams: extensions.is_some_and(|e| e.contains_key("pg_trgm")),
        }
    }

    fn column(&self, name: &str) -> Option<&'a ColumnFacts> {
        self.table.columns.iter().find(|c| c.attname == name)
    }

    /// Number of different values, 1 where nothing is known.
    fn distinct(&self, column: &str) -> f64 {
        let known = self.stats.get(column).and_then(|s| s.n_distinct);
        match known.map(f64::from) {
            Some(share) if share < 0.0 => -share * self.rows,
            Some(count) => count,
            None => 1.0,
        }
    }

    /// The most selective first; a stable order of names among equals.
    fn by_selectivity(&self, columns: &[String]) -> Vec<String> {
        let mut sorted: Vec<String> = columns
            .iter()
            .filter(|c| self.is_indexable(c))
            .cloned()
            .collect();
        sorted.sort_by(|a, b| {
            let order = self.distinct(b).total_cmp(&self.distinct(a));
            order.then_with(|| a.cmp(b))
        });
        sorted
    }

    /// A btree can be built on it.
    fn is_indexable(&self, name: &str) -> bool {
        const WITHOUT_ORDER: [&str; 9] = [
            "json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle",
        ];
        self.column(name)
            .is_some_and(|c| !WITHOUT_ORDER.contains(&c.type_name.as_str()))
    }

    fn width(&self, name: &str) -> f64 {
        let stated = self.stats.get(name).and_then(|s| s.avg_width);
        let fixed = self
            .column(name)
            .and_then(|c| crate::analyze::indexes::size::fixed(&c.type_name));
        let fixed = fixed.map(|(width, _)| width);
        stated.map(f64::from).or(fixed).unwrap_or(32.0)
    }

    /// Share of the pages on which all rows are visible to everybody, so that an index alone can
    /// answer.
    fn visible(&self) -> f64 {
        let pages = f64::from(self.table.relpages);
        let visible = self.stats.values().next();
        visible.map_or(0.0, |s| f64::from(s.relallvisible) / pages.max(1.0))
    }

    /// Why the candidate is not even tried.
    fn why_not(&self, run: &Run, candidate: &Candidate) -> Option<String> {
        if self.rows < t::CANDIDATE_MIN_TABLE_ROWS {
            return Some(format!(
                "the table has {:.0} rows, which are read in no time (limit {:.0})",
                self.rows,
                t::CANDIDATE_MIN_TABLE_ROWS
            ));
        }
        let indexes = run.indexes.facts.iter().flatten();
        if let Some(index) = indexes
            .clone()
            .find(|i| candidate.is_served_by(i, self.table))
        {
            return Some(format!("{} serves it already", index.indexrelname));
        }
        // The planner takes reading a row for dearer than it is where the table is in memory, and a second
        // index on the key of a table is written with every row.
        let unique = indexes
            .clone()
            .find(|i| candidate.repeats_unique(i, self.table))?;
        Some(format!(
            "{} finds the same row; it would only save reading that from the table",
            unique.indexrelname
        ))
    }

    fn wished_by(&self, used: &TableUse) -> Vec<Candidate> {
        let mut wishes = Vec::new();
        for keys in self.key_lists(used) {
            let plain = Candidate::btree(self.table.relid, keys);
            wishes.push(plain.clone());
            wishes.extend(self.partial(&plain, used));
            wishes.extend(self.covering(&plain, used));
        }
        wishes.extend(self.inverted(used));
        wishes
    }

    /// Keys of the btrees that the use could want.
    fn key_lists(&self, used: &TableUse) -> Vec<Vec<Key>> {
        let equal = self.by_selectivity(&used.equalities);
        let joined = self.by_selectivity(&used.joins);
        let ranges = self.by_selectivity(&used.ranges);
        let mut bases: Vec<Vec<String>> = vec![Vec::new()];
        // Any of the equality columns may lead, so that statements can share an index.
        for lead in &equal {
            let others = equal.iter().filter(|c| *c != lead).cloned();
            let all: Vec<String> = std::iter::once(lead.clone()).chain(others).collect();
            bases.push(vec![lead.clone()]);
            bases.push(all);
        }
        for join in &joined {
            bases.push(vec![join.clone()]);
            let others = equal.iter().cloned();
            bases.push(std::iter::once(join.clone()).chain(others).collect());
            let first = equal.iter().cloned();
            bases.push(first.chain([join.clone()]).collect());
        }
        if joined.len() > 1 {
            bases.push(joined.clone());
        }
        let mut lists: Vec<Vec<Key>> = Vec::new();
        for base in bases {
            let base: Vec<String> = once_each(base);
            let keys: Vec<Key> = base.iter().map(|c| Key::column(c)).collect();
            let with = |more: Vec<Key>| keys.iter().cloned().chain(more).collect::<Vec<_>>();
            lists.extend(
                ranges
                    .iter()
                    .filter(|r| !base.contains(r))
                    .map(|r| with(vec![Key::column(r)])),
            );
            for order in &used.orders {
                let rest: Vec<&OrderKey> = order
                    .iter()
                    .filter(|k| !used.equalities.contains(&k.name.column))
                    .filter(|k| !base.contains(&k.name.column))
                    .collect();
                if !rest.is_empty() && rest.iter().all(|k| self.is_indexable(&k.name.column)) {
                    lists.push(with(ordered(&rest)));
                }
            }
            lists.extend(
                used.patterns
                    .iter()
                    .filter_map(|p| self.prefix_key(p))
                    .map(|key| with(vec![key])),
            );
            lists.extend(
                used.expressions
                    .iter()
                    .map(|(sql, _)| with(vec![Key::expression(sql)])),
            );
            lists.push(keys);
        }
        for column in self.by_selectivity(&used.alternatives) {
            lists.push(vec![Key::column(&column)]);
        }
        lists.retain(|keys| !keys.is_empty());
        if lists.is_empty() {
            // Nothing but a test for NULL or a boolean: a btree finds those as well, where they are few.
            let tested = used.constants.iter().map(|c| &c.column);
            let tested = tested.filter(|c| self.is_indexable(c));
            lists.extend(tested.map(|c| vec![Key::column(c)]));
        }
        for keys in &mut lists {
            keys.truncate(t::CANDIDATE_MAX_KEYS);
        }
        let mut seen = BTreeSet::new();
        lists.retain(|keys| seen.insert(keys.clone()));
        lists
    }

    /// A key that serves `LIKE 'x%'`: where the collation is not that of bytes it needs a class.
    fn prefix_key(&self, column: &str) -> Option<Key> {
        let type_name = &self.column(column)?.type_name;
        let class = if type_name == "text" {
            "text_pattern_ops"
        } else if type_name.starts_with("character varying") {
            "varchar_pattern_ops"
        } else if type_name.starts_with("character") {
            "bpchar_pattern_ops"
        } else {
            return None;
        };
        let bytewise = self.stats.get(column).and_then(|s| s.bytewise) == Some(true);
        Some(Key {
            class: (!bytewise).then_some(class),
            ..Key::column(column)
        })
    }

    /// The same index for the rows that meet a condition without values, where that leaves few.
    fn partial(&self, plain: &Candidate, used: &TableUse) -> Vec<Candidate> {
        let few = |c: &&super::uses::Constant| {
            let nulls = self.stats.get(c.column.as_str()).and_then(|s| s.null_frac);
            match (c.is_null, nulls.map(f64::from)) {
                (Some(true), Some(nulls)) => nulls <= t::PARTIAL_MAX_RATIO,
                (Some(false), Some(nulls)) => 1.0 - nulls <= t::PARTIAL_MAX_RATIO,
                // Which of its two values is rare only the planner knows.
                (None, _) => true,
                (Some(_), None) => false,
            }
        };
        let conditions = used.constants.iter().filter(few);
        conditions
            .map(|c| Candidate {
                predicate: Some(c.sql.clone()),
                ..plain.clone()
            })
            .collect()
    }

    /// The same index with the other columns that the statement needs, where pages are known to be
    /// visible and the columns are few and narrow.
    fn covering(&self, plain: &Candidate, used: &TableUse) -> Option<Candidate> {
        let bare = plain.keys.iter().all(|k| !k.is_expression);
        if used.modified || !bare || self.visible() < t::COVERING_MIN_VISIBLE_RATIO {
            return None;
        }
        let in_keys = |c: &&String| plain.keys.iter().any(|k| &k.text == *c);
        let rest: Vec<String> = used
            .needed
            .iter()
            .filter(|c| !in_keys(c))
            .cloned()
            .collect();
        let width: f64 = rest.iter().map(|c| self.width(c)).sum();
        let fits = !rest.is_empty()
            && rest.len() <= t::COVERING_MAX_COLUMNS
            && width <= t::COVERING_MAX_BYTES
            && rest.iter().all(|c| self.column(c).is_some());
        fits.then(|| Candidate {
            include: rest,
            ..plain.clone()
        })
    }

    /// Indexes for what is inside of a value.
    fn inverted(&self, used: &TableUse) -> Vec<Candidate> {
        let gin = |column: &str, class: Option<&'static str>| Candidate {
            method: "gin",
            keys: vec![Key {
                class,
                ..Key::column(column)
            }],
            ..Candidate::btree(self.table.relid, Vec::new())
        };
        let holds_many = |column: &&String| {
            let type_name = self.column(column).map(|c| c.type_name.as_str());
            type_name.is_some_and(|t| t == "jsonb" || t == "tsvector" || t.ends_with("[]"))
        };
        let contains = used.contains.iter().filter(holds_many);
        let mut found: Vec<Candidate> = contains.map(|c| gin(c, None)).collect();
        if self.trigrams {
            let texts = used.patterns.iter();
            found.extend(texts.map(|c| gin(c, Some("gin_trgm_ops"))));
        }
        found
    }
}

/// Keys that give an order. One that is the same throughout is read backwards as well as forwards.
fn ordered(keys: &[&OrderKey]) -> Vec<Key> {
    let natural = keys
        .iter()
        .all(|k| k.descending == keys[0].descending && k.nulls_first == k.descending);
    keys.iter()
        .map(|k| {
            let mut key = Key::column(&k.name.column);
            if !natural {
                key.descending = k.descending;
                key.nulls_first = (k.nulls_first != k.descending).then_some(k.nulls_first);
            }
            key
        })
        .collect()
}

fn once_each(columns: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    columns
        .into_iter()
        .filter(|c| seen.insert(c.clone()))
        .collect()
}

#[cfg(test)]
mod tests;
