//! One hit a line as JSON (`vegeta encode --to json`).

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use super::{Hit, origin};
use crate::import::json::keys_at_top;
use crate::import::recognise::Found;
use crate::import::table::tame;
use crate::import::tally::{Clock, Tally};
use crate::import::{ImportError, Source};
use crate::record::load::PercentileMethod;

#[derive(Debug, Deserialize)]
struct Line<'a> {
    code: u16,
    timestamp: Timestamp,
    /// Nanoseconds.
    latency: u64,
    #[serde(borrow, default)]
    error: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    url: Option<Cow<'a, str>>,
}

pub(in crate::import) fn recognises(head: &str) -> bool {
    let keys = keys_at_top(head);
    ["seq", "code", "timestamp", "latency"]
        .iter()
        .all(|key| keys.contains(key))
}

/// Reads the file, line after line.
pub(in crate::import) fn read(source: Source<'_>) -> Result<Found, ImportError> {
    let mut lines = source.lines();
    let file = lines.name().to_owned();
    let mut tally = Tally::new(&file, Clock::Unix);
    while let Some(line) = lines.next()? {
        if line.text.trim().is_empty() {
            continue;
        }
        if !line.ended {
            return Err(ImportError::Truncated {
                file,
                missing: format!("line {} has no end", line.number),
            });
        }
        let told: Line<'_> = serde_json::from_str(line.text).map_err(|e| ImportError::Line {
            file: file.clone(),
            line: line.number,
            found: tame(&e.to_string()),
            expected: "one hit as `vegeta encode` writes it".to_owned(),
        })?;
        let hit = Hit {
            code: told.code,
            started_ns: told.timestamp.as_nanosecond(),
            latency: Duration::from_nanos(told.latency),
            error: told.error.as_deref().unwrap_or(""),
            method: told.method.as_deref().unwrap_or(""),
            address: told.url.as_deref().unwrap_or(""),
        };
        hit.add_to(&mut tally, line.number)?;
    }
    let source = origin(&file, PercentileMethod::Histogram);
    Ok(Found::Load(tally.finish(source)))
}
