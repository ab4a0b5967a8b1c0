//! Which way of making values a type and what is asked of it call for.

use std::collections::HashMap;
use std::ops::Range;

use crate::seed::schema::{Type, TypeKind};

use super::ask::{Ask, Spread, Unfillable};
use super::axis::{Axis, base_name};
use super::between::Between;
use super::figure::Figure;
use super::filler::Case;
use super::joint::{Array, Composite};
use super::json::Json;
use super::line::Line;
use super::list::List;
use super::pattern::{Matching, Patterns};
use super::range;
use super::search::Search;
use super::text::{self, Text};
use super::wrapped::Wrapped;

/// Ordinals of a text that is to match patterns that are tried.
const TRIED: u64 = 4_000;

/// More values than this are never made: no table has so many rows.
const MOST: u64 = 1 << 50;

/// Makes the values of a column.
#[derive(Debug, Clone)]
pub(crate) struct Maker {
    form: Form,
    distinct: u64,
    /// Values that are not to be made, where the form does not look after them itself, each with its number.
    avoid: HashMap<Vec<u8>, u64>,
}

/// The ways of making values.
#[derive(Debug, Clone)]
enum Form {
    Line(Line),
    List(List),
    Text(Box<Text>),
    Between(Between),
    Matching(Matching),
    Array(Box<Array>),
    Composite(Composite),
    Range(Box<range::Range>),
    Json(Box<Json>),
    Figure(Figure),
    Search(Box<Search>),
    Wrapped(Box<Wrapped>),
}

impl Maker {
    /// A maker of what is asked.
    ///
    /// # Errors
    /// If the type is none that values can be made of, or nothing is allowed.
    pub(crate) fn new(ask: &Ask<'_>) -> Result<Self, Unfillable> {
        let ask = &Ask {
            distinct: ask.distinct.clamp(1, MOST),
            ..ask.clone()
        };
        if let Some(values) = &ask.domain.one_of {
            return Ok(Self::plain(Form::List(List::of_texts(values, ask)?)));
        }
        if let Some(axis) = Axis::of(ask.type_) {
            return Line::new(axis, ask).map(Form::Line).map(Self::plain);
        }
        if is_text(ask.type_) {
            return Form::text(ask).map(Self::plain);
        }
        if let Spread::Bounds(bounds) = &ask.spread
            && !bounds.is_empty()
            && ask.distinct <= bounds.len() as u64
        {
            // Of a type that nothing lies between: values that are known.
            return Ok(Self::plain(Form::List(List::in_order(bounds, ask)?)));
        }
        // As many more as are not to be made, which then take their place.
        let more = ask.distinct.max(1).saturating_add(ask.avoid.len() as u64);
        let form = Form::made_of_others(&Ask {
            distinct: more,
            ..ask.clone()
        })?;
        let avoid: HashMap<Vec<u8>, u64> = ask.avoid.iter().cloned().zip(0..).collect();
        let distinct = form
            .distinct()
            .saturating_sub(ask.avoid.len() as u64)
            .min(ask.distinct.max(1));
        if distinct == 0 {
            return Err(Unfillable(
                "no value is allowed beside the common ones".into(),
            ));
        }
        Ok(Self {
            form,
            distinct,
            avoid,
        })
    }

    fn plain(form: Form) -> Self {
        Self {
            distinct: form.distinct(),
            form,
            avoid: HashMap::new(),
        }
    }

    /// How many different values there are, at most what was asked for.
    pub(crate) fn distinct(&self) -> u64 {
        self.distinct
    }

    /// Ranges of ordinals that equally many rows have, in their order: where a histogram was asked for, the ordinals
    /// between each of its bounds and the next. A range may begin with the last ordinal of the one before. None where all
    /// ordinals are alike.
    pub(crate) fn groups(&self) -> &[Range<u64>] {
        match &self.form {
            Form::Line(line) => line.groups(),
            Form::Between(between) => between.groups(),
            _ => &[],
        }
    }

