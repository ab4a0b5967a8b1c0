//! Domains joined with each other and tried on values.

use std::cmp::Ordering;

use regex::Regex;

use super::eval::Unsure;
use super::patterns;
use super::value::{Kind, Value};
use crate::seed::domain::{Domain, Limit};
use crate::seed::schema::Type;

impl Domain {
    /// What belongs to both; `None` where it cannot be said. A list is left alone in the result: all else has been
    /// tried on it, as far as its values can be read here.
    pub(crate) fn and(&self, other: &Self, type_: &Type) -> Option<Self> {
        let low = [&self.at_least, &other.at_least];
        let high = [&self.at_most, &other.at_most];
        let mut both = Self {
            at_least: narrower(low, Ordering::Greater, type_).ok()?,
            at_most: narrower(high, Ordering::Less, type_).ok()?,
            one_of: self.one_of.clone(),
            none_of: joined(&self.none_of, &other.none_of),
            length: match (self.length, other.length) {
                (Some((a, b)), Some((c, d))) => Some((a.max(c), b.min(d))),
                (one, None) | (None, one) => one,
            },
            patterns: joined(&self.patterns, &other.patterns),
            json_type: match (&self.json_type, &other.json_type) {
                (Some(one), Some(two)) if one != two => return None,
                (one, two) => one.clone().or_else(|| two.clone()),
            },
        };
        let lists = [&self.one_of, &other.one_of];
        if let [Some(one), Some(two)] = lists {
            let kept = one.iter().filter(|value| holds(two, value, type_));
            both.one_of = Some(kept.cloned().collect());
        } else {
            both.one_of = self.one_of.clone().or_else(|| other.one_of.clone());
        }
        Some(both.settled(type_))
    }

    /// What belongs to either; `None` where no domain can say that.
    pub(crate) fn or(&self, other: &Self, type_: &Type) -> Option<Self> {
        if let (Some(one), Some(two)) = (&self.one_of, &other.one_of) {
            let more = two.iter().filter(|value| !holds(one, value, type_));
            let one_of = Some(one.iter().chain(more).cloned().collect());
            return Some(Self {
                one_of,
                ..Self::default()
            });
        }
        let both = self.and(other, type_)?;
        match both {
            both if both == *self => Some(other.clone()),
            both if both == *other => Some(self.clone()),
            _ => None,
        }
    }

    /// No value belongs to it, as far as that is seen here.
    pub(crate) fn is_empty(&self, type_: &Type) -> bool {
        let (Some(low), Some(high)) = (&self.at_least, &self.at_most) else {
            return self.has_no_choice();
        };
        let closed = low.inclusive && high.inclusive;
        match order(&low.value, &high.value, type_) {
            Some(Ordering::Greater) => true,
            Some(Ordering::Equal) => !closed || self.has_no_choice(),
            _ => self.has_no_choice(),
        }
    }

    fn has_no_choice(&self) -> bool {
        self.one_of.as_ref().is_some_and(Vec::is_empty)
            || self.length.is_some_and(|(least, most)| least > most)
    }

    fn settled(mut self, type_: &Type) -> Self {
        let Some(list) = self.one_of.take() else {
            return self;
        };
        let bounds = Bounds::new(&self, type_);
        let kind = Kind::of(type_);
        let kept = list
            .into_iter()
            .filter(|text| match Value::literal(text, kind) {
                Some(value) => bounds.allow(&value),
                None => !self.none_of.contains(text),
            });
        Self {
            one_of: Some(kept.collect()),
            ..Self::default()
        }
    }
}

fn joined(one: &[String], other: &[String]) -> Vec<String> {
    let more = other.iter().filter(|value| !one.contains(value));
    one.iter().chain(more).cloned().collect()
}

fn holds(list: &[String], value: &str, type_: &Type) -> bool {
    let kind = Kind::of(type_);
    let read = Value::literal(value, kind);
    list.iter().any(|other| {
        let same = match (&read, Value::literal(other, kind)) {
            (Some(a), Some(b)) => a.equals(&b),
            _ => None,
        };
        same.unwrap_or(other == value)
    })
}

fn order(a: &str, b: &str, type_: &Type) -> Option<Ordering> {
    let kind = Kind::of(type_);
    Value::literal(a, kind)?.compare(&Value::literal(b, kind)?)
}

/// The one of two ends that leaves less; an error where their order is not known.
fn narrower(
    ends: [&Option<Limit>; 2],
    wins: Ordering,
    type_: &Type,
) -> Result<Option<Limit>, Unsure> {
    Ok(match ends {
        [Some(a), Some(b)] if a.value == b.value => Some(Limit {
            value: a.value.clone(),
            inclusive: a.inclusive && b.inclusive,
        }),
        [Some(a), Some(b)] => match order(&a.value, &b.value, type_).ok_or(Unsure)? {
            Ordering::Equal if a.inclusive => Some(b.clone()),
            Ordering::Equal => Some(a.clone()),
            order if order == wins => Some(a.clone()),
            _ => Some(b.clone()),
        },
        [one, None] | [None, one] => one.clone(),
    })
}

/// A domain ready to be tried on values. What cannot be read here, it lets pass.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    low: Option<(Value, bool)>,
    high: Option<(Value, bool)>,
    one_of: Option<Vec<Value>>,
    none_of: Vec<Value>,
    length: Option<(u32, u32)>,
    patterns: Vec<Regex>,
}

impl Bounds {
    pub(super) fn new(domain: &Domain, type_: &Type) -> Self {
        let kind = Kind::of(type_);
        let read = |text: &String| Value::literal(text, kind);
        let end = |limit: &Option<Limit>| {
            let limit = limit.as_ref()?;
            Some((read(&limit.value)?, limit.inclusive))
        };
        let list = |values: &Vec<String>| values.iter().map(read).collect::<Option<Vec<_>>>();
        Self {
            low: end(&domain.at_least),
            high: end(&domain.at_most),
            one_of: domain.one_of.as_ref().and_then(list),
            none_of: domain.none_of.iter().filter_map(read).collect(),
            length: domain.length,
            patterns: domain
                .patterns
                .iter()
                .filter_map(|source| patterns::compile(source).ok())
                .collect(),
        }
    }

    pub(super) fn allow(&self, value: &Value) -> bool {
        let inside = |end: &Option<(Value, bool)>, outside: Ordering| {
            end.as_ref()
                .is_none_or(|(end, inclusive)| match value.compare(end) {
                    Some(Ordering::Equal) => *inclusive,
                    Some(order) => order != outside,
                    None => true,
                })
        };
        let is = |other: &Value| other.equals(value) == Some(true);
        inside(&self.low, Ordering::Less)
            && inside(&self.high, Ordering::Greater)
            && self.one_of.as_ref().is_none_or(|list| list.iter().any(is))
            && !self.none_of.iter().any(is)
            && self.allow_text(value)
    }

    fn allow_text(&self, value: &Value) -> bool {
        let length = match value {
            Value::Text(text) => text.chars().count(),
            Value::Bytes(bytes) => bytes.len(),
            _ => return true,
        };
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let fits = self
            .length
            .is_none_or(|(least, most)| (least..=most).contains(&length));
        let matched = match value {
            Value::Text(text) => self.patterns.iter().all(|regex| regex.is_match(text)),
            _ => true,
        };
        fits && matched
    }
}
