//! How columns are distributed where nothing is known of them.

use super::statistics::Distribution;
use crate::seed::domain::{Domain, Limit};
use crate::seed::names::words;
use crate::seed::profile::Value;
use crate::seed::schema::{Column, Table, Type, TypeKind};
use crate::seed::shape::{Atom, Piece, mix};

/// Share of nulls of a column that may be null (ours).
const NULL_SHARE: f64 = 0.1;
/// Of one that says when something happened that need not happen (ours).
const NULL_SHARE_OF_EVENTS: f64 = 0.4;
/// Columns of no more values than this have some that are frequent and some that are not.
pub(super) const FEW_VALUES: u64 = 64;
/// So many rows are referred to more often than others, with this share of all references (ours).
const HOT_ROWS: u32 = 10;
const HOT_SHARE: f64 = 0.2;
/// Of the rows that can be referred to, so many are (ours).
const USED_SHARE: f64 = 0.95;

/// Texts of which there are few, by a word of the column's name, and how many (ours).
const KINDS: [(&[&str], u64); 5] = [
    (
        &[
            "status", "state", "type", "kind", "level", "tier", "role", "plan", "gender", "mode",
            "channel", "priority",
        ],
        6,
    ),
    (
        &[
            "category",
            "genre",
            "language",
            "lang",
            "currency",
            "colour",
            "color",
            "department",
            "segment",
            "unit",
        ],
        12,
    ),
    (&["region", "province", "county", "country"], 60),
    (&["city", "town"], 500),
    (&["company", "brand", "vendor", "manufacturer"], 2_000),
];
/// A state beside an address is a part of a country.
const STATES: u64 = 50;

/// How many different texts a column has that need not be unique, by its name; `None` where nothing is known.
pub(super) fn kinds(table: &Table, column: &Column) -> Option<u64> {
    if !is_text(column) {
        return None;
    }
    let words = words(&column.name);
    let called = |word: &str| words.iter().any(|w| w == word);
    let addressed = table.columns.iter().any(|c| {
        let name = c.name.to_ascii_lowercase();
        name.contains("city") || name.contains("country")
    });
    if called("state") && addressed {
        return Some(STATES);
    }
    let found = KINDS
        .iter()
        .find(|(names, _)| names.iter().any(|name| called(name)));
    found.map(|(_, values)| *values)
}

/// Rows without a value.
pub(super) fn nulls(column: &Column, rows: u64) -> u64 {
    let name = column.name.to_ascii_lowercase();
    let event = ["_at", "_on", "_date"]
        .iter()
        .any(|end| name.ends_with(end))
        && !name.starts_with("created")
        && !name.starts_with("updated");
    let share = if event {
        NULL_SHARE_OF_EVENTS
    } else {
        NULL_SHARE
    };
    super::statistics::whole(rows as f64 * share)
}

/// Of a column that can have so many values.
pub(super) fn own(nulls: u64, rows: u64, values: u64) -> Distribution {
    let filled = rows.saturating_sub(nulls);
    let (atoms, pieces) = if values <= FEW_VALUES && values < filled {
        (zipf(values, filled, rows), Vec::new())
    } else {
        (
            Vec::new(),
            vec![Piece {
                values: values.min(filled),
                share: 1.0,
            }],
        )
    };
    Distribution {
        nulls,
        values: vec![Value::Untold; atoms.len()],
        atoms,
        pieces,
        correlation: None,
    }
}

/// Each value has a share like 1/(its number): the second half of the first.
fn zipf(values: u64, filled: u64, rows: u64) -> Vec<Atom> {
    let whole: f64 = (1..=values).map(|n| 1.0 / n as f64).sum();
    let filled_share = filled as f64 / rows.max(1) as f64;
    (1..=values)
        .map(|n| Atom {
            frequency: filled_share / n as f64 / whole,
            after: 0,
        })
        .collect()
}

/// References to some of `parents` rows, a few of them hot.
pub(super) fn reference(nulls: u64, rows: u64, parents: u64, key: u64) -> Distribution {
    let used = super::statistics::whole((parents as f64 * USED_SHARE).ceil()).min(parents);
    let mut distribution = own(nulls, rows, used);
    if distribution.atoms.is_empty() && used > u64::from(HOT_ROWS) * 4 && rows > used * 2 {
        let filled_share = rows.saturating_sub(nulls) as f64 / rows.max(1) as f64;
        let whole: f64 = (1..=HOT_ROWS).map(|n| 1.0 / f64::from(n)).sum();
        let others = used - u64::from(HOT_ROWS);
        let mut atoms: Vec<Atom> = (1..=HOT_ROWS)
            .map(|n| Atom {
                frequency: HOT_SHARE * filled_share / f64::from(n) / whole,
                after: mix(key ^ u64::from(n)) % others,
            })
            .collect();
        atoms.sort_by_key(|atom| atom.after);
        distribution.values = vec![Value::Untold; atoms.len()];
        distribution.atoms = atoms;
        distribution.pieces = vec![Piece {
            values: others,
            share: 1.0,
        }];
    }
    distribution
}

