//! Why the planner misjudged a number of rows, and what would tell it better.

use crate::analyze::indexes::sql::{qualified, quote_ident};
use crate::analyze::plans::account::Visit;
use crate::analyze::plans::conditions::{Comparison, Condition, conditions, sort_column};
use crate::analyze::rules::thresholds as t;
use crate::record::tables::{ColumnFacts, ExtendedStatistics, TableFacts};

use super::look::Look;

/// A cause and its cure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Cure {
    pub(super) cause: String,
    pub(super) sql: Option<String>,
    pub(super) undo_sql: Option<String>,
    pub(super) note: String,
}

/// Lock and risk of everything that only changes statistics.
const NOTE: &str = "SHARE UPDATE EXCLUSIVE lock, beside reads and writes; plans may change, which is \
                    the purpose";

/// The cure of a node's estimate: statistics that are not stale, then finer ones for one column, or
/// ones over several columns that depend on each other.
pub(super) fn cure(look: &Look<'_>, visit: &Visit<'_>) -> Cure {
    let Some(table) = table_of(look, visit) else {
        return without_table(visit);
    };
    if let Some(stale) = stale(look, table) {
        return analyze(table, &stale);
    }
    let known = look.run.tables.stat_user_tables.is_some();
    let age = if known {
        "The statistics of the table are not old"
    } else {
        "How old the statistics of the table are is not known (pg_stat_user_tables was not read)"
    };
    let stands = stands_on(visit, table);
    match (stands.bare.as_slice(), stands.wrapped.first()) {
        ([_, _, ..], _) => extended(look, table, &stands, age),
        (_, Some((column, wrapped))) => expression(look, table, column, wrapped, age),
        ([column], None) => target(table, column, age),
        ([], None) => Cure {
            cause: format!("{age}, and no column was found that its condition stands on"),
            note:
                "look at what the condition computes: the planner assumes a fixed share for what \
                   it cannot estimate"
                    .to_owned(),
            ..Cure::default()
        },
    }
}

/// The one table that a node's estimate is about.
fn table_of<'a>(look: &Look<'a>, visit: &Visit<'_>) -> Option<&'a TableFacts> {
    if let Some(table) = look.table(visit.node) {
        return Some(table);
    }
    if visit.node.node_type != "Aggregate" && visit.node.node_type != "Group" {
        return None;
    }
    // The groups of one table, with nothing but its scan and what passes rows on below.
    let below = look.account.subtree(visit.position);
    let mut tables = below.iter().filter(|v| v.node.relation.is_some());
    let first = tables.next()?;
    tables.next().is_none().then(|| look.table(first.node))?
}

fn without_table(visit: &Visit<'_>) -> Cure {
    let (cause, note) = match visit.node.node_type.as_str() {
        "Function Scan" | "Table Function Scan" | "ProjectSet" => (
            "The planner takes a function to return as many rows as its definition says, 1000 by \
             default",
            "ALTER FUNCTION … ROWS n tells the planner; for a few values pass an array to = ANY",
        ),
        "Recursive Union" => (
            "The planner takes a recursive query to return ten times its first step",
            "store the result in a temporary table and ANALYZE it, where the plan around it matters",
        ),
        _ if visit.node.is_join() => (
            "Its inputs were estimated well, so the columns of the join depend on each other or on \
             the conditions of the inputs in a way that no statistics describe",
            "PostgreSQL has no statistics over several tables: a redundant column of the condition \
             in the joined table, or the most selective part first in a subquery with OFFSET 0, are \
             the usual ways; see that n_distinct of the join columns is right (pg_stats)",
        ),
        _ => (
            "No table of the catalogue belongs to it",
            "see that the tables below it are analysed",
        ),
    };
    Cure {
        cause: cause.to_owned(),
        note: note.to_owned(),
        ..Cure::default()
    }
}

/// ANALYZE, for statistics that are old.
pub(super) fn analyze(table: &TableFacts, stale: &str) -> Cure {
    let name = qualified(&table.schemaname, &table.relname);
    Cure {
        cause: format!(
            "The statistics of {}.{} are old: {stale}",
            table.schemaname, table.relname
        ),
        sql: Some(format!("ANALYZE {name};")),
        undo_sql: None,
        note: format!("{NOTE}, and there is no undo; reads a sample of the table"),
    }
}

