//! The lines that wrk and wrk2 have in common.

use std::collections::BTreeMap;

use super::{ImportError, SocketErrors, Summary, TEST_AT};
use crate::import::text::{self, Numbered};

/// Lines with their numbers, and errors that name them.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    pub(super) file: &'a str,
    rest: std::iter::Peekable<std::iter::Enumerate<std::str::Lines<'a>>>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Self {
            file,
            rest: text.lines().enumerate().peekable(),
        }
    }

    /// The first of the coming lines that is wanted.
    ///
    /// # Errors
    /// There is none: the text is cut off.
    pub(super) fn find(
        &mut self,
        wanted: impl Fn(&str) -> bool,
        name: &str,
    ) -> Result<Numbered<'a>, ImportError> {
        for (index, line) in self.rest.by_ref() {
            if wanted(line) {
                return Ok((index as u64 + 1, line));
            }
        }
        Err(ImportError::Truncated {
            file: self.file.to_owned(),
            missing: format!("the line {name} is missing"),
        })
    }

    /// The next line, if it is wanted.
    pub(super) fn next_if(&mut self, wanted: impl Fn(&str) -> bool) -> Option<Numbered<'a>> {
        let (index, line) = self.rest.next_if(|(_, line)| wanted(line))?;
        Some((index as u64 + 1, line))
    }

    /// A line that is not what it should be.
    pub(super) fn wrong(&self, line: Numbered<'_>, expected: &str) -> ImportError {
        text::wrong(self.file, line, expected)
    }
}

/// A time with its unit (`94.00us`, `16.93ms`, `1.20s`, `2.00m`, `1.00h`) in milliseconds; `None` if it is none.
pub(super) fn millis(text: &str) -> Option<f64> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let factor = match &text[unit..] {
        "us" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 60e3,
        "h" => 3600e3,
        _ => return None,
    };
    let value: f64 = text[..unit].parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some(value * factor)
}

/// Reads everything but what only wrk2 prints.
pub(super) fn read(file: &str, text: &str) -> Result<Summary, ImportError> {
    let mut lines = Lines::new(file, text);
    let mut summary = Summary::default();
    let is_first = |line: &str| line.starts_with("Running ") && line.contains(TEST_AT);
    let first = lines.find(is_first, "`Running … test @ …`")?;
    let address = first.1.split(TEST_AT).nth(1).unwrap_or("");
    address.trim().clone_into(&mut summary.address);
    let threads = lines.find(
        |l| l.contains(" threads and "),
        "`… threads and … connections`",
    )?;
    summary.connections = connections(threads.1)
        .ok_or_else(|| lines.wrong(threads, "`2 threads and 10 connections`"))?;
    let latency = lines.find(|l| l.trim_start().starts_with("Latency "), "`Latency`")?;
    (summary.mean, summary.max) = mean_and_max(&lines, latency)?;
    lines.find(|l| l.trim_start().starts_with("Req/Sec "), "`Req/Sec`")?;
    if lines
        .next_if(|l| l.trim_start().starts_with("Latency Distribution"))
        .is_some()
    {
        summary.percentiles = percentiles(&mut lines)?;
    }
    counts(&mut lines, &mut summary)?;
    if let Ok(again) = lines.find(is_first, "") {
        return Err(lines.wrong(again, "the end of one run; give each run its own file"));
    }
    Ok(summary)
}

