//! OpenTelemetry: traces and the metrics of connection pools, as OTLP JSON (one request a line, or one object).
//!
//! Spans are read one by one into 64 bytes each; a trace that is complete becomes sums and is forgotten.

mod classify;
mod clock;
mod endpoints;
mod export;
mod metrics;
mod names;
mod span;
mod statements;
mod store;
mod trace;
mod unions;

use std::io::BufRead;

use serde::de::DeserializeSeed as _;

use super::recognise::Found;
use super::{ImportError, Source, json};
use crate::record::traces::TraceSet;

use endpoints::Endpoints;
use export::ExportSeed;
use metrics::Pools;
use names::Names;
use statements::Statements;
use store::Store;

/// Spans that are held at a time: 640 MB, and for a moment twice as much while that grows.
const MAX_SPANS: usize = 10_000_000;

/// What is asked for in messages.
const EXPECTED: &str = "OTLP JSON: objects with `resourceSpans` or `resourceMetrics`";

/// An object with OTLP's outermost lists.
pub(super) fn recognises(head: &str) -> bool {
    head.trim_start().starts_with('{')
        && (head.contains("\"resourceSpans\"") || head.contains("\"resourceMetrics\""))
}

/// Reads the file.
pub(super) fn import(source: Source<'_>) -> Result<Found, ImportError> {
    let (file, reader) = source.into_reader();
    read(&file, reader, MAX_SPANS).map(Found::Traces)
}

/// Everything that was read so far.
struct Collector {
    store: Store,
    names: Names,
    statements: Statements,
    endpoints: Endpoints,
    pools: Pools,
}

fn read(
    file: &str,
    reader: Box<dyn BufRead + '_>,
    max_spans: usize,
) -> Result<TraceSet, ImportError> {
    let mut collector = Collector {
        store: Store::new(max_spans),
        names: Names::default(),
        statements: Statements::default(),
        endpoints: Endpoints::default(),
        pools: Pools::default(),
    };
    let mut json = serde_json::Deserializer::from_reader(reader);
    loop {
        // An error at the end of the file says whether anything is left.
        match json.end() {
            Ok(()) => break,
            Err(e) if e.is_io() => return Err(unreadable(file, &e)),
            Err(_) => {}
        }
        ExportSeed(&mut collector)
            .deserialize(&mut json)
            .map_err(|e| damaged(file, &e))?;
    }
    Ok(collector.finish(file))
}

impl Collector {
    fn finish(mut self, file: &str) -> TraceSet {
        self.store.finish(&mut self.endpoints);
        let mut warnings = self.store.warnings();
        warnings.extend(self.endpoints.warnings());
        warnings.extend(self.names.warnings());
        warnings.extend(self.statements.warnings());
        warnings.extend(self.pools.warnings());
        TraceSet {
            files: vec![file.to_owned()],
            spans: self.store.spans(),
            started_at: self.store.started_at(),
            ended_at: self.store.ended_at(),
            endpoints: self.endpoints.finish(&self.names, &self.statements),
            pools: self.pools.finish(),
            warnings,
        }
    }
}

fn damaged(file: &str, error: &serde_json::Error) -> ImportError {
    if error.is_io() {
        return unreadable(file, error);
    }
    json::damaged(file, error, EXPECTED)
}

fn unreadable(file: &str, error: &serde_json::Error) -> ImportError {
    let kind = error.io_error_kind().unwrap_or(std::io::ErrorKind::Other);
    super::source::unreadable(file, &std::io::Error::new(kind, error.to_string()))
}

#[cfg(test)]
mod tests;
