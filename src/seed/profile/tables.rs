//! From rows of statistics to what a profile tells of a table.

use std::collections::BTreeMap;

use super::json;
use super::kin::{Kin, Kinship};
use super::model::{ColumnStats, Common, Elements, ExtendedStats, JsonShape, TableProfile, Value};
use super::positions::Frame;
use super::statistics::{ColumnRow, ExtendedRow, short};
use super::veil::Veil;
use crate::seed::schema::{Column, Name, Place, Table, Type, TypeKind};

/// Partitions that are named with a reason, at most.
const NAMED: usize = 5;

/// A table without its columns: how many rows and pages it has, and of partitions the words for what was not counted.
/// `None` where nothing was counted.
pub(super) fn counted(table: &Table, place: &Place) -> Option<(TableProfile, Option<String>)> {
    let (rows, partitions, uncounted) = if table.partitioning.is_some() {
        of_partitions(table, place)?
    } else {
        (known(place.reltuples)?, Vec::new(), None)
    };
    let own = [place.relpages];
    let leaves = place.leaves.iter().map(|leaf| leaf.relpages);
    let pages = own.into_iter().chain(leaves);
    let pages = pages.filter_map(|pages| u64::try_from(pages).ok()).sum();
    let told = TableProfile {
        name: table.name.clone(),
        rows,
        pages,
        columns: BTreeMap::new(),
        extended: Vec::new(),
        partitions,
    };
    Some((told, uncounted))
}

fn known(reltuples: f32) -> Option<f64> {
    (reltuples >= 0.0).then(|| short(reltuples))
}

/// Rows of all partitions, of each, and the words for what was not counted.
type Parts = (f64, Vec<(Name, f64)>, Option<String>);

/// Where partitions were never counted, ANALYZE ONLY may have counted the whole: what that has above the others is
/// theirs. `None` where neither says that there are rows.
fn of_partitions(table: &Table, place: &Place) -> Option<Parts> {
    let counts = || place.leaves.iter().map(|leaf| known(leaf.reltuples));
    let sum: f64 = counts().flatten().sum();
    let unknown: Vec<&Name> = (place.leaves.iter().zip(counts()))
        .filter_map(|(leaf, count)| count.is_none().then_some(&leaf.name))
        .collect();
    let whole = known(place.reltuples).unwrap_or(0.0);
    let rest = (whole - sum).max(0.0);
    if !unknown.is_empty() && sum + rest <= 0.0 {
        return None;
    }
    let none_known = unknown.len() == place.leaves.len();
    let share = (rest > 0.0 && !none_known).then(|| rest / unknown.len() as f64);
    let told = place.leaves.iter().zip(counts());
    let told = told.filter_map(|(leaf, count)| Some((leaf.name.clone(), count.or(share)?)));
    let uncounted = (!unknown.is_empty()).then(|| {
        let name = &table.name;
        let what = match (none_known, share) {
            (true, _) => {
                "its rows were counted as a whole, and those of its partitions never".to_owned()
            }
            (false, Some(_)) => format!(
                "never counted were the rows of {}; what the whole has above the others is told as theirs, in equal \
                 parts",
                named(&unknown)
            ),
            (false, None) => format!("left out are the rows of {}, which were never counted", named(&unknown)),
        };
        format!("{name}: {what}; ANALYZE {name}")
    });
    let rows = if unknown.is_empty() { sum } else { sum + rest };
    Some((rows, told.collect(), uncounted))
}

fn named(all: &[&Name]) -> String {
    let more = match all.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let names = all.iter().take(NAMED).map(ToString::to_string);
    format!("{}{more}", names.collect::<Vec<_>>().join(", "))
}

/// What is told of a column of this kin. `places` are those of its common values, then of its bounds; `frame` is that
/// of the table.
pub(super) fn column(
    (column, kin): (&Column, Kin),
    row: ColumnRow,
    places: Option<&Vec<u32>>,
    (veil, frame): (&Veil, Option<&Frame>),
) -> ColumnStats {
    let json = json_shape(column, &row, veil);
    let elements = elements(column, kin, &row, veil);
    let type_ = &column.type_;
    let values = row.most_common_vals.unwrap_or_default();
    let most_common = row.most_common_freqs.iter().enumerate();
    let most_common = most_common.map(|(number, frequency)| Common {
        value: values
            .get(number)
            .map_or(Value::Untold, |text| veil.value(kin, type_, text)),
        frequency: short(*frequency),
        order: places.and_then(|places| places.get(number).copied()),
    });
    ColumnStats {
        null_frac: short(row.null_frac),
        avg_width: row.avg_width,
        n_distinct: short(row.n_distinct),
        most_common: most_common.collect(),
        correlation: row.correlation.map(short),
        elements,
        json,
        histogram: veil.histogram(type_, row.histogram_bounds, frame),
    }
}

