//! `FOR VALUES …` of a partition, as PostgreSQL prints it.

use std::str::FromStr as _;

use crate::seed::domain::{Domain, Limit};
use crate::seed::schema::{Type, TypeKind};

/// Which rows a partition takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Bound {
    /// Every row that no other takes.
    Default,
    /// Rows by the hash of the key.
    Hash,
    /// Rows with one of these values; null is `None`.
    List(Vec<Option<String>>),
    /// Rows from one key to another, without that.
    Range(Vec<Datum>, Vec<Datum>),
    /// Something else.
    Unknown,
}

/// An end of a range.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Datum {
    Lowest,
    Highest,
    Value(String),
}

impl Bound {
    /// Reads what `pg_get_expr(relpartbound)` prints.
    pub(super) fn parse(text: &str) -> Self {
        Self::read(text).unwrap_or(Self::Unknown)
    }

    fn read(text: &str) -> Option<Self> {
        if text == "DEFAULT" {
            return Some(Self::Default);
        }
        let rest = text.strip_prefix("FOR VALUES ")?;
        if rest.starts_with("WITH ") {
            return Some(Self::Hash);
        }
        if let Some(list) = rest.strip_prefix("IN ") {
            let (items, left) = items(list)?;
            let values = items.into_iter().map(|item| match item.as_str() {
                "NULL" => None,
                item => Some(unquoted(item)),
            });
            return left.is_empty().then(|| Self::List(values.collect()));
        }
        let (from, left) = items(rest.strip_prefix("FROM ")?)?;
        let (to, left) = items(left.trim_start().strip_prefix("TO ")?)?;
        let data = |items: Vec<String>| {
            let datum = |item: String| match item.as_str() {
                "MINVALUE" => Datum::Lowest,
                "MAXVALUE" => Datum::Highest,
                item => Datum::Value(unquoted(item)),
            };
            items.into_iter().map(datum).collect()
        };
        left.is_empty().then(|| Self::Range(data(from), data(to)))
    }

    /// What each column of the key may be, by their types; `None` where that cannot be said of each column by itself.
    pub(super) fn domains(&self, types: &[&Type]) -> Option<Vec<Domain>> {
        let mut domains = vec![Domain::default(); types.len()];
        match self {
            Self::Default | Self::Hash => {}
            Self::List(values) => {
                let told: Vec<String> = values.iter().flatten().cloned().collect();
                if told.is_empty() {
                    return None;
                }
                domains.first_mut()?.one_of = Some(told);
            }
            Self::Range(from, to) => between(from, to, types, &mut domains),
            Self::Unknown => return None,
        }
        Some(domains)
    }
}

/// Rows from one key to another, as far as each column can say it by itself: of the columns that differ the first
/// decides. Where no value of it lies between both ends, it has that of the lower end, and the next ones are above theirs.
fn between(from: &[Datum], to: &[Datum], types: &[&Type], domains: &mut [Domain]) {
    for at in 0..domains.len().min(from.len()).min(to.len()) {
        let (low, high) = (&from[at], &to[at]);
        if let (Datum::Value(a), Datum::Value(b)) = (low, high)
            && a == b
        {
            domains[at].one_of = Some(vec![a.clone()]);
            continue;
        }
        let (above, below) = (&from[at + 1..], &to[at + 1..]);
        // With the lower end itself, all rows belong only where the other columns begin with the lowest of all.
        let with_low = above.iter().all(|datum| *datum == Datum::Lowest);
        let with_high = !below.is_empty() && below.iter().all(|datum| *datum == Datum::Highest);
        let ends = (low.limit(with_low), high.limit(with_high));
        if let (Some(least), Some(most)) = &ends
            && nothing_between(least, most, types[at])
        {
            if above.first() == Some(&Datum::Highest) {
                domains[at].one_of = Some(vec![most.value.clone()]);
                bound_below(below, &mut domains[at + 1..]);
            } else {
                domains[at].one_of = Some(vec![least.value.clone()]);
                bound_above(above, &mut domains[at + 1..]);
            }
        } else {
            (domains[at].at_least, domains[at].at_most) = ends;
        }
        return;
    }
}

/// Keys above this one.
fn bound_above(from: &[Datum], domains: &mut [Domain]) {
    if let (Some(domain), Some((first, others))) = (domains.first_mut(), from.split_first()) {
        domain.at_least = first.limit(others.iter().all(|datum| *datum == Datum::Lowest));
    }
}

/// Keys below this one.
fn bound_below(to: &[Datum], domains: &mut [Domain]) {
    if let (Some(domain), Some((first, others))) = (domains.first_mut(), to.split_first()) {
        let whole = !others.is_empty() && others.iter().all(|datum| *datum == Datum::Highest);
        domain.at_most = first.limit(whole);
    }
}

impl Datum {
    /// The end of a range; `None` where it is open.
    fn limit(&self, inclusive: bool) -> Option<Limit> {
        match self {
            Self::Value(value) => Some(Limit {
                value: value.clone(),
                inclusive,
            }),
            Self::Lowest | Self::Highest => None,
        }
    }
}

/// The type has no value there, as far as its values can be numbered.
fn nothing_between(least: &Limit, most: &Limit, type_: &Type) -> bool {
    let number = |limit: &Limit| number(&limit.value, type_);
    let (Some(low), Some(high)) = (number(least), number(most)) else {
        return false;
    };
    low + i64::from(!least.inclusive) > high - i64::from(!most.inclusive)
}