/// From the number of requests to the rates.
fn counts(lines: &mut Lines<'_>, summary: &mut Summary) -> Result<(), ImportError> {
    let count = lines.find(|l| l.contains(" requests in "), "`… requests in …`")?;
    let number = count
        .1
        .split_whitespace()
        .next()
        .and_then(|n| n.parse().ok());
    summary.requests =
        number.ok_or_else(|| lines.wrong(count, "`5053 requests in 10.02s, 2.36MB read`"))?;
    if let Some(line) = lines.next_if(|l| l.trim_start().starts_with("Socket errors: ")) {
        summary.errors = socket_errors(line.1).ok_or_else(|| {
            lines.wrong(
                line,
                "`Socket errors: connect 0, read 0, write 0, timeout 0`",
            )
        })?;
    }
    if let Some(line) = lines.next_if(|l| l.trim_start().starts_with("Non-2xx or 3xx responses: "))
    {
        let number = line.1.rsplit(' ').next().and_then(|n| n.parse().ok());
        summary.status = number.ok_or_else(|| lines.wrong(line, "a number of responses"))?;
    }
    let rate = lines.find(
        |l| l.trim_start().starts_with("Requests/sec:"),
        "`Requests/sec:`",
    )?;
    summary.seconds = seconds(lines, rate, count, summary.requests)?;
    lines.find(
        |l| l.trim_start().starts_with("Transfer/sec:"),
        "`Transfer/sec:`",
    )?;
    Ok(())
}

fn connections(line: &str) -> Option<u64> {
    let mut words = line.split(" threads and ").nth(1)?.split_whitespace();
    words.next()?.parse().ok()
}

/// The first and third column; wrk2 prints `-nan` where it recorded nothing.
fn mean_and_max(
    lines: &Lines<'_>,
    line: Numbered<'_>,
) -> Result<(Option<f64>, Option<f64>), ImportError> {
    let words: Vec<&str> = line.1.split_whitespace().collect();
    let expected = "`Latency` with three times such as `16.93ms` and a share";
    let [_, mean, _, max, _] = words[..] else {
        return Err(lines.wrong(line, expected));
    };
    if mean.contains("nan") {
        return Ok((None, None));
    }
    let time = |text: &str| millis(text).ok_or_else(|| lines.wrong(line, expected));
    Ok((Some(time(mean)?), Some(time(max)?)))
}

/// The lines `99.900%   12.30ms`.
fn percentiles(lines: &mut Lines<'_>) -> Result<BTreeMap<String, f64>, ImportError> {
    let mut told = BTreeMap::new();
    while let Some(line) = lines.next_if(|l| l.contains('%')) {
        let mut words = line.1.split_whitespace();
        let key = words.next().and_then(|w| w.strip_suffix('%'));
        let ms = words.next().and_then(millis);
        let (Some(key), Some(ms)) = (key.filter(|k| k.parse::<f64>().is_ok()), ms) else {
            return Err(lines.wrong(line, "a percentile such as `99%   64.31ms`"));
        };
        told.insert(plain(key), ms);
    }
    Ok(told)
}

/// `99.900` → `99.9`.
pub(super) fn plain(key: &str) -> String {
    if !key.contains('.') {
        return key.to_owned();
    }
    key.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn socket_errors(line: &str) -> Option<SocketErrors> {
    let count = |name: &str| -> Option<u64> {
        let behind = line.split(name).nth(1)?;
        behind.split(',').next()?.trim().parse().ok()
    };
    Some(SocketErrors {
        connect: count(" connect ")?,
        read: count(" read ")?,
        write: count(" write ")?,
        timeout: count(" timeout ")?,
    })
}

/// From the rate, which has more digits than the time; from the time where the rate is 0.
fn seconds(
    lines: &Lines<'_>,
    rate: Numbered<'_>,
    count: Numbered<'_>,
    requests: u64,
) -> Result<Option<f64>, ImportError> {
    let number = rate
        .1
        .split_whitespace()
        .nth(1)
        .and_then(|r| r.parse::<f64>().ok());
    let number = number.ok_or_else(|| lines.wrong(rate, "`Requests/sec: 504.37`"))?;
    if number > 0.0 && requests > 0 {
        return Ok(Some(requests as f64 / number));
    }
    let time = count
        .1
        .split(" requests in ")
        .nth(1)
        .and_then(|t| t.split(',').next());
    Ok(time.and_then(millis).map(|ms| ms / 1000.0))
}
