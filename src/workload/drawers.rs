//! The generators of an operation, made ready on a server.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::Rng;
use tokio_postgres::Client;
use tokio_postgres::types::{self, Format, Type};

use super::draw::{Counter, Drawer, Histogram, Kind, Known, shared};
use super::error::{DrawError, DrawProblem};
use super::names::ColumnName;
use super::samples::{Rows, Samples, TableSample};
use super::value::{base, is_integer};
use super::{Generator, Param, Value, ValueError, WorkloadOperation};

/// Values of a table that are given to the server to be checked, at most: those of one column are all
/// as good as the first.
const CHECKED: usize = 4;

/// The generators of an operation at work. Sequences count over all that share it.
#[derive(Debug)]
pub struct Drawers {
    /// With the number of slots that each fills.
    drawers: Vec<(Drawer, usize)>,
}

impl Drawers {
    /// Makes the generators of an operation ready: reads the tables and the statistics that they name,
    /// and checks that values can be sent as the types. `types` has one entry per slot, see
    /// [`slot_types`].
    ///
    /// # Errors
    /// A table or column is missing, must not be read or is empty, or a value does not fit its type.
    pub async fn prepare(
        operation: &WorkloadOperation,
        types: &[Option<Type>],
        client: &Client,
    ) -> Result<Self, DrawError> {
        Self::prepare_with(operation, types, &mut Samples::new(client)).await
    }

    /// [`Drawers::prepare`] for one of several operations: what `samples` has read for another
    /// operation is not read again.
    ///
    /// # Errors
    /// As [`Drawers::prepare`].
    pub async fn prepare_with(
        operation: &WorkloadOperation,
        types: &[Option<Type>],
        samples: &mut Samples<'_>,
    ) -> Result<Self, DrawError> {
        let mut drawers = Vec::with_capacity(operation.params.len());
        let mut types = types.iter();
        for param in &operation.params {
            let width = param.generator.width();
            let mine: Vec<Option<&Type>> = (0..width)
                .map(|_| types.next().and_then(Option::as_ref))
                .collect();
            let made = make(&param.generator, &mine, samples).await;
            let drawer = made.map_err(|problem| error(param, 0, problem))?;
            for (index, ty) in mine.iter().enumerate() {
                let Some(ty) = ty else { continue };
                let fits = check(&drawer, index, ty, samples.client()).await;
                fits.map_err(|problem| error(param, index, problem))?;
            }
            drawers.push((drawer, width));
        }
        Ok(Self { drawers })
    }

    /// Draws the values of one request into its slots, in the order of
    /// [`WorkloadOperation::slots`]. Slots of `result` become NULL until they are filled.
    ///
    /// Slots that are missing are left out.
    pub fn draw<R: Rng>(&self, rng: &mut R, slots: &mut [Value]) {
        let mut rest = slots;
        for (drawer, width) in &self.drawers {
            let Some((mine, others)) = rest.split_at_mut_checked(*width) else {
                return;
            };
            drawer.fill(rng, mine);
            rest = others;
        }
    }

    /// Leaves the values of sequences to the other machines of a run, all but those of this one: with
    /// `count` machines each takes every `count`-th. To be called before the first draw.
    pub fn shard(&mut self, index: u32, count: u32) {
        for (drawer, _) in &mut self.drawers {
            if let Drawer(Kind::Sequence(counter)) = drawer {
                counter.shard(index, count);
            }
        }
    }

    /// How many slots it fills.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.drawers.iter().map(|(_, width)| width).sum()
    }
}

/// The type of every slot of an operation, from the parameter types of its statements as the server
/// describes them. `None` where statements use one value as types that have no form in common, and
/// where only `foreach` uses the name: such a value is sent in the form that each use needs.
#[must_use]
pub fn slot_types(operation: &WorkloadOperation, described: &[&[Type]]) -> Vec<Option<Type>> {
    let of_slot = |name: &str| {
        let statements = operation.statements.iter().zip(described);
        let uses = statements.flat_map(|(statement, types)| {
            let named = statement.params.iter().zip(types.iter());
            named.filter(|(param, _)| *param == name)
        });
        let mut types = uses.map(|(_, ty)| Some(ty.clone()));
        let first = types.next()?;
        types.fold(first, |common, ty| in_common(&common?, &ty?))
    };
    operation.slots().map(of_slot).collect()
}