    /// Appends the value in binary form, without its length word. `ordinal` must be below [`Self::distinct`].
    pub(crate) fn write(&self, ordinal: u64, out: &mut Vec<u8>) {
        let start = out.len();
        self.form.write(ordinal, out);
        if self.avoid.is_empty() {
            return;
        }
        // Every value that is avoided has a substitute of its own. One that is avoided itself has another.
        while let Some(number) = self.avoid.get(&out[start..]) {
            out.truncate(start);
            self.form.write(self.distinct + number, out);
        }
    }
}

impl Form {
    fn distinct(&self) -> u64 {
        match self {
            Self::Line(form) => form.distinct(),
            Self::List(form) => form.distinct(),
            Self::Text(form) => form.distinct(),
            Self::Between(form) => form.distinct(),
            Self::Matching(form) => form.distinct(),
            Self::Array(form) => form.distinct(),
            Self::Composite(form) => form.distinct(),
            Self::Range(form) => form.distinct(),
            Self::Json(form) => form.distinct(),
            Self::Figure(form) => form.distinct(),
            Self::Search(form) => form.distinct(),
            Self::Wrapped(form) => form.distinct(),
        }
    }

    fn write(&self, ordinal: u64, out: &mut Vec<u8>) {
        match self {
            Self::Line(form) => form.write(ordinal, out),
            Self::List(form) => form.write(ordinal, out),
            Self::Text(form) => form.write(ordinal, out),
            Self::Between(form) => form.write(ordinal, out),
            Self::Matching(form) => form.write(ordinal, out),
            Self::Array(form) => form.write(ordinal, out),
            Self::Composite(form) => form.write(ordinal, out),
            Self::Range(form) => form.write(ordinal, out),
            Self::Json(form) => form.write(ordinal, out),
            Self::Figure(form) => form.write(ordinal, out),
            Self::Search(form) => form.write(ordinal, out),
            Self::Wrapped(form) => form.write(ordinal, out),
        }
    }

    /// Of a type that is no line and no text by itself.
    fn made_of_others(ask: &Ask<'_>) -> Result<Self, Unfillable> {
        let base = ask.type_.base();
        let name = base.name.name.as_str();
        let unfillable = |what: &str| {
            Err(Unfillable(format!(
                "values of {what} {} cannot be made",
                base.name
            )))
        };
        match &base.kind {
            TypeKind::Array(element) => {
                Array::new(element, ask).map(|form| Self::Array(Box::new(form)))
            }
            TypeKind::Range(subtype) => {
                range::Range::new(subtype, false, ask).map(|form| Self::Range(Box::new(form)))
            }
            TypeKind::Multirange(subtype) => {
                range::Range::new(subtype, true, ask).map(|form| Self::Range(Box::new(form)))
            }
            TypeKind::Composite(attributes) => Composite::new(attributes, ask).map(Self::Composite),
            TypeKind::Extension(extension) => match Wrapped::new(name, true, ask) {
                Some(form) => form.map(|form| Self::Wrapped(Box::new(form))),
                None => unfillable(&format!("extension {extension}'s type")),
            },
            TypeKind::Base if matches!(name, "json" | "jsonb") => {
                Ok(Self::Json(Box::new(Json::new(ask))))
            }
            TypeKind::Base => {
                if let Some(form) = Figure::new(name, ask) {
                    return Ok(Self::Figure(form));
                }
                if let Some(form) = Search::new(name, &text_type(), ask) {
                    return form.map(|form| Self::Search(Box::new(form)));
                }
                match Wrapped::new(name, false, ask) {
                    Some(form) => form.map(|form| Self::Wrapped(Box::new(form))),
                    None => unfillable("type"),
                }
            }
            TypeKind::Enum(_) | TypeKind::Domain { .. } | TypeKind::Other => unfillable("type"),
        }
    }

