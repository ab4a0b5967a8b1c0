//! Names of endpoints, each kept once, and what else is said of names.

use std::collections::{BTreeMap, HashMap};

use crate::import::table::tame;

use super::span::Span;

/// Most endpoints.
const MAX_ENDPOINTS: usize = 10_000;

/// Longest name, in characters.
const MAX_NAME: usize = 400;

/// Most kinds of other databases that are named.
const MAX_SYSTEMS: usize = 20;

/// Endpoints by number.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<String, u32>,
    shown: Vec<String>,
    other_databases: BTreeMap<String, u64>,
}

impl Names {
    /// The number of the endpoint of a server span: method and route, or else the span's name.
    ///
    /// # Errors
    /// There are too many, in words.
    pub(super) fn endpoint(&mut self, span: &Span) -> Result<u32, String> {
        let method = span.text(&["http.request.method", "http.method"]);
        let name = match (method, span.text(&["http.route"])) {
            (Some(method), Some(route)) => format!("{method} {route}"),
            (None, Some(route)) => route.to_owned(),
            (_, None) => span.name.clone(),
        };
        if let Some(number) = self.numbers.get(&name) {
            return Ok(*number);
        }
        if self.shown.len() >= MAX_ENDPOINTS {
            return Err(format!(
                "more than {MAX_ENDPOINTS} different names of server spans (group addresses with ids by `http.route`)"
            ));
        }
        let number = u32::try_from(self.shown.len()).unwrap_or(u32::MAX);
        self.shown
            .push(tame(&name).chars().take(MAX_NAME).collect());
        self.numbers.insert(name, number);
        Ok(number)
    }

    /// The name of a number.
    pub(super) fn of(&self, number: u32) -> &str {
        usize::try_from(number)
            .ok()
            .and_then(|n| self.shown.get(n))
            .map_or("", String::as_str)
    }

    /// A span of a database that is not PostgreSQL.
    pub(super) fn other_database(&mut self, system: &str) {
        let full = self.other_databases.len() >= MAX_SYSTEMS;
        let known = self.other_databases.contains_key(system);
        let system = if full && !known { "others" } else { system };
        *self
            .other_databases
            .entry(tame(system).chars().take(40).collect())
            .or_default() += 1;
    }

    /// What is said of other databases.
    pub(super) fn warnings(&self) -> Vec<String> {
        let told = self.other_databases.iter();
        told.map(|(system, spans)| {
            format!("{spans} spans of {system} count as calls of other services")
        })
        .collect()
    }
}
