//! The plan of all tables.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::circles;
use super::counts;
use super::literals::Literals;
use super::options::{PlanOptions, Problem};
use super::references;
use super::table::{self, OpaqueKey};
use crate::seed::generate::{TablePlan, TableRows, Tables};
use crate::seed::profile::Profile;
use crate::seed::rows::Rows as _;
use crate::seed::schema::{Check, Key, Name, Schema};

/// How tables are filled.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Tables, those that are referred to first, as far as there is no cycle.
    pub(crate) tables: Vec<TablePlan>,
    /// What is filled otherwise than asked for: columns that are left to the server, as null or by their default, and
    /// those that the profile does not tell of.
    pub(crate) left: Vec<Problem>,
    /// CHECK constraints that were not understood: whether rows satisfy them has to be asked of a server.
    pub(crate) opaque: Vec<(usize, Check, String)>,
    /// Keys of which only a server knows whether rows differ in them, by the table's place.
    pub(crate) opaque_keys: Vec<(usize, OpaqueKey)>,
}

/// What every table's plan needs.
pub(super) struct Planner<'a> {
    pub(super) schema: &'a Schema,
    /// Columns that are null in every row, by table.
    pub(super) left_null: &'a BTreeMap<Name, Vec<String>>,
    pub(super) profile: Option<&'a Profile>,
    pub(super) literals: &'a Literals,
    pub(super) options: &'a PlanOptions,
    /// Columns of which rows with a given value are looked up.
    pub(super) looked_up: BTreeSet<(Name, usize)>,
    /// Tables of which no row is in a partial unique index whose columns cannot be unique in all rows, by their place.
    pub(super) strict: BTreeSet<usize>,
    /// Rows by the table's place in the schema.
    pub(super) rows: Vec<u64>,
    /// Rows that were wanted, and why there are fewer, by the table's place.
    short: BTreeMap<usize, (u64, String)>,
}

/// Rows of each table that are made to see whether they can be (ours).
const TRIED_ROWS: u64 = 200;

/// Plans every table of the schema, or names everything that cannot be filled.
pub(crate) fn plan(
    schema: &Schema,
    profile: Option<&Profile>,
    literals: &Literals,
    options: &PlanOptions,
) -> Result<Plan, Vec<Problem>> {
    let opened = circles::opened(schema)?;
    let schema = &opened.schema;
    let order = counts::order(schema);
    let mut planner = Planner {
        schema,
        left_null: &opened.left_null,
        profile,
        literals,
        options,
        looked_up: references::looked_up(schema),
        strict: BTreeSet::new(),
        rows: counts::rows(schema, profile, options, &order)?,
        short: BTreeMap::new(),
    };
    loop {
        let plan = planner.all(&order, &opened.said)?;
        let tried = plan.tables.iter().zip(&order);
        let problems = tried.filter_map(|(table, place)| Some((*place, tried_rows(table)?)));
        let problems: Vec<(usize, Problem)> = problems.collect();
        if problems.is_empty() {
            return Ok(plan);
        }
        // Once more, without what may have been too much.
        let partial = |place: &usize| schema.tables[*place].keys.iter().any(Key::is_partial);
        let places = problems.iter().map(|(place, _)| *place);
        let before = planner.strict.len();
        planner.strict.extend(places.filter(partial));
        if planner.strict.len() == before {
            return Err(problems.into_iter().map(|(_, problem)| problem).collect());
        }
    }
}

/// Makes some rows from everywhere, and says which constraint they do not satisfy.
fn tried_rows(table: &TablePlan) -> Option<Problem> {
    let rows = table.rows();
    let tries = TRIED_ROWS.min(rows);
    (0..tries).find_map(|n| {
        let row = n * rows / tries;
        match table.values(row) {
            Ok(values) => table.missing(&values).map(|column| {
                let reason = "it may not be null, and there are rows for which no value of it, or no row that it could \
                              refer to, is made";
                Problem::of(table.name(), column, reason)
            }),
            Err(error) => Some(Problem {
                table: error.table,
                subject: None,
                reason: error.why,
            }),
        }
    })
}