fn in_common(one: &Type, other: &Type) -> Option<Type> {
    if one == other {
        return Some(one.clone());
    }
    (is_integer(base(one)) && is_integer(base(other))).then_some(Type::INT8)
}

fn error(param: &Param, index: usize, problem: DrawProblem) -> DrawError {
    DrawError {
        line: param.line,
        parameter: param.names.get(index).cloned().unwrap_or_default(),
        problem,
    }
}

/// A drawer, with its known values in the form of their types.
async fn make(
    generator: &Generator,
    types: &[Option<&Type>],
    samples: &mut Samples<'_>,
) -> Result<Drawer, DrawProblem> {
    let first = types.first().copied().flatten();
    let kind = match generator {
        Generator::FromResult { .. } => Kind::Result,
        Generator::SequenceAfter { column, step } => {
            let largest = samples.largest(column).await?.unwrap_or(0);
            Kind::Sequence(Counter::new(largest.saturating_add(*step), *step))
        }
        Generator::Column { column, nulls } => {
            let columns = std::slice::from_ref(&column.column);
            let sample = TableSample::new(&column.table, columns, *nulls);
            Kind::Known(of_table(&sample, types, samples).await?)
        }
        Generator::Row {
            table,
            columns,
            nulls,
        } => {
            let sample = TableSample::new(table, columns, *nulls);
            Kind::Known(of_table(&sample, types, samples).await?)
        }
        Generator::Prefix { column, length } => {
            let columns = std::slice::from_ref(&column.column);
            let sample = TableSample::new(&column.table, columns, false);
            let rows = samples.rows(&sample).await?;
            Kind::Known(Arc::new(prefixes(&rows, *length, first)?))
        }
        Generator::Array { column, count } => {
            let columns = std::slice::from_ref(&column.column);
            let sample = TableSample::new(&column.table, columns, false);
            // The elements stay texts: the array is written as one.
            Kind::Array(of_table(&sample, &[None], samples).await?, *count)
        }
        Generator::Range { column, share } => {
            let values = samples.sorted(column).await?;
            let values: Vec<Value> = values.iter().map(|text| of_type(text, first)).collect();
            let distance = distance(values.len(), *share);
            Kind::Range(values, distance)
        }
        Generator::Statistics { column, nulls } => {
            histogram(samples, column, *nulls, first).await?
        }
        Generator::Choice { values } => {
            let known = values.iter().map(|(text, _)| of_type(text, first));
            let weights = values.iter().map(|(_, weight)| f64::from(*weight));
            let known = Known::new(known.collect(), 1, weights.collect());
            Kind::Known(Arc::new(known.ok_or(DrawProblem::NoValue)?))
        }
        plain => return Drawer::without_server(plain).ok_or(DrawProblem::NoValue),
    };
    Ok(Drawer(kind))
}

fn of_type(text: &str, ty: Option<&Type>) -> Value {
    ty.map_or_else(|| shared(text), |ty| Value::of_type(text, ty))
}

/// The tuples of a sample as these types, shared by all operations that draw from it.
async fn of_table(
    sample: &TableSample,
    types: &[Option<&Type>],
    samples: &mut Samples<'_>,
) -> Result<Arc<Known>, DrawProblem> {
    let oids = types.iter().map(|ty| ty.map(Type::oid)).collect();
    let key = (sample.clone(), oids);
    if let Some(known) = samples.known(&key) {
        return Ok(known);
    }
    let rows = samples.rows(sample).await?;
    let known = Arc::new(known(&rows, types)?);
    samples.keep(key, &known);
    Ok(known)
}

fn known(rows: &Rows, types: &[Option<&Type>]) -> Result<Known, DrawProblem> {
    let mut values = Vec::with_capacity(rows.len() * types.len());
    let mut weights = Vec::with_capacity(rows.len());
    for (row, count) in rows {
        for (text, ty) in row.iter().zip(types) {
            values.push(
                text.as_deref()
                    .map_or(Value::Null, |text| of_type(text, *ty)),
            );
        }
        weights.push(*count as f64);
    }
    Known::new(values, types.len(), weights).ok_or(DrawProblem::NoValue)
}

