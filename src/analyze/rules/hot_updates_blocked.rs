//! `hot-updates-blocked`: most updates of a table make an entry in every index of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::analyze::conclusions::{Evidence, IndexVerdict, Severity};
use crate::analyze::heap::fillfactor;
use crate::analyze::indexes::Judged;
use crate::analyze::indexes::sql::qualified;
use crate::analyze::missing_indexes::mentions;
use crate::analyze::statements::sets;
use crate::record::indexes::IndexFacts;
use crate::record::tables::{StatUserTable, TableFacts};

use super::continuity::continuous;
use super::draft::Draft;
use super::text::percent;
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "hot-updates-blocked",
    judge,
};

/// The version from which an index that only summarizes pages (BRIN) leaves an update HOT.
const SUMMARIZING: u32 = 160_000;

fn judge(facts: &Facts<'_>) -> Judgement {
    facts.window()?;
    let tables = facts.tables()?;
    continuous(facts)?;
    let window = facts.run.statements.as_ref();
    window.ok_or_else(|| facts.missing("pg_stat_statements"))?;
    let indexes = facts.run.indexes.facts.as_ref();
    indexes.ok_or_else(|| facts.missing("pg_index"))?;
    let catalogue = facts.run.tables.facts.as_ref();
    let catalogue = catalogue.ok_or_else(|| facts.missing("pg_class"))?;
    let judged = facts.judged_indexes()?;
    let first: HashMap<u32, &StatUserTable> = tables.first.iter().map(|t| (t.relid, t)).collect();
    let updated = tables.last.iter().filter_map(|last| {
        let updates = Updates::between(first.get(&last.relid).copied(), last);
        if !updates.are_blocked() {
            return None;
        }
        let table = catalogue.iter().find(|t| t.relid == last.relid);
        Some((table?, updates))
    });
    let updated: Vec<(&TableFacts, Updates)> = updated.collect();
    if updated.is_empty() {
        return Ok(Vec::new());
    }
    let writers = Writers::of(facts);
    let outcomes = updated.into_iter().map(|(table, updates)| {
        let found = Blocked {
            facts,
            table,
            updates,
            writers: writers.of_table(catalogue, table),
            blockers: blockers(facts, table),
        };
        found.outcome(judged)
    });
    Ok(outcomes.collect())
}

/// Updates of a table in the window.
#[derive(Debug, Clone, Copy)]
struct Updates {
    all: i64,
    hot: i64,
    /// Those whose new row went to another page (16+).
    newpage: Option<i64>,
}

impl Updates {
    fn between(first: Option<&StatUserTable>, last: &StatUserTable) -> Self {
        let before = |count: fn(&StatUserTable) -> i64| first.map_or(0, count);
        let newpage = |t: &StatUserTable| t.n_tup_newpage_upd.unwrap_or(0);
        Self {
            all: last.n_tup_upd - before(|t| t.n_tup_upd),
            hot: last.n_tup_hot_upd - before(|t| t.n_tup_hot_upd),
            newpage: last.n_tup_newpage_upd.map(|n| n - first.map_or(0, newpage)),
        }
    }

    fn are_blocked(&self) -> bool {
        self.all >= t::HOT_MIN_UPDATES && self.hot_ratio() < t::HOT_RATIO
    }

    fn hot_ratio(&self) -> f64 {
        self.hot as f64 / (self.all as f64).max(1.0)
    }

    /// A number of updates over those that are not HOT.
    fn share(&self, updates: i64) -> f64 {
        updates as f64 / ((self.all - self.hot) as f64).max(1.0)
    }
}

/// The columns that a statement sets, and the rows that it wrote in the window.
type Written = (BTreeSet<String>, i64);

/// What statements of the window set, by schema and name of the table as they name it.
struct Writers(BTreeMap<(String, String), Vec<Written>>);

impl Writers {
    fn of(facts: &Facts<'_>) -> Self {
        let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let database = facts.run.server.as_ref().map(|s| s.database_oid);
        if let Some(window) = &facts.run.statements {
            for delta in &window.deltas {
                let here = Some(delta.key.dbid) == database && delta.counters.rows > 0;
                let text = window.texts.get(&delta.key.queryid.0).filter(|_| here);
                for set in text.into_iter().flat_map(|text| sets(&text.query)) {
                    let written = found.entry((set.schema, set.table)).or_default();
                    written.push((set.columns, delta.counters.rows));
                }
            }
        }
        Self(found)
    }

