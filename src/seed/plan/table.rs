//! The plan of one table.

use super::drafts::{self, About, Draft};
use super::drivers;
use super::expressions;
use super::fields;
use super::free;
use super::keys::{self, Trouble};
use super::options::Problem;
use super::pairs;
use super::partitions;
use super::planner::Planner;
use super::references;
use crate::collect::pg_stat_statements::quote_ident;
use crate::seed::checks::{self, Understanding};
use crate::seed::generate::{Field, Follow, TableRows, Unit};
use crate::seed::schema::{Check, Column, Exclusion, Filled, Key, Name, Table, TypeKind};
use crate::seed::shape::{Permutation, key};

/// A table that can be filled.
pub(super) struct Made {
    pub(super) rows: TableRows,
    /// Columns that are left to the server.
    pub(super) left: Vec<Problem>,
    /// Checks that were not understood, and why.
    pub(super) opaque: Vec<(Check, String)>,
    /// Keys of which only a server knows whether rows differ in them.
    pub(super) computed: Vec<Computed>,
}

/// A key over what is computed from a column that is unique.
#[derive(Debug)]
pub(crate) struct Computed {
    pub(crate) key: String,
    /// By its place.
    pub(crate) column: usize,
    /// As SQL.
    pub(crate) expression: String,
}

/// What came of planning a table.
pub(super) enum Outcome {
    Made(Box<Made>),
    /// There is room for so many rows only, and why.
    Room(u64, String),
}