/// The beginnings of values as patterns of LIKE.
fn prefixes(rows: &Rows, length: u32, ty: Option<&Type>) -> Result<Known, DrawProblem> {
    let mut patterns: BTreeMap<String, i64> = BTreeMap::new();
    for (row, count) in rows {
        let Some(Some(text)) = row.first() else {
            continue;
        };
        let mut pattern = String::new();
        for c in text.chars().take(length as usize) {
            if matches!(c, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern.push('%');
        *patterns.entry(pattern).or_default() += count;
    }
    let values = patterns.keys().map(|pattern| of_type(pattern, ty));
    let weights = patterns.values().map(|count| *count as f64);
    Known::new(values.collect(), 1, weights.collect()).ok_or(DrawProblem::NoValue)
}

/// How far apart two of `count` sorted values are that have this share of the rows between them.
fn distance(count: usize, share: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share is above 0 and at most 1, and the product is rounded"
    )]
    let distance = (count as f64 * share).round() as usize;
    distance.min(count.saturating_sub(1))
}

async fn histogram(
    samples: &mut Samples<'_>,
    column: &ColumnName,
    nulls: bool,
    ty: Option<&Type>,
) -> Result<Kind, DrawProblem> {
    let stats = samples.statistics(column).await?;
    let mut values: Vec<Value> = Vec::new();
    let mut weights: Vec<f64> = Vec::new();
    for (text, frequency) in stats.common.iter().zip(&stats.frequencies) {
        values.push(of_type(text, ty));
        weights.push((*frequency).into());
    }
    let null_ratio = f64::from(stats.null_ratio);
    let listed: f64 = weights.iter().sum();
    let rest = if stats.bounds.is_empty() {
        0.0
    } else {
        (1.0 - null_ratio - listed).max(0.0)
    };
    if nulls && null_ratio > 0.0 {
        values.push(Value::Null);
        weights.push(null_ratio);
    }
    let common: f64 = weights.iter().sum();
    let bounds: Vec<Value> = stats.bounds.iter().map(|text| of_type(text, ty)).collect();
    if weights.is_empty() {
        values.push(bounds.first().cloned().ok_or(DrawProblem::NoValue)?);
        weights.push(1.0);
    }
    let common_ratio = if common + rest > 0.0 {
        common / (common + rest)
    } else {
        1.0
    };
    Ok(Kind::Histogram(Box::new(Histogram {
        common: Known::new(values, 1, weights).ok_or(DrawProblem::NoValue)?,
        common_ratio,
        whole: ty.is_some_and(|ty| is_integer(base(ty))),
        bounds,
    })))
}

/// Types of which not every value of their binary form is one: domains, enums and documents.
fn is_judged_by_server(ty: &Type) -> bool {
    matches!(ty.kind(), types::Kind::Domain(_) | types::Kind::Enum(_))
        || matches!(*ty, Type::JSON | Type::JSONB)
}

/// Checks that what a drawer draws for one of its slots can be sent as the type: by dbperf's own
/// knowledge of the type, or by the server's input function.
async fn check(
    drawer: &Drawer,
    slot: usize,
    ty: &Type,
    client: &Client,
) -> Result<(), DrawProblem> {
    let mut asked = 0;
    for value in drawer.extremes(slot) {
        value.check(ty)?;
        let known = matches!(value.format(ty), Format::Binary) && !is_judged_by_server(ty);
        if known || asked == CHECKED && !drawer.is_choice() {
            continue;
        }
        asked += 1;
        let sql = "SELECT /* dbperf */ $1 IS NULL";
        let answer = client.query_typed(sql, &[(&value, ty.clone())]).await;
        if let Err(error) = answer {
            // Class 22: data exception; 23514: the check of a domain; 42804: no such cast.
            let code = error.code().map(|state| state.code().to_owned());
            return Err(match code.as_deref() {
                Some(code) if code.starts_with("22") || code.starts_with("23") => {
                    ValueError::NotValid(ty.name().to_owned()).into()
                }
                _ => DrawProblem::from(error),
            });
        }
    }
    Ok(())
}
