//! The logs, and what was captured from them.

use std::path::{Path, PathBuf};

use dbperf::record::CaptureSummary;
use dbperf::workload::{CapturedFile, Event, LogError, LogOptions};
use serde_json::Value;

/// Versions of which there are logs.
pub(crate) const VERSIONS: [&str; 5] = ["13", "15", "16", "17", "18"];

/// A log as a captured workload.
pub(crate) struct Captured {
    pub(crate) summary: CaptureSummary,
    pub(crate) events: Vec<Event>,
}

pub(crate) fn folder(version: &str) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pglog");
    fixtures.join(version)
}

/// The log of a run, unpacked.
pub(crate) fn bytes(version: &str, file: &str) -> Vec<u8> {
    let path = folder(version).join(format!("{file}.gz"));
    let packed = std::fs::File::open(path).unwrap();
    let mut bytes = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(packed);
    std::io::Read::read_to_end(&mut reader, &mut bytes).unwrap();
    bytes
}

pub(crate) fn truth(version: &str) -> Value {
    let text = std::fs::read(folder(version).join("truth.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

pub(crate) fn capture(options: &LogOptions) -> Result<Captured, LogError> {
    let out = tempfile::NamedTempFile::new().unwrap();
    let read = options.read(&mut |_| {})?;
    let summary = read.write(&mut out.as_file())?;
    let file = CapturedFile::open(out.path())?;
    assert_eq!(file.header().calls, summary.calls);
    assert_eq!(file.header().sessions, summary.sessions);
    let events = file.events().collect::<Result<_, _>>()?;
    Ok(Captured { summary, events })
}

/// A file of the fixtures.
pub(crate) fn of(version: &str, file: &str) -> Captured {
    let path = folder(version).join(format!("{file}.gz"));
    let options = LogOptions {
        files: vec![path],
        ..LogOptions::default()
    };
    let captured = capture(&options);
    captured.unwrap_or_else(|e| panic!("{version}/{file}: {e}"))
}

/// Bytes as a file.
pub(crate) fn of_bytes(bytes: &[u8]) -> Result<Captured, LogError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    capture(&LogOptions {
        files: vec![file.path().to_owned()],
        ..LogOptions::default()
    })
}
