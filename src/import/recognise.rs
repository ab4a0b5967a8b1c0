//! Which importer reads which bytes, and which files are of one call.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::record::Millis;
use crate::record::load::LoadResult;

use super::locust::Call;
use super::{
    ImportError, locust_exceptions, locust_failures, locust_history, locust_json, locust_stats,
};

/// Largest file that is read: far above any result, below what would exhaust a machine.
const MAX_BYTES: usize = 512 << 20;

/// How much of a file is looked at to recognise it.
const HEAD_BYTES: usize = 64 << 10;

/// A file by its name and its bytes.
#[derive(Debug, Clone, Copy)]
pub struct ImportFile<'a> {
    /// Name for messages; files of one call of Locust are also joined by it.
    pub name: &'a str,
    /// Contents.
    pub bytes: &'a [u8],
}

/// One importer: what it is called, and how it knows its files.
pub(super) struct Importer {
    pub(super) kind: Kind,
    pub(super) label: &'static str,
    pub(super) recognises: fn(&str) -> bool,
}

/// The kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Stats,
    History,
    Failures,
    Exceptions,
    Json,
}

/// Every importer; exactly one recognises a file.
pub(super) const IMPORTERS: [Importer; 5] = [
    Importer {
        kind: Kind::Stats,
        label: "Locust statistics CSV",
        recognises: locust_stats::recognises,
    },
    Importer {
        kind: Kind::History,
        label: "Locust history CSV",
        recognises: locust_history::recognises,
    },
    Importer {
        kind: Kind::Failures,
        label: "Locust failures CSV",
        recognises: locust_failures::recognises,
    },
    Importer {
        kind: Kind::Exceptions,
        label: "Locust exceptions CSV",
        recognises: locust_exceptions::recognises,
    },
    Importer {
        kind: Kind::Json,
        label: "Locust JSON",
        recognises: locust_json::recognises,
    },
];

fn known() -> String {
    let labels: Vec<&str> = IMPORTERS.iter().map(|i| i.label).collect();
    labels.join(", ")
}

/// Reads files of load tools, told apart by content. Files of one call (statistics, history,
/// failures, exceptions, JSON) become one result; `LoadInterval::from` stays empty until
/// [`align`].
///
/// # Errors
/// A file is empty, foreign, cut off, mixed or not text, or holds only failures; the message names
/// the file, the line or key, and what was expected.
pub fn import(files: &[ImportFile<'_>]) -> Result<Vec<LoadResult>, ImportError> {
    let mut calls: BTreeMap<String, Call> = BTreeMap::new();
    let mut kinds: BTreeMap<(String, Kind), String> = BTreeMap::new();
    for file in files {
        let text = text_of(file)?;
        let kind = recognise(file.name, text)?;
        let stem = stem_of(file.name);
        if let Some(other) = kinds.insert((stem.clone(), kind), file.name.to_owned()) {
            let label = IMPORTERS.iter().find(|i| i.kind == kind);
            return Err(ImportError::Twice {
                file: file.name.to_owned(),
                other,
                kind: label.map_or("file", |i| i.label),
            });
        }
        read_into(calls.entry(stem).or_default(), kind, file.name, text)?;
    }
    let joined = join(calls.into_values().collect())?;
    Ok(joined.into_iter().map(Call::into_result).collect())
}

fn text_of<'a>(file: &ImportFile<'a>) -> Result<&'a str, ImportError> {
    if file.bytes.len() > MAX_BYTES {
        return Err(ImportError::TooLarge {
            file: file.name.to_owned(),
            bytes: file.bytes.len(),
            limit: MAX_BYTES,
        });
    }
    let text = std::str::from_utf8(file.bytes).map_err(|e| ImportError::NotText {
        file: file.name.to_owned(),
        offset: e.valid_up_to(),
        expected: "the CSV or JSON text of a load tool",
    })?;
    let text = text.trim_start_matches('\u{FEFF}');
    if text.trim().is_empty() {
        return Err(ImportError::Empty {
            file: file.name.to_owned(),
        });
    }
    Ok(text)
}

/// The first 64 KiB, cut between characters.
pub(super) fn head_of(text: &str) -> &str {
    let mut end = text.len().min(HEAD_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn recognise(name: &str, text: &str) -> Result<Kind, ImportError> {
    let head = head_of(text);
    IMPORTERS
        .iter()
        .find(|i| (i.recognises)(head))
        .map(|i| i.kind)
        .ok_or_else(|| ImportError::Unknown {
            file: name.to_owned(),
            known: known(),
        })
}

fn read_into(call: &mut Call, kind: Kind, file: &str, text: &str) -> Result<(), ImportError> {
    call.files.push(file.to_owned());
    match kind {
        Kind::Stats => call.stats = Some(locust_stats::import(file, text)?),
        Kind::History => call.history = Some(locust_history::import(file, text)?),
        Kind::Failures => call.failures = Some(locust_failures::import(file, text)?),
        Kind::Exceptions => call.exceptions = Some(locust_exceptions::import(file, text)?),
        Kind::Json => call.json = Some(locust_json::import(file, text)?),
    }
    Ok(())
}

/// What `--csv NAME` and `--json-file NAME` have in common. Only a means of grouping: what a file
/// is, its content says.
fn stem_of(name: &str) -> String {
    let endings = [
        "_stats_history.csv",
        "_stats.csv",
        "_failures.csv",
        "_exceptions.csv",
        ".json",
    ];
    let stem = endings.iter().find_map(|e| name.strip_suffix(e));
    stem.unwrap_or(name).to_owned()
}

/// Joins files that were renamed: a history with the one result whose totals it ends in, lists of
/// errors with the only result there is.
fn join(calls: Vec<Call>) -> Result<Vec<Call>, ImportError> {
    let (mut results, loose): (Vec<Call>, Vec<Call>) = calls
        .into_iter()
        .partition(|c| c.stats.is_some() || c.json.is_some());
    for call in loose {
        let fits: Vec<usize> = (0..results.len())
            .filter(|i| belongs(&call, &results[*i]))
            .collect();
        if let [one] = fits[..] {
            let target = &mut results[one];
            target.files.extend(call.files);
            target.history = target.history.take().or(call.history);
            target.failures = target.failures.take().or(call.failures);
            target.exceptions = target.exceptions.take().or(call.exceptions);
        } else if call.has_requests() {
            results.push(call);
        } else {
            return Err(ImportError::Alone {
                file: call.files.join(", "),
                holds: "failures or exceptions",
                needs: "_stats.csv",
            });
        }
    }
    Ok(results)
}

fn belongs(loose: &Call, result: &Call) -> bool {
    let free = (loose.failures.is_none() || result.failures.is_none())
        && (loose.exceptions.is_none() || result.exceptions.is_none())
        && (loose.history.is_none() || result.history.is_none());
    let Some(history) = &loose.history else {
        return free;
    };
    let ends_in = history.moments.last().map_or(0, |m| m.total.requests);
    let of_stats = result.stats.as_ref().map(|s| s.total.requests);
    let of_json = result.json.as_ref().map(|j| j.total.requests);
    // Both are written once a second, not at the same moment: a tenth of the run may lie between.
    let near = |n: u64| ends_in.abs_diff(n) * 10 <= n.max(10);
    free && of_stats.or(of_json).is_some_and(near)
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