    /// Columns and rows of the statements that update this table, or the one that it is a partition of.
    fn of_table(&self, all: &[TableFacts], table: &TableFacts) -> Vec<&Written> {
        let mut found = Vec::new();
        let mut next = Some(table);
        while let Some(table) = next {
            let named = [table.schemaname.as_str(), ""];
            found.extend(
                named.iter().filter_map(|schema| {
                    self.0.get(&((*schema).to_owned(), table.relname.clone()))
                }),
            );
            let parent = table.parent;
            next = all.iter().find(|t| Some(t.relid) == parent);
        }
        found.into_iter().flatten().collect()
    }
}

/// The indexes of a table by what a change of which keeps an update from being HOT.
fn blockers<'a>(facts: &Facts<'a>, table: &TableFacts) -> Vec<(&'a IndexFacts, BTreeSet<String>)> {
    let summarizing = facts
        .run
        .server
        .as_ref()
        .is_some_and(|s| s.version_num >= SUMMARIZING);
    let indexes = facts.run.indexes.facts.iter().flatten();
    indexes
        .filter(|i| i.indrelid == table.relid && !(summarizing && i.amname == "brin"))
        .map(|index| {
            let in_text = [&index.expressions, &index.predicate];
            let texts: Vec<&String> = in_text.into_iter().flatten().collect();
            let columns = table.columns.iter().filter(|column| {
                index.indkey.contains(&column.attnum)
                    || texts.iter().any(|sql| mentions(sql, &column.attname))
            });
            (index, columns.map(|c| c.attname.clone()).collect())
        })
        .collect()
}

/// A table whose updates are mostly not HOT.
struct Blocked<'a> {
    facts: &'a Facts<'a>,
    table: &'a TableFacts,
    updates: Updates,
    writers: Vec<&'a Written>,
    blockers: Vec<(&'a IndexFacts, BTreeSet<String>)>,
}

