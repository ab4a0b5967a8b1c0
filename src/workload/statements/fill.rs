//! From the uses of a statement's parameters to generators.

use std::collections::BTreeMap;

use tokio_postgres::types::{Kind, Type};

use super::catalog::Table;
use super::uses::{By, Rows, Use, Uses};
use crate::workload::{Generator, names};

/// Share of a table's rows between two bounds, where the counters do not tell it (ours).
const RANGE_SHARE: f64 = 0.05;

/// Elements of an array, where the counters do not tell it (ours).
const ARRAY_COUNT: u32 = 3;

/// Rows of an inner query (ours): a page or a list of recent rows, as applications have them.
const INNER_LIMIT: u32 = 100;

/// Characters in front of the `%` of a pattern (ours): what people have typed when a search begins.
const PREFIX_LENGTH: u32 = 3;

/// Letters of a text that must not meet another (ours): more different ones than a run inserts.
const UNIQUE_TEXT: usize = 16;

/// Parameters of a statement with their generators.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Filled {
    /// Name of `$1`, `$2` …
    pub(super) names: Vec<String>,
    /// Names, with the generator that draws them together.
    pub(super) params: Vec<(Vec<String>, Generator)>,
    /// What is not known and was assumed, one sentence each.
    pub(super) assumed: Vec<String>,
}

/// What the counters say of a statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    /// Executions.
    pub(super) calls: i64,
    /// Rows of all executions.
    pub(super) rows: i64,
}

impl Counted {
    fn rows_per_call(self) -> f64 {
        if self.calls <= 0 {
            return 0.0;
        }
        self.rows.max(0) as f64 / self.calls as f64
    }
}

/// Finds a generator for every parameter, of which the server has told the types; the error says for
/// which one there is none.
pub(super) fn fill(uses: &Uses<'_>, types: &[Type], counted: Counted) -> Result<Filled, String> {
    let unknown = Use::Unknown;
    let of = |number| uses.by_number.get(&number).unwrap_or(&unknown);
    let mut fill = Fill {
        uses,
        types,
        counted,
        filled: Filled::default(),
    };
    for number in 1..=types.len() {
        let name = fill.free_name(&stem(of(number), number));
        fill.filled.names.push(name);
    }
    fill.compared();
    fill.stored()?;
    for number in 1..=types.len() {
        fill.single(number, of(number))?;
    }
    Ok(fill.filled)
}

/// What a name begins with.
fn stem(used: &Use<'_>, number: usize) -> String {
    let column = match used {
        Use::Compared { column, .. }
        | Use::Inserted { column, .. }
        | Use::Assigned { column, .. } => column,
        Use::Limit | Use::InnerLimit => "limit",
        Use::Offset => "offset",
        Use::Word(_) => "word",
        Use::Output | Use::Constant | Use::Unknown => "",
    };
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    let stem: String = column.chars().map(plain).take(40).collect();
    if stem.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') {
        stem
    } else {
        format!("p{number}")
    }
}

struct Fill<'u, 'c> {
    uses: &'u Uses<'c>,
    types: &'u [Type],
    counted: Counted,
    filled: Filled,
}

/// A column and the parameter that is drawn from it.
type Member<'c> = (usize, &'c Table, String);