/// What is stale about a table's statistics, by twice what autovacuum itself would allow: as the
/// rule `stale-statistics`. `None` where nothing is, or where the counters were not read.
pub(super) fn stale(look: &Look<'_>, table: &TableFacts) -> Option<String> {
    let stats = look.run.tables.stat_user_tables.as_ref()?;
    let row = stats.last.iter().find(|row| row.relid == table.relid)?;
    let never = row.last_analyze.is_none() && row.last_autoanalyze.is_none();
    if row.n_live_tup <= t::NEVER_ANALYZED_MIN_ROWS {
        return None;
    }
    if never && table.reltuples <= 0.0 {
        return Some(format!("its {} rows were never analysed", row.n_live_tup));
    }
    let number = |name: &str| {
        let mut options = table.reloptions.iter().filter_map(|o| o.split_once('='));
        let own = options
            .find(|(key, _)| *key == name)
            .and_then(|(_, v)| v.parse().ok());
        own.or_else(|| look.setting(name))
    };
    let due = number("autovacuum_analyze_threshold")?
        + number("autovacuum_analyze_scale_factor")? * f64::from(table.reltuples).max(0.0);
    let changed = row.n_mod_since_analyze;
    (changed as f64 > t::AUTOVACUUM_BEHIND_FACTOR * due)
        .then(|| format!("{changed} rows changed since the last analyze, due at {due:.0}"))
}

/// The kind of statistics over several columns that describes a condition (`stxkind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// How many distinct combinations there are: keys of groups.
    Distinct,
    /// How far one column determines another: equalities only.
    Dependencies,
    /// The most common combinations: ranges as well.
    MostCommon,
}

impl Kind {
    fn letter(self) -> &'static str {
        match self {
            Self::Distinct => "d",
            Self::Dependencies => "f",
            Self::MostCommon => "m",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Distinct => "ndistinct",
            Self::Dependencies => "dependencies",
            Self::MostCommon => "mcv",
        }
    }
}

/// Columns of a table that the number of rows depends on.
struct Stands<'a> {
    bare: Vec<&'a ColumnFacts>,
    /// Each with the function or cast around it.
    wrapped: Vec<(&'a ColumnFacts, String)>,
    kind: Kind,
}

fn stands_on<'a>(visit: &Visit<'_>, table: &'a TableFacts) -> Stands<'a> {
    let keys = visit
        .node
        .fields
        .get("Group Key")
        .and_then(|k| k.as_array());
    let grouped: Vec<Condition> = keys
        .into_iter()
        .flatten()
        .filter_map(|k| sort_column(k.as_str()?))
        .collect();
    let is_grouped = !grouped.is_empty();
    let all = if is_grouped {
        grouped
    } else {
        let texts = ["Index Cond", "Recheck Cond", "Filter"];
        let texts = texts.iter().filter_map(|key| visit.node.text(key));
        texts.filter_map(conditions).flatten().collect()
    };
    let equal = |c: &Condition| matches!(c.comparison, Comparison::Equality | Comparison::IsNull);
    let mut stands = Stands {
        bare: Vec::new(),
        wrapped: Vec::new(),
        kind: match (is_grouped, all.iter().all(equal)) {
            (true, _) => Kind::Distinct,
            (false, true) => Kind::Dependencies,
            (false, false) => Kind::MostCommon,
        },
    };
    for condition in all {
        let column = table.columns.iter().find(|c| c.attname == condition.column);
        let Some(column) = column else { continue };
        let relabelled = condition.wrapped.as_deref() == Some("::text")
            && column.type_name.starts_with("character");
        match condition.wrapped.filter(|_| !relabelled) {
            Some(wrapped) => stands.wrapped.push((column, wrapped)),
            None if stands.bare.iter().all(|c| c.attnum != column.attnum) => {
                stands.bare.push(column);
            }
            None => {}
        }
    }
    // Statistics are over eight columns at most.
    stands.bare.truncate(8);
    stands
}

/// One column: finer statistics of it.
fn target(table: &TableFacts, column: &ColumnFacts, age: &str) -> Cure {
    let name = qualified(&table.schemaname, &table.relname);
    let quoted = quote_ident(&column.attname);
    let present = column.stattarget.filter(|target| *target >= 0);
    if present.is_some_and(|target| target >= t::STATISTICS_TARGET) {
        return Cure {
            cause: format!(
                "{age}, and {} has a statistics target of {} already: its values are more uneven \
                 than the most common ones and the histogram can tell",
                column.attname,
                present.unwrap_or_default()
            ),
            note: "a partial index on the values that are asked for is estimated by its own rows; \
                   SET (n_distinct = …) mends a wrong number of distinct values"
                .to_owned(),
            ..Cure::default()
        };
    }
    Cure {
        cause: format!(
            "{age}: the most common values and the histogram of {} are too coarse for this value",
            column.attname
        ),
        sql: Some(format!(
            "ALTER TABLE {name} ALTER COLUMN {quoted} SET STATISTICS {}; ANALYZE {name};",
            t::STATISTICS_TARGET
        )),
        undo_sql: Some(format!(
            "ALTER TABLE {name} ALTER COLUMN {quoted} SET STATISTICS {}; ANALYZE {name};",
            present.unwrap_or(-1)
        )),
        note: format!("{NOTE}. Planning reads more statistics"),
    }
}

