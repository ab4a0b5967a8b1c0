//! jsonlog: one JSON object per line, without keys that have no value.

use super::input::Step;
use super::prefix::session_id;
use super::record::{Escape, Raw, Record, Severity};
use super::time::Clock;

/// Reads one file.
#[derive(Debug, Default)]
pub(super) struct Jsonlog {
    pub(super) clock: Clock,
}

impl Jsonlog {
    /// Reads the record at the start of `buffer`. Without `last`, more bytes follow.
    pub(super) fn step<'a>(&mut self, buffer: &'a [u8], last: bool) -> Step<'a> {
        let (line, next) = match memchr::memchr(b'\n', buffer) {
            Some(at) => (&buffer[..at], at + 1),
            None if last => (buffer, buffer.len()),
            None => return Step::More,
        };
        match self.record(line) {
            Some(record) => Step::Record(record, next),
            None => Step::Damaged(next),
        }
    }

    fn record<'a>(&mut self, line: &'a [u8]) -> Option<Record<'a>> {
        let mut record = Record {
            at: 0,
            pid: 0,
            session: 0,
            user: None,
            database: None,
            application: None,
            client: true,
            severity: Severity::Other,
            message: Raw::EMPTY,
            detail: Raw::EMPTY,
            context: Raw::EMPTY,
            statement: Raw::EMPTY,
        };
        let mut known = (false, false);
        let mut rest = line.strip_prefix(b"{")?;
        loop {
            let (key, after) = string(rest)?;
            let (value, after) = value(after.strip_prefix(b":")?)?;
            match key.bytes {
                b"timestamp" => {
                    record.at = self.clock.read_all(value.bytes)?;
                    known.0 = true;
                }
                b"pid" => record.pid = std::str::from_utf8(value.bytes).ok()?.parse().ok()?,
                b"session_id" => record.session = session_id(value.bytes)?.0,
                b"user" => record.user = Some(value.bytes),
                b"dbname" => record.database = Some(value.bytes),
                b"application_name" => record.application = Some(value.bytes),
                b"backend_type" => record.client = value.bytes == b"client backend",
                b"error_severity" => {
                    record.severity = match value.bytes {
                        b"LOG" => Severity::Log,
                        b"ERROR" => Severity::Failed,
                        b"FATAL" | b"PANIC" => Severity::Fatal,
                        _ => Severity::Other,
                    };
                    known.1 = true;
                }
                b"message" => record.message = value,
                b"detail" => record.detail = value,
                b"context" => record.context = value,
                b"statement" => record.statement = value,
                _ => {}
            }
            match after {
                [b',', more @ ..] => rest = more,
                [b'}'] | [b'}', b'\r'] => break,
                _ => return None,
            }
        }
        (known == (true, true)).then_some(record)
    }
}

/// A string at the start of `text`, and what follows it.
#[inline]
fn string(text: &[u8]) -> Option<(Raw<'_>, &[u8])> {
    let inside = text.strip_prefix(b"\"")?;
    let mut escape = None;
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', &inside[at..])?;
        if inside[at] == b'"' {
            break;
        }
        escape = Some(Escape::Json);
        at += 2;
        if at > inside.len() {
            return None;
        }
    }
    let bytes = &inside[..at];
    Some((Raw { bytes, escape }, &inside[at + 1..]))
}

/// A string or a number, and what follows it.
#[inline]
fn value(text: &[u8]) -> Option<(Raw<'_>, &[u8])> {
    if text.first() == Some(&b'"') {
        return string(text);
    }
    let length = text.iter().position(|c| matches!(c, b',' | b'}'))?;
    let (bytes, rest) = text.split_at(length);
    let number = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'+' | b'.');
    let raw = Raw {
        bytes,
        escape: None,
    };
    (length > 0 && bytes.iter().all(number)).then_some((raw, rest))
}