impl Blocked<'_> {
    fn outcome(&self, judged: &[Judged]) -> Outcome {
        let seen: i64 = self.writers.iter().map(|(_, rows)| rows).sum();
        let setting = self
            .writers
            .iter()
            .filter(|(columns, _)| self.is_indexed(columns));
        let setting: i64 = setting.map(|(_, rows)| rows).sum();
        let newpage = self.updates.newpage.map(|n| self.updates.share(n));
        if self.updates.share(setting) >= t::HOT_CAUSE_RATIO {
            return self.by_index(judged, setting);
        }
        match newpage {
            Some(share) if share >= t::HOT_CAUSE_RATIO => self.by_room(),
            Some(_) => self.by_something_else(),
            None if self.updates.share(seen - setting) >= t::HOT_CAUSE_RATIO => self.by_room(),
            None => Outcome::NotEvaluated(format!(
                "the statements that update {} were not seen, and before PostgreSQL 16 nothing else \
                 tells why its updates are not HOT",
                self.name()
            )),
        }
    }

    fn is_indexed(&self, columns: &BTreeSet<String>) -> bool {
        self.blockers
            .iter()
            .any(|(_, of_index)| !of_index.is_disjoint(columns))
    }

    fn name(&self) -> String {
        format!("{}.{}", self.table.schemaname, self.table.relname)
    }

    fn draft(&self, why: &str) -> Draft {
        Draft::new(RULE.id, Severity::Info)
            .about("table", &self.name())
            .title(&format!(
                "{} of {} updates of {} are HOT: {why}",
                percent(self.updates.hot_ratio()),
                self.updates.all,
                self.name()
            ))
    }

    /// How many indexes get an entry.
    fn costs(&self) -> String {
        let count = self.blockers.len();
        let noun = if count == 1 { "index" } else { "indexes" };
        format!("Each update that is not HOT makes an entry in all {count} {noun} of the table")
    }

    /// Statements set columns that are indexed.
    fn by_index(&self, judged: &[Judged], rows: i64) -> Outcome {
        let set: BTreeSet<&String> = self.writers.iter().flat_map(|(c, _)| c).collect();
        let mut named = Vec::new();
        let mut blocking = Vec::new();
        for (index, columns) in &self.blockers {
            let columns: Vec<&str> = columns
                .iter()
                .filter(|c| set.contains(c))
                .map(String::as_str)
                .collect();
            if !columns.is_empty() {
                named.push(format!("{} ({})", index.indexrelname, columns.join(", ")));
                blocking.push(*index);
            }
        }
        let draft = self
            .draft("statements set columns that are indexed")
            .evidence(Evidence::Estimated)
            .detail(format!(
                "By their texts, statements that updated {rows} rows set columns of {}. {}{}",
                named.join(", "),
                self.costs(),
                self.room_as_well()
            ));
        drops(draft, judged, &blocking).fire(self.facts)
    }

    /// Where the column keeps its value, room would have been needed as well.
    fn room_as_well(&self) -> String {
        match self.updates.newpage {
            Some(newpage) if self.updates.share(newpage) >= t::HOT_CAUSE_RATIO => format!(
                ". {newpage} new rows went to another page: where the columns keep their values, \
                 room was missing as well"
            ),
            _ => String::new(),
        }
    }

    /// No indexed column is set, but the new row did not fit into the page.
    fn by_room(&self) -> Outcome {
        let (evidence, how) = match self.updates.newpage {
            Some(newpage) => (
                Evidence::Measured,
                format!("{newpage} new rows went to another page (n_tup_newpage_upd)"),
            ),
            None => (
                Evidence::Estimated,
                "No statement that was seen sets an indexed column, so room is what is left, \
                 unless a trigger sets one"
                    .to_owned(),
            ),
        };
        let draft = self
            .draft("its pages have no room for the new row")
            .evidence(evidence)
            .detail(format!(
                "{how}. {}. Room comes back when dead rows are pruned, which an old transaction \
                 prevents",
                self.costs()
            ));
        self.fillfactor(draft).fire(self.facts)
    }

    fn fillfactor(&self, draft: Draft) -> Draft {
        let table = qualified(&self.table.schemaname, &self.table.relname);
        let set = fillfactor(&self.table.reloptions).map(|f| 100.0 * f);
        let next = match set {
            Some(set) if set <= t::HOT_FILLFACTOR_PERCENT => {
                set - (100.0 - t::HOT_FILLFACTOR_PERCENT)
            }
            _ => t::HOT_FILLFACTOR_PERCENT,
        };
        if next < t::HOT_MIN_FILLFACTOR_PERCENT {
            return draft.note(
                "a smaller fillfactor would hardly help: see who holds the horizon, so that dead \
                 rows are pruned, and whether rows grow by the update",
            );
        }
        let undo = match set {
            Some(set) => format!("ALTER TABLE {table} SET (fillfactor = {set:.0});"),
            None => format!("ALTER TABLE {table} RESET (fillfactor);"),
        };
        draft
            .sql(format!("ALTER TABLE {table} SET (fillfactor = {next:.0});"))
            .undo(undo)
            .note(
                "SHARE UPDATE EXCLUSIVE lock for a moment. It counts for pages that are filled from now \
                 on; those that exist need a rewrite (pg_repack, or VACUUM FULL under an ACCESS \
                 EXCLUSIVE lock). The table becomes larger by what is left free",
            )
    }

    /// The new rows stayed on their pages and were not HOT all the same.
    fn by_something_else(&self) -> Outcome {
        let draft = self
            .draft("an indexed column changes, by no statement that was seen")
            .evidence(Evidence::Estimated)
            .detail(format!(
                "{} new rows went to another page, so room is not what is missing, and no statement \
                 that was seen sets an indexed column. {}",
                self.updates.newpage.unwrap_or(0),
                self.costs()
            ))
            .note(
                "look for a trigger that sets an indexed column, such as a time of the last change, \
                 and for functions and other roles that update the table; fillfactor does not help",
            );
        draft.fire(self.facts)
    }
}

/// The drop of what is in the way, only where every such index is to go anyway.
fn drops(draft: Draft, judged: &[Judged], blocking: &[&IndexFacts]) -> Draft {
    let found = blocking.iter().map(|index| {
        let judged = judged.iter().find(|j| j.indexrelid == index.indexrelid)?;
        let goes = matches!(
            judged.index.verdict,
            IndexVerdict::DropUnused | IndexVerdict::DropDuplicate | IndexVerdict::DropRedundant
        );
        let sql = judged.index.remediation_sql.clone().filter(|_| goes)?;
        Some((
            sql,
            judged.index.undo_sql.clone()?,
            judged.lock_note.clone()?,
        ))
    });
    let found: Option<Vec<(String, String, String)>> = found.collect();
    let Some(found) = found else {
        return draft.note(
            "fillfactor does not help here. These indexes are needed for another reason, or it is \
             not known that they are not: set the columns only where they change (an update that \
             keeps the value stays HOT), or keep what changes often in a table of its own",
        );
    };
    let join = |part: fn(&(String, String, String)) -> &String| {
        let parts: Vec<&str> = found.iter().map(|f| part(f).as_str()).collect();
        parts.join(" ")
    };
    draft.sql(join(|f| &f.0)).undo(join(|f| &f.1)).note(format!(
        "fillfactor does not help here, but these indexes are to go anyway, as their verdicts \
             say: {}",
        join(|f| &f.2)
    ))
}

#[cfg(test)]
mod tests;