/// Of arrays and of tsvector.
fn elements(column: &Column, kin: Kin, row: &ColumnRow, veil: &Veil) -> Option<Elements> {
    let frequencies = row.most_common_elem_freqs.as_deref();
    let counts = row.elem_count_histogram.as_deref();
    if frequencies.is_none() && counts.is_none() {
        return None;
    }
    let type_ = column.type_.base();
    let (element, of_array) = match &type_.kind {
        TypeKind::Array(element) => (&**element, true),
        // Lexemes.
        _ => (type_, false),
    };
    let frequencies = frequencies.unwrap_or_default();
    // The least and the greatest frequency follow, and of arrays the share with a null.
    let extra = if of_array { 3 } else { 2 };
    let count = frequencies.len().saturating_sub(extra);
    let values = row.most_common_elems.as_deref().unwrap_or_default();
    let most_common = frequencies[..count].iter().enumerate();
    let most_common = most_common.map(|(number, frequency)| {
        let told = values
            .get(number)
            .map(|text| veil.value(kin, element, text));
        (told.unwrap_or(Value::Untold), short(*frequency))
    });
    let (counts, mean) = match counts.and_then(<[f32]>::split_last) {
        Some((mean, counts)) => (counts.to_vec(), Some(*mean)),
        None => (Vec::new(), None),
    };
    Some(Elements {
        most_common: most_common.collect(),
        null_frac: (of_array && frequencies.len() >= extra)
            .then(|| short(frequencies[frequencies.len() - 1])),
        counts,
        mean_count: mean,
    })
}

fn json_shape(column: &Column, row: &ColumnRow, veil: &Veil) -> Option<JsonShape> {
    let type_ = column.type_.base();
    if type_.kind != TypeKind::Base || !matches!(type_.name.name.as_str(), "json" | "jsonb") {
        return None;
    }
    let common = row.most_common_vals.iter().flatten();
    let frequencies = row.most_common_freqs.iter().map(|f| f64::from(*f));
    let mut all: Vec<(&str, f64)> = common.map(String::as_str).zip(frequencies).collect();
    let rest = 1.0 - f64::from(row.null_frac) - all.iter().map(|(_, share)| share).sum::<f64>();
    let share = rest.max(0.0) / row.histogram_bounds.len().max(1) as f64;
    all.extend(
        row.histogram_bounds
            .iter()
            .map(|bound| (bound.as_str(), share)),
    );
    json::shape(&all, veil.tells_names())
}

/// What is told of statistics over several columns; `attnums` are those of the table's columns.
pub(super) fn extended(
    table: &Table,
    attnums: &[i16],
    row: &ExtendedRow,
    (veil, kinship): (&Veil, &Kinship),
) -> ExtendedStats {
    let of = |name: &String| {
        let column = &table.columns[table.column(name)?];
        Some((kinship.of_column(&table.name, name)?, &column.type_))
    };
    let types: Vec<Option<(Kin, &Type)>> = row.columns.iter().map(of).collect();
    let place = |attnum: &str| {
        let attnum: i16 = attnum.trim().parse().ok()?;
        let at = attnums.iter().position(|known| *known == attnum)?;
        let name = &table.columns.get(at)?.name;
        row.columns.iter().position(|column| column == name)
    };
    let places = |attnums: &str| attnums.split(',').map(place).collect::<Option<Vec<_>>>();
    ExtendedStats {
        name: row.name.clone(),
        columns: row.columns.clone(),
        n_distinct: pairs(row.n_distinct.as_deref())
            .filter_map(|(key, number)| Some((places(&key)?, number)))
            .collect(),
        dependencies: pairs(row.dependencies.as_deref())
            .filter_map(|(key, degree)| {
                let (from, to) = key.split_once("=>")?;
                Some((places(from)?, place(to)?, degree))
            })
            .collect(),
        most_common: combinations(row, &types, veil),
    }
}

/// `{"1, 2": 11}`, as `pg_ndistinct` and `pg_dependencies` are written.
fn pairs(text: Option<&str>) -> impl Iterator<Item = (String, f64)> + use<> {
    let parsed: BTreeMap<String, f64> = text
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    parsed.into_iter()
}

fn combinations(
    row: &ExtendedRow,
    types: &[Option<(Kin, &Type)>],
    veil: &Veil,
) -> Vec<(Vec<Option<Value>>, f64)> {
    let width = types.len();
    let value = |number: usize, column: usize| {
        let at = number * width + column;
        if row.most_common_val_nulls.get(at).copied().unwrap_or(false) {
            return None;
        }
        let text = row
            .most_common_vals
            .as_ref()
            .and_then(|all| all.get(at)?.as_deref());
        Some(match (text, types[column]) {
            (Some(text), Some((kin, of))) => veil.value(kin, of, text),
            _ => Value::Untold,
        })
    };
    let frequencies = row.most_common_freqs.iter().enumerate();
    frequencies
        .map(|(number, frequency)| {
            (
                (0..width).map(|column| value(number, column)).collect(),
                *frequency,
            )
        })
        .collect()
}
