//! The text `simulation.log`: a record a line, parted by tabs.
//!
//! `RUN`, `USER … START|END`, `REQUEST … groups name start end OK|KO message`, `GROUP`, `ERROR`, `ASSERTION`. What
//! stands before the groups of a request changed: scenario and user up to 2, the user up to 3.3, nothing after.

use std::time::Duration;

use super::origin;
use crate::import::recognise::Found;
use crate::import::table::tame;
use crate::import::tally::{Clock, Request, Tally};
use crate::import::{ImportError, Source};
use crate::record::load::PercentileMethod;

/// Places at which the status of a request may stand.
const STATUS_AT: std::ops::RangeInclusive<usize> = 5..=7;

/// Fields of the first record, and where its version stands.
const RUN_FIELDS: usize = 6;

pub(in crate::import) fn recognises(head: &str) -> bool {
    let first = head.split('\t').next();
    let begins = matches!(first, Some("RUN" | "ASSERTION"));
    begins
        && head
            .lines()
            .any(|l| l.starts_with("RUN\t") && l.split('\t').count() >= RUN_FIELDS)
}

/// What is known beside the requests.
#[derive(Debug, Default)]
struct Beside {
    version: Option<String>,
    users: u32,
    has_users: bool,
    errors: u64,
}

/// Reads the file, line after line.
pub(in crate::import) fn read(source: Source<'_>) -> Result<Found, ImportError> {
    let mut lines = source.lines();
    let file = lines.name().to_owned();
    let mut tally = Tally::new(&file, Clock::Unix);
    let mut beside = Beside::default();
    while let Some(line) = lines.next()? {
        if !line.ended {
            return Err(ImportError::Truncated {
                file,
                missing: format!("line {} has no end", line.number),
            });
        }
        let fields: Vec<&str> = line.text.split('\t').collect();
        let wrong = |found: &str, expected: &str| ImportError::Line {
            file: file.clone(),
            line: line.number,
            found: found.to_owned(),
            expected: expected.to_owned(),
        };
        match fields[0] {
            "RUN" if beside.version.is_some() => {
                return Err(wrong(
                    "a second RUN",
                    "the end of one run; give each run its own file",
                ));
            }
            "RUN" => beside.version = fields.last().map(|version| tame(version.trim())),
            "USER" => beside.add_user(&fields),
            "REQUEST" => {
                let request = request(&fields).ok_or_else(|| {
                    wrong(
                        "a REQUEST that is not one",
                        "groups, name, start, end, OK or KO, and message",
                    )
                })?;
                request.add_to(&mut tally, line.number, &beside)?;
            }
            "ERROR" => beside.errors += 1,
            "GROUP" | "ASSERTION" | "" => {}
            other => {
                let found: String = other.chars().take(40).collect();
                return Err(wrong(
                    &format!("`{}`", tame(&found)),
                    "a record of Gatling, such as REQUEST",
                ));
            }
        }
    }
    if tally.is_empty() {
        return Err(ImportError::Truncated {
            file,
            missing: "there is no request in it".to_owned(),
        });
    }
    let mut source = origin(&file, PercentileMethod::Histogram);
    source.version = beside.version.filter(|version| !version.is_empty());
    if beside.errors > 0 {
        source.warnings.push(format!(
            "the simulation had {} error(s) that are no requests",
            beside.errors
        ));
    }
    Ok(Found::Load(tally.finish(source)))
}

impl Beside {
    fn add_user(&mut self, fields: &[&str]) {
        self.has_users = true;
        if fields.contains(&"START") {
            self.users += 1;
        } else {
            self.users = self.users.saturating_sub(1);
        }
    }
}

/// One request.
#[derive(Debug)]
struct Told<'a> {
    groups: &'a str,
    name: &'a str,
    start: u64,
    end: u64,
    ok: bool,
    message: &'a str,
}

fn request<'a>(fields: &[&'a str]) -> Option<Told<'a>> {
    let at = STATUS_AT
        .into_iter()
        .find(|at| matches!(fields.get(*at), Some(&"OK" | &"KO")))?;
    let (start, end) = (fields[at - 2].parse().ok()?, fields[at - 1].parse().ok()?);
    if end < start {
        return None;
    }
    Some(Told {
        groups: fields[at - 4],
        name: fields[at - 3],
        start,
        end,
        ok: fields[at] == "OK",
        message: fields.get(at + 1).map_or("", |message| message.trim()),
    })
}

impl Told<'_> {
    fn add_to(&self, tally: &mut Tally, line: u64, beside: &Beside) -> Result<(), ImportError> {
        let name = if self.groups.is_empty() {
            self.name.to_owned()
        } else {
            // As the report writes it.
            format!("{} / {}", self.groups.replace(',', " / "), self.name)
        };
        let why = if self.message.is_empty() {
            "KO"
        } else {
            self.message
        };
        tally.add(
            line,
            &Request {
                name: Some(&name),
                started_ms: Some(self.start as f64),
                latency: Duration::from_millis(self.end - self.start),
                failure: (!self.ok).then_some(why),
                phases: None,
                users: beside.has_users.then_some(beside.users),
            },
        )
    }
}