impl<'c> Fill<'_, 'c> {
    fn free_name(&self, stem: &str) -> String {
        let taken = |name: &String| self.filled.names.contains(name);
        let mut name = stem.to_owned();
        let mut next = 2;
        while taken(&name) {
            name = format!("{stem}_{next}");
            next += 1;
        }
        name
    }

    fn name(&self, number: usize) -> String {
        self.filled
            .names
            .get(number - 1)
            .cloned()
            .unwrap_or_default()
    }

    fn assume(&mut self, what: String) {
        if !self.filled.assumed.contains(&what) {
            self.filled.assumed.push(what);
        }
    }

    fn done(&self, number: usize) -> bool {
        let name = self.name(number);
        self.filled
            .params
            .iter()
            .any(|(names, _)| names.contains(&name))
    }

    fn add(&mut self, numbers: &[usize], generator: Generator) {
        let names = numbers.iter().map(|n| self.name(*n)).collect();
        self.filled.params.push((names, generator));
    }

    /// Parameters that are compared with columns: those of one appearance of a table are of one row.
    fn compared(&mut self) {
        let mut by_relation: BTreeMap<usize, Vec<(Member<'c>, By)>> = BTreeMap::new();
        for (number, used) in &self.uses.by_number {
            if *number > self.types.len() {
                continue;
            }
            let Use::Compared {
                relation,
                table,
                column,
                by,
                wrapped,
            } = used
            else {
                continue;
            };
            if *wrapped {
                let name = self.name(*number);
                self.assume(format!(
                    "`:{name}` is compared with a function of {column}: values are the column's own"
                ));
            }
            let member = (*number, *table, column.clone());
            by_relation
                .entry(*relation)
                .or_default()
                .push((member, *by));
        }
        for members in by_relation.into_values() {
            self.of_one_relation(members);
        }
    }

    fn of_one_relation(&mut self, mut members: Vec<(Member<'c>, By)>) {
        let alone = members.len();
        while let Some((low, high)) = pair(&members) {
            let (numbers, table, column) = {
                let ((low, table, column), (high, ..)) = (&members[low].0, &members[high].0);
                ([*low, *high], *table, column.clone())
            };
            members.retain(|((number, ..), _)| !numbers.contains(number));
            self.range(table, &column, numbers, alone == 2);
        }
        let mut row: Vec<Member<'c>> = Vec::new();
        for (member, by) in members {
            let (number, table, column) = &member;
            let named = table.named(column);
            let name = self.name(*number);
            match by {
                By::Equal | By::Lower | By::Upper if row.iter().all(|(_, _, c)| c != column) => {
                    row.push(member);
                }
                By::Equal | By::Lower | By::Upper | By::NotEqual => {
                    self.add(
                        &[*number],
                        Generator::Column {
                            column: named,
                            nulls: false,
                        },
                    );
                }
                By::Contains => {
                    self.assume(format!("`:{name}` is a whole value of {column}"));
                    self.add(
                        &[*number],
                        Generator::Column {
                            column: named,
                            nulls: false,
                        },
                    );
                }
                By::Like => {
                    self.assume(format!(
                        "`:{name}` is a pattern: the first {PREFIX_LENGTH} characters of a value and %"
                    ));
                    let length = PREFIX_LENGTH;
                    self.add(
                        &[*number],
                        Generator::Prefix {
                            column: named,
                            length,
                        },
                    );
                }
                By::AnyOf => {
                    let count = self.array_count(table, column, alone == 1, &name);
                    self.add(
                        &[*number],
                        Generator::Array {
                            column: named,
                            count,
                        },
                    );
                }
            }
        }
        self.one_row(row, false);
    }

    /// One column of a row, or several together.
    fn one_row(&mut self, row: Vec<Member<'c>>, nulls: bool) {
        match row.as_slice() {
            [] => {}
            [(number, table, column)] => {
                let column = table.named(column);
                self.add(&[*number], Generator::Column { column, nulls });
            }
            [(_, table, _), ..] => {
                let numbers: Vec<usize> = row.iter().map(|(number, ..)| *number).collect();
                let table = table.name.clone();
                let columns = row.into_iter().map(|(_, _, column)| column).collect();
                self.add(
                    &numbers,
                    Generator::Row {
                        table,
                        columns,
                        nulls,
                    },
                );
            }
        }
    }

    fn range(&mut self, table: &Table, column: &str, numbers: [usize; 2], alone: bool) {
        let told =
            alone && self.uses.rows == Rows::Matching && self.counted.calls > 0 && table.rows > 0.0;
        let share = if told {
            let share = self.counted.rows_per_call() / f64::from(table.rows);
            // Six digits say all that the counters know.
            ((share * 1e6).round() / 1e6).clamp(1e-6, 1.0)
        } else {
            let name = self.name(numbers[0]);
            self.assume(format!("`:{name}` and its upper bound have a share of {RANGE_SHARE} of the rows between them"));
            RANGE_SHARE
        };
        let column = table.named(column);
        self.add(&numbers, Generator::Range { column, share });
    }

    fn array_count(&mut self, table: &Table, column: &str, alone: bool, name: &str) -> u32 {
        let unique = table.column(column).is_some_and(|c| c.unique);
        if alone && unique && self.uses.rows == Rows::Matching && self.counted.calls > 0 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "rounded and within the bounds that the format has"
            )]
            return self.counted.rows_per_call().round().clamp(1.0, 10_000.0) as u32;
        }
        self.assume(format!("`:{name}` is an array of {ARRAY_COUNT} values"));
        ARRAY_COUNT
    }

    /// Parameters that are stored: columns of a new row, or of a row that is there, are of one row of
    /// the table as it is, except where they must not meet it.
    fn stored(&mut self) -> Result<(), String> {
        let mut new_rows: BTreeMap<usize, Vec<Member<'c>>> = BTreeMap::new();
        let mut assigned: Vec<Member<'c>> = Vec::new();
        for (number, used) in &self.uses.by_number {
            let (row, table, column) = match used {
                Use::Inserted { row, table, column } => (Some(*row), *table, column),
                Use::Assigned { table, column } => (None, *table, column),
                _ => continue,
            };
            let unique = table.column(column).is_some_and(|c| c.unique);
            if unique && !(row.is_some() && self.uses.on_conflict) {
                let generator = unique_value(table, column)?;
                self.add(&[*number], generator);
                continue;
            }
            let member = (*number, table, column.clone());
            match row {
                Some(row) => new_rows.entry(row).or_default().push(member),
                None => assigned.push(member),
            }
        }
        if self.uses.on_conflict && !new_rows.is_empty() {
            self.assume(
                "new rows are copies of rows that are there, so that each one conflicts".to_owned(),
            );
        }
        for row in new_rows.into_values() {
            self.one_row(row, true);
        }
        self.one_row(assigned, true);
        Ok(())
    }

    /// Parameters that no column tells.
    fn single(&mut self, number: usize, used: &Use<'_>) -> Result<(), String> {
        if self.done(number) {
            return Ok(());
        }
        let name = self.name(number);
        let ty = self.types.get(number - 1).map_or("", base_name);
        let value = match used {
            Use::Limit => {
                let rows = self.counted.rows_per_call().ceil().max(1.0);
                self.assume(format!(
                    "`:{name}` is {rows}, the mean number of rows that came"
                ));
                rows.to_string()
            }
            Use::InnerLimit => {
                self.assume(format!(
                    "`:{name}` is {INNER_LIMIT}: how many rows an inner query returned is not counted"
                ));
                INNER_LIMIT.to_string()
            }
            Use::Offset => {
                self.assume(format!("`:{name}` is 0: the first page"));
                "0".to_owned()
            }
            Use::Word(word) => {
                self.assume(format!("`:{name}` is '{word}'"));
                (*word).to_owned()
            }
            Use::Output | Use::Constant => {
                let value = harmless(ty).ok_or_else(|| {
                    format!(
                        "nothing in the database tells a value of ${number}, which is of type {ty}"
                    )
                })?;
                let why = match used {
                    Use::Constant => {
                        "it is compared with a constant, which is taken to be the same"
                    }
                    _ => "no column tells it, and it does not decide about rows",
                };
                self.assume(format!("`:{name}` is '{value}': {why}"));
                value.to_owned()
            }
            _ if ty == "interval" => {
                self.assume(format!("`:{name}` is '1 day'"));
                "1 day".to_owned()
            }
            _ => {
                return Err(format!(
                    "nothing in the database tells a value of ${number}, which decides about rows"
                ));
            }
        };
        self.add(
            &[number],
            Generator::Choice {
                values: vec![(value, 1)],
            },
        );
        Ok(())
    }
}

