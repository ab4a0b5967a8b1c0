//! Files of load tools, told apart by content, become results.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::record::Millis;
use crate::record::load::LoadResult;
use crate::record::pages::PageResult;
use crate::record::traces::TraceSet;

use super::list::{self, Read};
use super::locust::{Call, Kind, join, stem_of};
use super::{ImportError, ImportFile, Source};

/// What one file holds.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one value for each file, moved once"
)]
pub(super) enum Found {
    /// The result of a load tool.
    Load(LoadResult),
    /// Traces of the application.
    Traces(TraceSet),
    /// Pages in a browser.
    Pages(Vec<PageResult>),
}

/// What all files hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Imported {
    /// Results of load tools.
    pub loads: Vec<LoadResult>,
    /// Traces of the application.
    pub traces: Vec<TraceSet>,
    /// Pages in a browser.
    pub pages: Vec<PageResult>,
}

impl Imported {
    fn add(&mut self, found: Found) {
        match found {
            Found::Load(load) => self.loads.push(load),
            Found::Traces(traces) => self.traces.push(traces),
            Found::Pages(pages) => self.pages.extend(pages),
        }
    }
}

/// Reads files of load tools, traces and pages, told apart by content, plain or gzip. Files of one call of
/// Locust (statistics, history, failures, exceptions, JSON) become one result; `LoadInterval::from` stays empty
/// until [`align`]. Logs with a line for each request are read in bounded memory.
///
/// # Errors
/// A file is empty, foreign, cut off, mixed or not text, or holds only failures; the message names
/// the file, the line or key, and what was expected.
pub fn import(files: Vec<ImportFile<'_>>) -> Result<Imported, ImportError> {
    let mut all = Imported::default();
    let mut calls: BTreeMap<String, Call> = BTreeMap::new();
    let mut kinds: BTreeMap<(String, Kind), String> = BTreeMap::new();
    for file in files {
        let name = file.name.to_owned();
        let source = Source::open(file)?;
        let importer = list::recognise(&source)?;
        match importer.read {
            Read::Single(read) => all.add(read(source)?),
            Read::Refused(refusal) => {
                return Err(ImportError::Refused {
                    file: name,
                    what: importer.label,
                    why: refusal.why,
                    instead: refusal.instead,
                });
            }
            Read::Locust(kind) => {
                let stem = stem_of(&name);
                if let Some(other) = kinds.insert((stem.clone(), kind), name.clone()) {
                    return Err(ImportError::Twice {
                        file: name,
                        other,
                        kind: importer.label,
                    });
                }
                calls.entry(stem).or_default().read(kind, source)?;
            }
        }
    }
    let joined = join(calls.into_values().collect())?;
    let results = joined.into_iter().map(Call::into_result);
    all.loads.extend(results);
    Ok(all)
}

/// Fills `LoadInterval::from` from the load tool's clock and the moment at which dbperf's window
/// began. Right only if both ran on machines with synchronised clocks.
pub fn align(result: &mut LoadResult, window_started_at: Timestamp) {
    for interval in &mut result.intervals {
        interval.from = interval.started_at.map(|at| {
            let since = at.duration_since(window_started_at);
            Millis(since.as_secs_f64() * 1000.0)
        });
    }
}

#[cfg(test)]
mod tests;