/// A column of text.
pub(super) fn is_text(column: &Column) -> bool {
    let text = ["text", "varchar", "bpchar", "citext"];
    text.contains(&column.type_.base().name.name.as_str())
}

/// A column whose values do not repeat by themselves: a part of a key that it should tell rows apart by.
pub(super) fn tells_rows_apart(column: &Column) -> bool {
    let base = column.type_.base();
    let by_type = [
        "uuid",
        "timestamptz",
        "timestamp",
        "text",
        "varchar",
        "bytea",
        "citext",
    ];
    matches!(base.kind, TypeKind::Base | TypeKind::Extension(_))
        && by_type.contains(&base.name.name.as_str())
}

/// Bytes of a type of integers.
pub(super) fn integer_bytes(type_: &Type) -> Option<usize> {
    match type_.base().name.name.as_str() {
        "int2" => Some(2),
        "int4" => Some(4),
        "int8" => Some(8),
        _ => None,
    }
}

/// How values of the column that one refers to are written here.
pub(super) enum Written {
    /// As there.
    Alike,
    /// As integers of so many bytes.
    Width(usize),
}

/// How a column has values of another one that it refers to; `None` where that is not known.
pub(super) fn written(own: &Column, theirs: &Column) -> Option<Written> {
    let (own_type, their_type) = (own.type_.base(), theirs.type_.base());
    if own_type.name == their_type.name || is_text(own) && is_text(theirs) {
        return Some(Written::Alike);
    }
    integer_bytes(their_type)?;
    integer_bytes(own_type).map(Written::Width)
}

/// How many values a column can have at most, where its type or its constraints leave few.
pub(super) fn most_values(column: &Column, domain: &Domain) -> u64 {
    let of_type = match &column.type_.base().kind {
        TypeKind::Enum(labels) => labels.len() as u64,
        _ if column.type_.base().name.name == "bool" => 2,
        _ => u64::MAX,
    };
    let listed = domain.one_of.as_ref().map(|values| values.len() as u64);
    let between = || {
        integer_bytes(&column.type_)?;
        let whole = |limit: &Option<Limit>| limit.as_ref()?.value.parse::<i64>().ok();
        let (least, most) = whole(&domain.at_least).zip(whole(&domain.at_most))?;
        u64::try_from(most.checked_sub(least)?).ok()?.checked_add(1)
    };
    of_type.min(listed.or_else(between).unwrap_or(u64::MAX))
}

/// How names of times begin that tell when the row was made (ours).
const MADE: [&str; 16] = [
    "created",
    "inserted",
    "ordered",
    "order_date",
    "registered",
    "occurred",
    "logged",
    "ts",
    "time",
    "timestamp",
    "happened",
    "event",
    "recorded",
    "payment_date",
    "rental_date",
    "invoice",
];

/// Rows are stored in the order of the column's values: it tells when they were made.
pub(super) fn grows_with_rows(column: &Column) -> bool {
    let name = column.name.to_ascii_lowercase();
    let time =
        ["timestamptz", "timestamp", "date"].contains(&column.type_.base().name.name.as_str());
    time && MADE.iter().any(|word| name.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_stands_in_the_documents() {
        let page = include_str!("../../../docs/names.md");
        for word in MADE {
            assert!(page.contains(&format!("`{word}`")), "{word}");
        }
        for (words, values) in KINDS {
            let words: Vec<String> = words.iter().map(|w| format!("`{w}`")).collect();
            let values = match (values / 1000, values % 1000) {
                (0, few) => few.to_string(),
                (thousands, rest) => format!("{thousands},{rest:03}"),
            };
            let row = format!("| {} | {values} |", words.join(" "));
            assert!(page.contains(&row), "{row}");
        }
        let addressed =
            format!("in a table that has a column for a city or a country | {STATES} |");
        assert!(page.contains(&addressed), "{addressed}");
    }
}
