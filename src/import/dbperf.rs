//! dbperf's own run files (`--save`): the load that dbperf drove itself.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::record::Run;
use crate::record::load::{LoadResult, Operation};
use crate::record::run::RUN_FORMAT;

use super::recognise::Found;
use super::table::tame;
use super::{ImportError, Source};

/// What the file should be, for messages.
const EXPECTED: &str = "a run that `dbperf load` or `dbperf replay` saved";

/// An object that begins as run files do.
pub(super) fn recognises(head: &str) -> bool {
    head.trim_start().starts_with("{\"format\":")
        && head.contains("\"meta\":")
        && head.contains("\"dbperf_version\":")
}

/// Reads the file.
pub(super) fn import(source: Source<'_>) -> Result<Found, ImportError> {
    let file = source.name().to_owned();
    let wrong = |key: &str, found: String, expected: &str| ImportError::Key {
        file: file.clone(),
        key: key.to_owned(),
        found,
        expected: expected.to_owned(),
    };
    let text = source.whole()?;
    let value: Value = serde_json::from_str(&text).map_err(|error| {
        if error.is_eof() {
            return ImportError::Truncated {
                file: file.clone(),
                missing: "the JSON ends in the middle".to_owned(),
            };
        }
        ImportError::Line {
            file: file.clone(),
            line: error.line() as u64,
            found: "text that is not JSON".to_owned(),
            expected: EXPECTED.to_owned(),
        }
    })?;
    let format = value.get("format").and_then(Value::as_u64);
    if format != Some(u64::from(RUN_FORMAT)) {
        let found = format.map_or_else(
            || "no number".to_owned(),
            |format| format!("format {format}"),
        );
        return Err(wrong(
            "format",
            found,
            &format!("format {RUN_FORMAT}, of this version of dbperf"),
        ));
    }
    let run: Run = serde_json::from_value(value)
        .map_err(|_| wrong("run", "a damaged run".to_owned(), EXPECTED))?;
    let Some(load) = run.replay else {
        let found = "a run without a load of dbperf's own".to_owned();
        return Err(wrong("replay", found, EXPECTED));
    };
    Ok(Found::Load(tamed(load, &file)))
}

/// The load as it may be shown; the file that it came from is this one.
fn tamed(mut load: LoadResult, file: &str) -> LoadResult {
    let all = [&mut load.total].into_iter().chain(&mut load.operations);
    for operation in all.chain(load.stages.iter_mut().map(|stage| &mut stage.total)) {
        tame_operation(operation);
    }
    for stage in &mut load.stages {
        stage.name = tame(&stage.name);
    }
    for interval in &mut load.intervals {
        for counts in [&mut interval.requests, &mut interval.failures] {
            *counts = named(std::mem::take(counts));
        }
        // Its place in the window of that run says nothing about another window.
        interval.from = None;
    }
    let source = &mut load.source;
    for text in source.warnings.iter_mut().chain(&mut source.notes) {
        *text = tame(text);
    }
    source.tool = tame(&source.tool);
    source.files = vec![file.to_owned()];
    load
}

fn tame_operation(operation: &mut Operation) {
    operation.name = tame(&operation.name);
    operation.errors = named(std::mem::take(&mut operation.errors));
}

fn named(counts: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let mut tamed = BTreeMap::new();
    for (name, count) in counts {
        *tamed.entry(tame(&name)).or_default() += count;
    }
    tamed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{ImportFile, import as import_all};
    use crate::record::load::{Arrival, HTTP_TOOL};

    const FILE: &str = include_str!("../../fixtures/load/dbperf-0.1.0/load.json");

    fn read(text: &str) -> Result<LoadResult, ImportError> {
        let file = ImportFile::of_bytes("load.json", text.as_bytes());
        import_all(vec![file]).map(|mut all| all.loads.remove(0))
    }

    #[test]
    fn a_saved_load_is_read_as_it_was() {
        let load = read(FILE).unwrap();
        assert_eq!(load.source.tool, HTTP_TOOL);
        assert_eq!(load.source.arrival, Arrival::Closed);
        let sum: u64 = load.operations.iter().map(|o| o.requests).sum();
        assert!(load.total.requests > 0 && load.total.requests == sum);
        assert!(load.total.latency.histogram.is_some());
        assert!(
            load.intervals
                .iter()
                .all(|i| i.from.is_none() && i.started_at.is_some())
        );
    }

    #[test]
    fn names_are_hostile() {
        let odd = FILE.replace("GET /lords", "GET \\u001b[2J/lords");
        let load = read(&odd).unwrap();
        assert!(
            load.operations
                .iter()
                .any(|o| o.name.contains("\u{FFFD}[2J/lords"))
        );
        assert!(!load.operations.iter().any(|o| o.name.contains('\u{1b}')));
    }

    #[test]
    fn what_is_no_load_is_refused() {
        let cut = read(&FILE[..FILE.len() / 2]).unwrap_err();
        assert!(cut.to_string().contains("cut off"), "{cut}");
        let other = FILE.replacen("{\"format\":1", "{\"format\":99", 1);
        assert!(read(&other).unwrap_err().to_string().contains("format 99"));
        let mut run: Value = serde_json::from_str(FILE).unwrap();
        run["replay"] = Value::Null;
        let none = read(&ordered(&run)).unwrap_err();
        assert!(none.to_string().contains("without a load"), "{none}");
        run["meta"] = Value::from(1);
        let damaged = read(&ordered(&run)).unwrap_err();
        assert!(!damaged.to_string().is_empty());
    }

    /// The keys that files begin with come first; the rest in any order.
    fn ordered(run: &Value) -> String {
        let mut rest = run.clone();
        let object = rest.as_object_mut().unwrap();
        let (format, meta) = (object.remove("format"), object.remove("meta"));
        let rest = serde_json::to_string(&rest).unwrap();
        let meta = meta.unwrap();
        format!(
            "{{\"format\":{},\"meta\":{meta},{}",
            format.unwrap(),
            &rest[1..]
        )
    }
}