/// Plans one table, or names everything in it that cannot be filled.
pub(super) fn make(planner: &Planner<'_>, place: usize) -> Result<Outcome, Vec<Problem>> {
    let source = &planner.schema.tables[place];
    let mut problems = Vec::new();
    let left_null = planner.left_null.get(&source.name);
    let prepared = Prepared::of(source, left_null.map_or(&[], Vec::as_slice));
    let table = &prepared.table;
    let known = planner.profile.and_then(|p| p.table(&table.name));
    let rows = planner.rows[place];
    let chosen = references::chosen(planner.schema, table, &mut problems);
    let (leaves, moved) = partitions::leaves(table, known, rows).map_err(|p| vec![p])?;
    let about = About {
        table,
        known,
        rows,
        chosen: &chosen,
        nulls: &prepared.understanding.nulls,
        domains: &prepared.understanding.domains,
        leaves: &leaves,
    };
    let mut drafts = drafts::drafts(planner, &about);
    let orphans = match references::orphans(planner, &about, &drafts) {
        Ok(left) => left,
        Err(Trouble::Problem(problem)) => return Err(vec![problem]),
        Err(Trouble::Room(rows, reason)) => return Ok(Outcome::Room(rows, reason)),
    };
    let spans = prepared.spans(&mut drafts, &mut problems);
    for key in prepared.keys() {
        match keys::keep(&about, &mut drafts, key) {
            Ok(()) => {}
            Err(Trouble::Problem(problem)) => problems.push(problem),
            Err(Trouble::Room(rows, reason)) => return Ok(Outcome::Room(rows, reason)),
        }
    }
    refuse_shared_leaves(&about, &drafts, &mut problems);
    in_order(&prepared, &mut drafts);
    drivers::arrange(&about, &mut drafts);
    let fields = fields::fields(
        planner,
        &about,
        &prepared.understanding,
        &mut drafts,
        &spans,
    );
    problems.extend(fields.problems);
    if let Some((rows, reason)) = fields.room {
        return Ok(Outcome::Room(rows, reason));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let units = units(&drafts, rows);
    if let Some((rows, reason)) = crowded(&about, &drafts, &units) {
        return Ok(Outcome::Room(rows, reason));
    }
    Ok(Outcome::Made(Box::new(Made {
        rows: assemble(
            prepared.understanding.rules.clone(),
            table,
            (rows, units),
            fields.list,
            &drafts,
        ),
        left: unknown(planner, &about)
            .into_iter()
            .chain(moved)
            .chain(without_nulls(&about, &drafts))
            .chain(orphans)
            .chain(prepared.kept_out())
            .chain(fields.left)
            .collect(),
        opaque: prepared.opaque(source),
        computed: prepared.computed(),
    })))
}

/// What a profile does not tell of.
fn unknown(planner: &Planner<'_>, about: &About<'_>) -> Vec<Problem> {
    let table = about.table;
    let why = "the profile has no statistics of it: filled by its type and its name";
    if about.rows == 0 {
        return Vec::new();
    }
    match (planner.profile, about.known) {
        (None, _) => Vec::new(),
        (Some(_), None) => vec![Problem {
            table: table.name.clone(),
            subject: None,
            reason: why.to_owned(),
        }],
        (Some(_), Some(known)) => table
            .columns
            .iter()
            .filter(|c| !known.columns.contains_key(&c.name))
            .filter(|c| !matches!(c.filled, Filled::Generated(_)))
            .map(|column| Problem::of(&table.name, &column.name, why))
            .collect(),
    }
}

/// Columns that have nulls on the source, and none here: keys and what refers to them need a value in every row.
fn without_nulls(about: &About<'_>, drafts: &[Draft]) -> Vec<Problem> {
    let of = |place: usize| {
        let draft = drafts.iter().find(|d| d.columns.contains(&place))?;
        let column = &about.table.columns[place];
        let known = about.known?.columns.get(&column.name)?;
        let changed = known.null_frac * about.rows as f64 >= 1.0
            && draft.distribution.nulls == 0
            && !about.is_never_null(place);
        let reason = "without nulls: a key needs a value in every row";
        changed.then(|| Problem::of(&about.table.name, &column.name, reason))
    };
    (0..about.table.columns.len()).filter_map(of).collect()
}

/// A table with what rows are held to beside its own constraints, and all of it understood.
struct Prepared {
    table: Table,
    /// Partial unique indexes whose rows are kept out of them.
    avoided: Vec<String>,
    /// Columns that are null in all rows, each with the unique index that this is for.
    emptied: Vec<(String, String)>,
    pairs: Vec<(usize, usize)>,
    understanding: Understanding,
}

impl Prepared {
    fn of(source: &Table, left_null: &[String]) -> Self {
        let mut table = source.clone();
        let pairs = pairs::pairs(&table);
        table.checks.extend(pairs::checks(&table, &pairs));
        table.checks.extend(left_null.iter().map(|column| Check {
            name: column.clone(),
            expression: format!("{} IS NULL", quote_ident(column)),
        }));
        for key in &mut table.keys {
            expressions::without_coalesce(source, key);
            // Nulls differ from each other anyway.
            if !key.nulls_not_distinct && expressions::is_of_all_rows(source, key) {
                key.predicate = None;
            }
        }
        let (mut avoided, mut emptied, mut kept_out) = (Vec::new(), Vec::new(), Vec::new());
        for key in &table.keys {
            let Some(predicate) = &key.predicate else {
                continue;
            };
            if !can_be_unique(source, key) {
                // No row is in the index, so none is in it twice.
                kept_out.push(Check {
                    name: key.name.clone(),
                    expression: format!("NOT ({predicate})"),
                });
                avoided.push(key.name.clone());
            }
        }
        for key in table.keys.iter().filter(|key| !avoided.contains(&key.name)) {
            let Some(column) = emptied_by(&table, key) else {
                continue;
            };
            kept_out.push(Check {
                name: key.name.clone(),
                expression: format!("{} IS NULL", quote_ident(&column)),
            });
            emptied.push((column, key.name.clone()));
        }
        table.checks.extend(kept_out);
        Self {
            understanding: checks::understand(&table),
            table,
            avoided,
            emptied,
            pairs,
        }
    }

    /// Those of few columns first: with one of them unique a key of more is.
    fn keys(&self) -> Vec<&Key> {
        let emptied = |key: &Key| self.emptied.iter().any(|(_, name)| *name == key.name);
        let kept = |key: &&Key| !self.avoided.contains(&key.name) && !emptied(key);
        let mut keys: Vec<&Key> = self.table.keys.iter().filter(kept).collect();
        keys.sort_by_key(|key| key.columns.len());
        keys
    }

    fn computed(&self) -> Vec<Computed> {
        let keys = self.keys().into_iter();
        let computed = keys.filter_map(|key| {
            let (column, expression) = keys::computed(&self.table, key)?;
            Some(Computed {
                key: key.name.clone(),
                column,
                expression,
            })
        });
        computed.collect()
    }

    /// Columns of ranges that must not overlap.
    fn spans(&self, drafts: &mut [Draft], problems: &mut Vec<Problem>) -> Vec<usize> {
        let mut spans = Vec::new();
        for exclusion in &self.table.exclusions {
            match span(&self.table, exclusion) {
                Some(column) => {
                    spans.push(column);
                    if let Some(draft) = drafts.iter_mut().find(|d| d.columns == [column]) {
                        draft.unique = true;
                        draft.fixed = true;
                        let rows = draft.distribution.nulls;
                        draft.distribution = free::own(rows, u64::MAX, u64::MAX);
                    }
                }
                None => problems.push(Problem::of(
                    &self.table.name,
                    &exclusion.name,
                    "only ranges that must not overlap (&&) and columns that must not be equal are understood among exclusion constraints",
                )),
            }
        }
        spans
    }

    /// Partial unique indexes that no row is in.
    fn kept_out(&self) -> impl Iterator<Item = Problem> {
        let avoided = self.avoided.iter().map(|name| {
            let why = "no row is in this partial index: which rows of it would differ is not known";
            Problem::of(&self.table.name, name, why)
        });
        let emptied = self.emptied.iter().map(|(column, index)| {
            let why =
                format!("left null: which of its values would differ in {index} is not known");
            Problem::of(&self.table.name, column, why)
        });
        avoided.chain(emptied)
    }

    /// Checks of the table and of its columns' domains that were not understood. A pair of names is no constraint.
    fn opaque(&self, source: &Table) -> Vec<(Check, String)> {
        let avoided = |check: &&Check| self.avoided.contains(&check.name);
        let own = source.checks.iter();
        let checks = own.chain(self.table.checks.iter().filter(avoided));
        let checks: Vec<&Check> = checks.collect();
        let domains: Vec<Check> = source.columns.iter().flat_map(of_domains).collect();
        let found = self.understanding.opaque.iter();
        found
            .filter_map(|(name, reason)| {
                let mut checks = checks.iter().copied().chain(&domains);
                let check = checks.find(|check| check.name == *name)?;
                Some((check.clone(), reason.clone()))
            })
            .collect()
    }
}

/// The checks of a column's domain and of those that it is made of, each as a question about the column: a value that the
/// domain refuses is an error.
fn of_domains(column: &Column) -> Vec<Check> {
    let Name { schema, name } = &column.type_.name;
    let [column_name, schema, name] = [&column.name, schema, name].map(|n| quote_ident(n));
    let expression = format!("pg_catalog.num_nulls({column_name}::{schema}.{name}) >= 0");
    let mut found = Vec::new();
    let mut type_ = &column.type_;
    while let TypeKind::Domain { base, checks, .. } = &type_.kind {
        found.extend(checks.iter().map(|check| Check {
            name: check.name.clone(),
            expression: expression.clone(),
        }));
        type_ = base;
    }
    found
}

/// A column that may be null, and of which a unique index takes out what is not known, where nothing else of the index
/// tells rows apart.
fn emptied_by(table: &Table, key: &Key) -> Option<String> {
    let is_generated = |name: &String| {
        let place = table.column(name);
        place.is_some_and(|place| matches!(table.columns[place].filled, Filled::Generated(_)))
    };
    let computed = |column: &Option<String>| column.as_ref().is_none_or(is_generated);
    let unknown = key.columns.iter().any(computed) && !key.nulls_not_distinct;
    if !unknown || !keys::telling(table, key).is_empty() {
        return None;
    }
    let column = expressions::taken_out_of(table, key)?;
    let place = table.column(&column)?;
    (!table.columns[place].is_never_null()).then_some(column)
}

/// Whether the columns of a partial unique index can be unique in all rows.
fn can_be_unique(table: &Table, key: &Key) -> bool {
    let refers = |place: &usize| {
        let name = &table.columns[*place].name;
        table.foreign_keys.iter().any(|f| f.columns.contains(name))
    };
    if keys::telling(table, key).iter().any(|place| !refers(place)) {
        return true;
    }
    // What is unique in all rows is among these, too.
    let alone = |name: &String| {
        let mut keys = table.keys.iter();
        keys.any(|k| k.predicate.is_none() && k.columns == [Some(name.clone())])
    };
    key.columns.iter().flatten().any(alone)
}

fn span(table: &Table, exclusion: &Exclusion) -> Option<usize> {
    exclusion.elements.iter().find_map(|(column, operator)| {
        let place = table.column(column.as_ref()?)?;
        let range = matches!(table.columns[place].type_.base().kind, TypeKind::Range(_));
        (range && operator == "&&").then_some(place)
    })
}

/// A foreign key's column that decides about the partition would have to be laid out for each of them.
fn refuse_shared_leaves(about: &About<'_>, drafts: &[Draft], problems: &mut Vec<Problem>) {
    let by_leaf = |column: usize| about.leaves.iter().any(|l| l.domains.contains_key(&column));
    for draft in drafts.iter().filter(|d| d.foreign_key.is_some()) {
        if let Some(column) = draft.columns.iter().find(|column| by_leaf(**column)) {
            problems.push(Problem::of(
                &about.table.name,
                &about.table.columns[*column].name,
                "it decides about the partition and refers to another table: which rows it may refer to is not known for each partition",
            ));
        }
    }
}

/// The later of two times has the order of the earlier, so that rows with an early one have an early other.
fn in_order(prepared: &Prepared, drafts: &mut [Draft]) {
    let ordered = prepared.understanding.rules.ordered();
    for (earlier, later) in prepared.pairs.iter().chain(&ordered) {
        let unit = |column: usize| drafts.iter().position(|d| d.columns == [column]);
        let (Some(first), Some(second)) = (unit(*earlier), unit(*later)) else {
            continue;
        };
        let plain = |draft: &Draft| matches!(draft.follow, Follow::Itself) && !draft.by_leaf;
        if plain(&drafts[first]) && plain(&drafts[second]) && drafts[first].order_of.is_none() {
            drafts[second].order_of = Some(first);
        }
    }
}

fn units(drafts: &[Draft], rows: u64) -> Vec<Unit> {
    let order = |draft: &Draft| {
        if draft.in_order {
            Permutation::identity(rows)
        } else {
            draft.distribution.order(rows, draft.key)
        }
    };
    drafts
        .iter()
        .map(|draft| Unit {
            order: order(draft.order_of.map_or(draft, |other| &drafts[other])),
            layout: draft.distribution.layout(rows, draft.key),
            follow: draft.follow.clone(),
            key: key(draft.key, &["unit"]),
        })
        .collect()
}

/// A part of a key that has fewer values than some value of its lead has rows, and how many rows it has room for.
fn crowded(about: &About<'_>, drafts: &[Draft], units: &[Unit]) -> Option<(u64, String)> {
    (units.iter().zip(drafts)).find_map(|(unit, draft)| {
        let Follow::Within {
            lead,
            divisor,
            differs,
            ..
        } = &unit.follow
        else {
            return None;
        };
        let last = !units.iter().any(
            |other| matches!(&other.follow, Follow::Within { lead: l, divisor: d, .. } if l == lead && d > divisor),
        );
        let lead = &units[*lead].layout;
        let values = unit.layout.values().saturating_sub(u64::from(*differs));
        let room = values.saturating_mul(*divisor);
        if !last || lead.largest() <= room {
            return None;
        }
        let most = (lead.values().saturating_mul(room) / 2).min(about.rows / 2);
        let column = &about.table.columns[draft.columns[0]].name;
        Some((most.max(1), format!("{column} has {} different values only", unit.layout.values())))
    })
}

fn assemble(
    rules: checks::Rules,
    table: &Table,
    (rows, units): (u64, Vec<Unit>),
    fields: Vec<Field>,
    drafts: &[Draft],
) -> TableRows {
    let fixed = |column: usize| {
        let draft = drafts.iter().find(|d| d.columns.contains(&column));
        // A column without a draft is the server's; one that leads to a partition leads to another when it changes.
        draft.is_none_or(|draft| draft.fixed || draft.by_leaf || draft.foreign_key.is_some())
    };
    // Of several columns that refer to a row together each would refer to another.
    let redrawn = |column: usize| {
        let mut drafts = drafts.iter();
        let draft = drafts.find(|d| d.columns.contains(&column));
        draft.is_some_and(|draft| {
            !draft.fixed && !draft.by_leaf && !draft.shared && draft.columns.len() == 1
        })
    };
    let copied: Vec<usize> = (0..fields.len())
        .filter(|column| !matches!(fields[*column], Field::Omitted))
        .collect();
    let generated = |column: usize| matches!(table.columns[column].filled, Filled::Generated(_));
    TableRows {
        name: table.name.clone(),
        rows,
        units,
        columns: copied
            .iter()
            .map(|column| table.columns[*column].name.clone())
            .collect(),
        copied,
        fixed: (0..fields.len()).map(fixed).collect(),
        redrawn: (0..fields.len()).map(redrawn).collect(),
        nullable: (0..fields.len())
            .map(|column| !table.columns[column].is_never_null() && !generated(column))
            .collect(),
        rules,
        fields,
    }
}
