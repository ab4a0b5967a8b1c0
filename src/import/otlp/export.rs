//! The outer objects of OTLP JSON, read without holding them.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::Collector;
use super::metrics::ResourceMetrics;
use super::span::Span;

/// One request of an exporter, or a whole file in one object.
pub(super) struct ExportSeed<'c>(pub(super) &'c mut Collector);

/// Where a list of objects stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// `resourceSpans[]`.
    Resource,
    /// `scopeSpans[]`.
    Scope,
    /// `spans[]`.
    Span,
}

impl<'de> DeserializeSeed<'de> for ExportSeed<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ExportSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `resourceSpans` or `resourceMetrics`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut known = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "resourceSpans" => {
                    known = true;
                    map.next_value_seed(List(self.0, Level::Resource))?;
                }
                "resourceMetrics" => {
                    known = true;
                    for resource in map.next_value::<Vec<ResourceMetrics>>()? {
                        self.0.pools.add(&resource);
                    }
                }
                // Logs may stand between traces.
                "resourceLogs" => {
                    known = true;
                    map.next_value::<IgnoredAny>()?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if known {
            Ok(())
        } else {
            Err(A::Error::custom("an object of another kind"))
        }
    }
}

/// A list at one level; `null` is an empty one.
struct List<'c>(&'c mut Collector, Level);

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.1 {
            Level::Resource => "a list `resourceSpans`",
            Level::Scope => "a list `scopeSpans`",
            Level::Span => "a list `spans`",
        })
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if self.1 == Level::Span {
            while let Some(span) = list.next_element::<Span>()? {
                self.0.span(&span).map_err(A::Error::custom)?;
            }
            return Ok(());
        }
        while list
            .next_element_seed(Object(&mut *self.0, self.1))?
            .is_some()
        {}
        Ok(())
    }
}

/// One object of a list, of which only the inner list is read.
struct Object<'c>(&'c mut Collector, Level);

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of `resourceSpans` or `scopeSpans`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match (self.1, key.as_str()) {
                // The second is its name up to OTLP 0.15.
                (Level::Resource, "scopeSpans" | "instrumentationLibrarySpans") => {
                    map.next_value_seed(List(&mut *self.0, Level::Scope))?;
                }
                (Level::Scope, "spans") => {
                    map.next_value_seed(List(&mut *self.0, Level::Span))?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}