/// A function of one column: statistics of the expression, which PostgreSQL 14 can keep.
fn expression(
    look: &Look<'_>,
    table: &TableFacts,
    column: &ColumnFacts,
    wrapped: &str,
    age: &str,
) -> Cure {
    let cause = format!(
        "{age}, but the condition stands on {wrapped} of {}, of which the planner has no \
         statistics and takes a fixed share",
        column.attname
    );
    let Some(function) = wrapped
        .strip_suffix("()")
        .filter(|_| look.version() >= 140_000)
    else {
        return Cure {
            cause,
            note: "an index on the expression, or from PostgreSQL 14 on CREATE STATISTICS on it, \
                   makes ANALYZE keep statistics of it"
                .to_owned(),
            ..Cure::default()
        };
    };
    let expression = format!(
        "({}({}))",
        quote_ident(function),
        quote_ident(&column.attname)
    );
    statistics(table, &[&column.attname], None, &expression, cause)
}

/// Several columns: statistics of how they depend on each other. One kind only: the planner goes by
/// the most common combinations first, and a combination that is not among them it takes for
/// independent, whatever the dependencies say.
fn extended(look: &Look<'_>, table: &TableFacts, stands: &Stands<'_>, age: &str) -> Cure {
    let names: Vec<&str> = stands.bare.iter().map(|c| c.attname.as_str()).collect();
    let numbers: Vec<i16> = stands.bare.iter().map(|c| c.attnum).collect();
    let known = look.run.tables.extended_statistics.iter().flatten();
    let over: Vec<&ExtendedStatistics> = known
        .filter(|s| s.stxrelid == table.relid && numbers.iter().all(|n| s.stxkeys.contains(n)))
        .collect();
    let has = |kind: Kind| {
        let mut all = over.iter();
        all.find(|s| s.stxkind.iter().any(|k| k == kind.letter()))
    };
    if let Some(exists) =
        has(Kind::MostCommon).or(has(Kind::Distinct).filter(|_| stands.kind == Kind::Distinct))
    {
        return finer(table, exists, &names, age);
    }
    let kind = match stands.kind {
        // They are there and did not do: an average over all values, and these are others.
        Kind::Dependencies if has(Kind::Dependencies).is_some() => Kind::MostCommon,
        kind => kind,
    };
    let why = match kind {
        Kind::Distinct => "its groups are fewer or more than the product of their distinct values",
        _ => "the planner multiplies their shares as if they were independent",
    };
    let listed: Vec<String> = names.iter().map(|n| quote_ident(n)).collect();
    let cause = format!(
        "{age}, but {} depend on each other: {why}",
        names.join(" and ")
    );
    statistics(table, &names, Some(kind), &listed.join(", "), cause)
}

/// Statistics over these columns exist: more of them.
fn finer(table: &TableFacts, exists: &ExtendedStatistics, names: &[&str], age: &str) -> Cure {
    let name = qualified(&exists.schemaname, &exists.stxname);
    let relation = qualified(&table.schemaname, &table.relname);
    let set = |target: i32| {
        format!("ALTER STATISTICS {name} SET STATISTICS {target}; ANALYZE {relation};")
    };
    Cure {
        cause: format!(
            "{age}, and {} has statistics over {}",
            exists.stxname,
            names.join(", ")
        ),
        sql: Some(set(t::STATISTICS_TARGET)),
        undo_sql: Some(set(-1)),
        note: format!("{NOTE}. Planning reads more statistics"),
    }
}

/// CREATE STATISTICS of a name that says its columns; without a kind on an expression.
fn statistics(
    table: &TableFacts,
    names: &[&str],
    kind: Option<Kind>,
    on: &str,
    cause: String,
) -> Cure {
    let mut name = format!("{}_{}", table.relname, names.join("_"));
    // An identifier has 63 bytes.
    while name.len() > 57 {
        name.pop();
    }
    let name = qualified(&table.schemaname, &format!("{name}_stats"));
    let relation = qualified(&table.schemaname, &table.relname);
    let kinds = kind.map_or(String::new(), |kind| format!("({}) ", kind.name()));
    // A hundred combinations are soon too few, and one that is missing is taken for independent.
    let more = match kind {
        Some(Kind::MostCommon) => {
            format!(
                " ALTER STATISTICS {name} SET STATISTICS {};",
                t::STATISTICS_TARGET
            )
        }
        _ => String::new(),
    };
    Cure {
        cause,
        sql: Some(format!(
            "CREATE STATISTICS {name} {kinds}ON {on} FROM {relation};{more} ANALYZE {relation};"
        )),
        undo_sql: Some(format!("DROP STATISTICS {name};")),
        note: NOTE.to_owned(),
    }
}

#[cfg(test)]
mod tests;