impl Planner<'_> {
    fn all(&mut self, order: &[usize], said: &[Problem]) -> Result<Plan, Vec<Problem>> {
        let mut left = said.to_vec();
        let (mut opaque, mut opaque_keys) = (Vec::new(), Vec::new());
        let mut built: Vec<Option<TableRows>> = Vec::new();
        built.resize_with(self.schema.tables.len(), || None);
        for (place, made) in self.every_table(order)? {
            left.extend(made.left);
            let checks = made.opaque.into_iter();
            opaque.extend(checks.map(|(check, reason)| (place, check, reason)));
            opaque_keys.extend(made.opaque_keys.into_iter().map(|key| (place, key)));
            built[place] = Some(made.rows);
        }
        let tables = built.into_iter().flatten().collect();
        let tables = Arc::new(Tables(tables));
        Ok(Plan {
            tables: order
                .iter()
                .map(|place| TablePlan::new(Arc::clone(&tables), *place))
                .collect(),
            left,
            opaque,
            opaque_keys,
        })
    }

    /// All tables in this order, each with rows of the others that are there in the end: in a circle a table is planned
    /// before one that it refers to, which may get fewer rows than it was thought to.
    fn every_table(&mut self, order: &[usize]) -> Result<Vec<(usize, table::Made)>, Vec<Problem>> {
        loop {
            let before = self.rows.clone();
            let (mut all, mut problems) = (Vec::new(), Vec::new());
            for place in order {
                match self.table(*place) {
                    Ok(made) => all.push((*place, made)),
                    Err(found) => problems.extend(found),
                }
            }
            if !problems.is_empty() {
                return Err(problems);
            }
            // Rows only get fewer.
            let fewer = |place: &usize| self.rows[*place] < before[*place];
            if !order
                .iter()
                .any(|place| fewer(place) && self.comes_early(order, *place))
            {
                return Ok(all);
            }
        }
    }

    /// A table that refers to this one was planned before it.
    fn comes_early(&self, order: &[usize], place: usize) -> bool {
        let name = &self.schema.tables[place].name;
        let before = order.iter().take_while(|other| **other != place);
        before
            .flat_map(|other| &self.schema.tables[*other].foreign_keys)
            .any(|key| key.references == *name)
    }

    /// Rows that a table gets.
    pub(super) fn rows_of(&self, name: &Name) -> u64 {
        let place = self.schema.tables.iter().position(|t| t.name == *name);
        place.map_or(0, |place| self.rows[place])
    }

    /// Rows that a table has on the source.
    pub(super) fn known_rows(&self, name: &Name) -> Option<f64> {
        Some(self.profile?.table(name)?.rows)
    }

    /// The table, with fewer rows where its keys have no room for more and nobody asked for them.
    fn table(&mut self, place: usize) -> Result<table::Made, Vec<Problem>> {
        const TRIES: usize = 8;
        let asked = self.options.asks_for_rows(&self.schema.tables[place].name);
        for _ in 0..TRIES {
            match table::make(self, place)? {
                table::Outcome::Made(mut made) => {
                    let rows = self.rows[place];
                    let short = self.short.get(&place);
                    made.left.extend(short.map(|(wanted, why)| Problem {
                        table: self.schema.tables[place].name.clone(),
                        subject: None,
                        reason: format!("{rows} rows instead of {wanted}: {why}"),
                    }));
                    return Ok(*made);
                }
                table::Outcome::Room(rows, reason) => {
                    let name = &self.schema.tables[place].name;
                    if asked || rows >= self.rows[place] {
                        return Err(vec![Problem {
                            table: name.clone(),
                            subject: None,
                            reason: format!("{} rows were wanted, but {reason}", self.rows[place]),
                        }]);
                    }
                    let wanted = self.short.get(&place).map_or(self.rows[place], |s| s.0);
                    self.short.insert(place, (wanted, reason));
                    self.rows[place] = rows;
                }
            }
        }
        Err(vec![Problem {
            table: self.schema.tables[place].name.clone(),
            subject: None,
            reason: "its keys have room for too few rows".to_owned(),
        }])
    }
}