/// The first two that bound one column from both sides.
fn pair(members: &[(Member<'_>, By)]) -> Option<(usize, usize)> {
    members.iter().enumerate().find_map(|(low, (member, by))| {
        let same = |(other, by): &(Member<'_>, By)| other.2 == member.2 && *by == By::Upper;
        let high = members.iter().position(same)?;
        (*by == By::Lower).then_some((low, high))
    })
}

/// A value that no row has.
fn unique_value(table: &Table, column: &str) -> Result<Generator, String> {
    let named = table.named(column);
    let ty = table.column(column).map_or("", |c| c.type_name.as_str());
    Ok(match ty {
        "int2" | "int4" | "int8" | "numeric" => Generator::SequenceAfter {
            column: named,
            step: 1,
        },
        "uuid" => Generator::Uuid,
        "text" | "varchar" | "bpchar" | "citext" | "name" => Generator::Text {
            length: UNIQUE_TEXT,
        },
        other => {
            return Err(format!(
                "column {} has to be unique, and no new value of type {other} can be drawn",
                names::shown(column)
            ));
        }
    })
}

/// The name of the type below all domains.
fn base_name(ty: &Type) -> &str {
    match ty.kind() {
        Kind::Domain(inner) => base_name(inner),
        _ => ty.name(),
    }
}

/// A value that is valid and means little.
fn harmless(ty: &str) -> Option<&'static str> {
    Some(match ty {
        "int2" | "int4" | "int8" | "numeric" | "float4" | "float8" | "money" => "1",
        "text" | "varchar" | "bpchar" | "name" | "citext" | "unknown" => "x",
        "bool" => "true",
        "interval" => "1 day",
        "date" | "timestamp" | "timestamptz" => "2000-01-01",
        "uuid" => "00000000-0000-0000-0000-000000000000",
        "json" | "jsonb" => "{}",
        // Names of array types begin so.
        array if array.starts_with('_') => "{}",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
