//! The shape of JSON values among the planner's statistics.

use std::collections::BTreeMap;

use serde_json::Value;

use super::model::JsonShape;

/// Objects inside each other deeper than this are told as null.
const DEEPEST: u32 = 16;
/// Keys of an object beyond this many are data rather than names; those that most objects have are told.
const MOST_KEYS: usize = 200;
/// Lengths of text are told as multiples of this.
const CHARACTERS: f64 = 4.0;

/// The shape of values in text form, each with its weight; `None` where there is none that can be read. With
/// `names` keys are told, else they are numbered.
pub(super) fn shape(values: &[(&str, f64)], names: bool) -> Option<JsonShape> {
    let parsed: Vec<(Value, f64)> = values
        .iter()
        .filter_map(|(text, weight)| Some((serde_json::from_str(text).ok()?, *weight)))
        .collect();
    let all: Vec<(&Value, f64)> = parsed
        .iter()
        .map(|(value, weight)| (value, *weight))
        .collect();
    (!all.is_empty()).then(|| merged(&all, names, 0))
}

/// What most of the values are like, by weight.
fn merged(all: &[(&Value, f64)], names: bool, depth: u32) -> JsonShape {
    let weight_of = |kind: u8| {
        let same = all.iter().filter(|(value, _)| kind_of(value) == kind);
        same.map(|(_, weight)| weight).sum::<f64>()
    };
    // A null says nothing of what else may stand there.
    let kinds = [BOOLEAN, NUMBER, TEXT, ARRAY, OBJECT];
    let heaviest = kinds
        .into_iter()
        .filter(|kind| all.iter().any(|(value, _)| kind_of(value) == *kind))
        .max_by(|a, b| weight_of(*a).total_cmp(&weight_of(*b)));
    let Some(kind) = heaviest.filter(|_| depth < DEEPEST) else {
        return JsonShape::Null;
    };
    let same: Vec<_> = all
        .iter()
        .filter(|(value, _)| kind_of(value) == kind)
        .collect();
    let weight = weight_of(kind);
    let mean = |size: &dyn Fn(&Value) -> usize| {
        let sum: f64 = same
            .iter()
            .map(|(value, weight)| size(value) as f64 * weight)
            .sum();
        if weight > 0.0 { sum / weight } else { 0.0 }
    };
    match kind {
        BOOLEAN => JsonShape::Boolean,
        NUMBER => JsonShape::Number,
        TEXT => {
            let mean = mean(&|value| value.as_str().map_or(0, |text| text.chars().count()));
            JsonShape::Text(whole((mean / CHARACTERS).ceil() * CHARACTERS))
        }
        ARRAY => {
            let mean = mean(&|value| value.as_array().map_or(0, Vec::len));
            let elements: Vec<(&Value, f64)> = same
                .iter()
                .filter_map(|(value, weight)| Some((value.as_array()?, *weight)))
                .flat_map(|(all, weight)| all.iter().map(move |one| (one, weight)))
                .collect();
            JsonShape::Array(whole(mean), Box::new(merged(&elements, names, depth + 1)))
        }
        _ => {
            let objects = same.iter().map(|(value, weight)| (*value, *weight));
            JsonShape::Object(keys(&objects.collect::<Vec<_>>(), weight, names, depth))
        }
    }
}

/// Keys of objects, those that most have first.
fn keys(
    objects: &[(&Value, f64)],
    weight: f64,
    names: bool,
    depth: u32,
) -> Vec<(String, f64, JsonShape)> {
    let mut by_key: BTreeMap<&str, Vec<(&Value, f64)>> = BTreeMap::new();
    for (value, weight) in objects {
        for (key, value) in value.as_object().into_iter().flatten() {
            by_key.entry(key).or_default().push((value, *weight));
        }
    }
    let mut keys: Vec<_> = by_key
        .into_iter()
        .map(|(key, values)| {
            let sum: f64 = values.iter().map(|(_, weight)| weight).sum();
            let share = if weight > 0.0 {
                (sum / weight).min(1.0)
            } else {
                1.0
            };
            (key.to_owned(), share, merged(&values, names, depth + 1))
        })
        .collect();
    keys.sort_by(|a, b| b.1.total_cmp(&a.1));
    keys.truncate(MOST_KEYS);
    if !names {
        for (number, (key, ..)) in keys.iter_mut().enumerate() {
            *key = format!("key{}", number + 1);
        }
    }
    keys
}

const BOOLEAN: u8 = 1;
const NUMBER: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const OBJECT: u8 = 5;

fn kind_of(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => BOOLEAN,
        Value::Number(_) => NUMBER,
        Value::String(_) => TEXT,
        Value::Array(_) => ARRAY,
        Value::Object(_) => OBJECT,
    }
}

fn whole(size: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a size is not negative, and casts of what is too large saturate"
    )]
    let whole = size.round() as u32;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_numbered_by_how_many_have_them() {
        let values = [
            (r#"{"secret": "abcdef", "n": 1}"#, 0.75),
            (r#"{"n": null, "list": [true, false]}"#, 0.25),
        ];
        let shape = shape(&values, false).unwrap();
        let list = JsonShape::Array(2, Box::new(JsonShape::Boolean));
        assert_eq!(
            shape,
            JsonShape::Object(vec![
                ("key1".to_owned(), 1.0, JsonShape::Number),
                ("key2".to_owned(), 0.75, JsonShape::Text(8)),
                ("key3".to_owned(), 0.25, list),
            ])
        );
    }

    #[test]
    fn keys_are_told_where_values_are_kept() {
        let JsonShape::Object(keys) = shape(&[(r#"{"a": {"b": 1}}"#, 1.0)], true).unwrap() else {
            panic!("no object")
        };
        assert_eq!(keys[0].0, "a");
    }

    #[test]
    fn the_heaviest_kind_wins_and_null_says_nothing() {
        assert_eq!(
            shape(&[("null", 0.9), ("1", 0.1)], true),
            Some(JsonShape::Number)
        );
        assert_eq!(shape(&[("null", 1.0)], true), Some(JsonShape::Null));
        assert_eq!(
            shape(&[("\"a\"", 0.4), ("1", 0.6)], true),
            Some(JsonShape::Number)
        );
        assert_eq!(shape(&[("{", 1.0)], true), None);
        let deep = "[".repeat(100) + &"]".repeat(100);
        assert!(shape(&[(&deep, 1.0)], true).is_some());
    }
}