/// The place of a value of a type in which every value has a next one.
fn number(text: &str, type_: &Type) -> Option<i64> {
    let base = type_.base();
    if let TypeKind::Enum(labels) = &base.kind {
        let place = labels.iter().position(|label| label == text)?;
        return i64::try_from(place).ok();
    }
    match base.name.name.as_str() {
        "int2" | "int4" => i64::from_str(text).ok(),
        // A step from either end stays within the type.
        "int8" => text
            .parse()
            .ok()
            .filter(|n: &i64| n.unsigned_abs() < i64::MAX as u64),
        "date" => {
            let date = jiff::civil::Date::from_str(text).ok()?;
            let days = date
                .since((jiff::Unit::Day, jiff::civil::Date::ZERO))
                .ok()?;
            Some(days.get_days().into())
        }
        "bool" => Some(i64::from(text.starts_with('t'))),
        _ => None,
    }
}

/// The items of a list in parentheses, and what follows it.
fn items(text: &str) -> Option<(Vec<String>, &str)> {
    let inner = text.strip_prefix('(')?;
    let mut items = Vec::new();
    let mut item = String::new();
    let mut quoted = false;
    for (at, letter) in inner.char_indices() {
        match letter {
            '\'' => quoted = !quoted,
            ',' if !quoted => {
                items.push(std::mem::take(&mut item).trim().to_owned());
                continue;
            }
            ')' if !quoted => {
                items.push(item.trim().to_owned());
                return Some((items, &inner[at + 1..]));
            }
            _ => {}
        }
        item.push(letter);
    }
    None
}

fn unquoted(item: &str) -> String {
    let inner = item
        .strip_prefix('\'')
        .and_then(|item| item.strip_suffix('\''));
    inner.map_or_else(|| item.to_owned(), |inner| inner.replace("''", "'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::schema::Name;

    #[test]
    fn bounds_are_read_as_they_are_printed() {
        let value = |text: &str| Datum::Value(text.to_owned());
        let cases = [
            ("DEFAULT", Bound::Default),
            ("FOR VALUES WITH (modulus 4, remainder 0)", Bound::Hash),
            (
                "FOR VALUES IN ('it''s, so', NULL, 3)",
                Bound::List(vec![
                    Some("it's, so".to_owned()),
                    None,
                    Some("3".to_owned()),
                ]),
            ),
            (
                "FOR VALUES FROM ('2026-01-01 00:00:00', MINVALUE) TO ('2026-02-01 00:00:00', MINVALUE)",
                Bound::Range(
                    vec![value("2026-01-01 00:00:00"), Datum::Lowest],
                    vec![value("2026-02-01 00:00:00"), Datum::Lowest],
                ),
            ),
            (
                "FOR VALUES FROM (MINVALUE) TO (10)",
                Bound::Range(vec![Datum::Lowest], vec![value("10")]),
            ),
            ("FOR VALUES FROM (1", Bound::Unknown),
        ];
        for (text, bound) in cases {
            assert_eq!(Bound::parse(text), bound, "{text}");
        }
    }

    fn type_of(name: &str) -> Type {
        Type {
            oid: 0,
            name: Name {
                schema: "pg_catalog".to_owned(),
                name: name.to_owned(),
            },
            typmod: -1,
            kind: TypeKind::Base,
        }
    }

    /// What a domain says: `=a` is one value, `[a,b)` an interval.
    fn shown(domain: &Domain) -> String {
        if let Some(values) = &domain.one_of {
            return format!("={}", values.join(","));
        }
        let end = |limit: &Option<Limit>, marks: [&str; 2]| {
            let Some(limit) = limit else {
                return (String::new(), marks[1].to_owned());
            };
            let mark = marks[usize::from(!limit.inclusive)];
            (limit.value.clone(), mark.to_owned())
        };
        let (low, from) = end(&domain.at_least, ["[", "("]);
        let (high, to) = end(&domain.at_most, ["]", ")"]);
        format!("{from}{low},{high}{to}")
    }

    #[test]
    fn every_row_within_the_domains_of_the_columns_belongs_to_the_partition() {
        let cases = [
            ("FROM (2026, 1) TO (2026, 7)", "=2026 [1,7)"),
            (
                "FROM (2026, MINVALUE) TO (2028, MINVALUE)",
                "[2026,2028) (,)",
            ),
            // A row (2023, 1) is not in it.
            ("FROM (2023, 7) TO (2026, 7)", "(2023,2026) (,)"),
            // No whole year is: what is left of the first one.
            ("FROM (2024, 12) TO (2025, 1)", "=2024 [12,)"),
            ("FROM (2023, 7) TO (2024, 7)", "=2023 [7,)"),
            ("FROM (1, MAXVALUE) TO (2, MAXVALUE)", "(1,2] (,)"),
            ("FROM (1, MAXVALUE) TO (2, 5)", "=2 (,5)"),
            ("FROM (1, 2) TO (MAXVALUE, MAXVALUE)", "(1,) (,)"),
            ("FROM (MINVALUE, MINVALUE) TO (3, 4)", "(,3) (,)"),
        ];
        let int4 = type_of("int4");
        for (text, expected) in cases {
            let bound = Bound::parse(&format!("FOR VALUES {text}"));
            let domains = bound.domains(&[&int4, &int4]).unwrap();
            let said: Vec<String> = domains.iter().map(shown).collect();
            assert_eq!(said.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn what_lies_between_two_ends_depends_on_the_type() {
        let cases = [
            ("date", "2024-02-28", "2024-02-29", true),
            ("date", "2024-02-28", "2024-03-01", false),
            ("int8", "9223372036854775806", "9223372036854775807", false),
            ("text", "a", "b", false),
            ("bool", "false", "true", true),
        ];
        for (type_name, low, high, nothing) in cases {
            let end = |value: &str| Limit {
                value: value.to_owned(),
                inclusive: false,
            };
            let found = nothing_between(&end(low), &end(high), &type_of(type_name));
            assert_eq!(found, nothing, "{type_name} {low} {high}");
        }
    }
}