    fn text(ask: &Ask<'_>) -> Result<Self, Unfillable> {
        if text::is_citext(ask.type_) {
            // Letters that differ in case only are the same.
            let lower = |values: &[Vec<u8>]| {
                values
                    .iter()
                    .map(|value| value.to_ascii_lowercase())
                    .collect()
            };
            let avoid: Vec<Vec<u8>> = lower(ask.avoid);
            let spread = match &ask.spread {
                Spread::Bounds(bounds) => Spread::Bounds(lower(bounds)),
                other => other.clone(),
            };
            return Self::cased_text(&Ask {
                avoid: &avoid,
                spread,
                ..ask.clone()
            });
        }
        Self::cased_text(ask)
    }

    fn cased_text(ask: &Ask<'_>) -> Result<Self, Unfillable> {
        let lengths = text::lengths(ask)?;
        let bytes = base_name(ask.type_) == Some("bytea");
        if lengths.most == 0 {
            return List::new(vec![Vec::new()], ask).map(Self::List);
        }
        let between = match (&ask.spread, text::ends(ask)) {
            (spread, Some((low, high, excluded))) => {
                let mut bounds = match spread {
                    Spread::Bounds(bounds) => bounds.clone(),
                    _ => Vec::new(),
                };
                bounds.retain(|bound| low <= *bound && *bound <= high);
                bounds.extend([low, high]);
                let avoid: Vec<Vec<u8>> = ask.avoid.iter().cloned().chain(excluded).collect();
                let between = Between::new(
                    &bounds,
                    bytes,
                    lengths,
                    &Ask {
                        avoid: &avoid,
                        ..ask.clone()
                    },
                );
                Some(between.ok_or_else(|| {
                    Unfillable("no text was found between the ends of what is allowed".into())
                })?)
            }
            (Spread::Bounds(bounds), None) => Between::new(bounds, bytes, lengths, ask),
            _ => None,
        };
        if ask.domain.patterns.is_empty() {
            return match between {
                Some(between) => Ok(Self::Between(between)),
                None => Text::new(ask, Case::Own).map(|text| Self::Text(Box::new(text))),
            };
        }
        let patterns = Patterns::new(&ask.domain.patterns)?;
        let between = between
            .map(Self::Between)
            .filter(|form| form.matches(&patterns));
        if between.is_none() && text::ends(ask).is_some() {
            let reason = "no text between the ends of what is allowed matches its patterns";
            return Err(Unfillable(reason.into()));
        }
        // What the name says, in the case that the patterns have.
        let mut natural = [Case::Own, Case::Lower, Case::Upper]
            .into_iter()
            .filter_map(|case| Text::new(ask, case).ok())
            .map(|text| Self::Text(Box::new(text)));
        if let Some(form) = between.or_else(|| natural.find(|form| form.matches(&patterns))) {
            return Ok(form);
        }
        patterns.matching(lengths, ask).map(Self::Matching)
    }

    /// Whether texts of this match, so far as they are tried.
    fn matches(&self, patterns: &Patterns) -> bool {
        let tried = self.distinct().min(TRIED);
        let mut text = Vec::new();
        (0..tried).all(|number| {
            text.clear();
            self.write(number * (self.distinct() / tried), &mut text);
            patterns.hold(&text)
        })
    }
}

fn is_text(type_: &Type) -> bool {
    let base = type_.base();
    match (&base.kind, base_name(base)) {
        (TypeKind::Extension(_), _) => text::is_citext(base),
        (_, Some("text" | "varchar" | "bpchar" | "name" | "bytea" | "refcursor")) => true,
        _ => false,
    }
}

/// What lexemes are made as.
fn text_type() -> Type {
    let name = crate::seed::schema::Name {
        schema: "pg_catalog".into(),
        name: "text".into(),
    };
    Type {
        oid: 25,
        name,
        typmod: -1,
        kind: TypeKind::Base,
    }
}
