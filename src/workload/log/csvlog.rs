//! csvlog: one record per CSV row, with line ends as they are inside of quotes.

use super::input::Step;
use super::prefix::session_id;
use super::record::{Escape, Raw, Record, Severity};
use super::time::Clock;

/// Columns of PostgreSQL 13, and of 14 and later.
const COLUMNS: [usize; 2] = [24, 26];

/// Most columns that are looked at.
const MOST: usize = COLUMNS[1];

const USER: usize = 1;
const DATABASE: usize = 2;
const PID: usize = 3;
const SESSION: usize = 5;
const SEVERITY: usize = 11;
const MESSAGE: usize = 13;
const DETAIL: usize = 14;
const CONTEXT: usize = 18;
const QUERY: usize = 19;
const APPLICATION: usize = 22;
const BACKEND_TYPE: usize = 23;

/// Reads one file.
#[derive(Debug, Default)]
pub(super) struct Csvlog {
    pub(super) clock: Clock,
    broken: bool,
}

/// Where the fields of a row are.
struct Row {
    fields: [(u32, u32, bool); MOST],
    next: usize,
}

/// Why there is no row at the start of a buffer.
enum NoRow {
    /// Its end cannot be seen yet.
    More,
    /// Something else is.
    Damaged,
}

impl Csvlog {
    /// Reads the record at the start of `buffer`. Without `last`, more bytes follow.
    #[inline]
    pub(super) fn step<'a>(&mut self, buffer: &'a [u8], last: bool) -> Step<'a> {
        let Some((at, _)) = self.clock.read(buffer) else {
            // A timestamp has at most 32 bytes.
            if buffer.len() < 32 && !last {
                return Step::More;
            }
            return self.damaged(buffer, last);
        };
        let row = match cut(buffer, last) {
            Ok(row) => row,
            Err(NoRow::More) => return Step::More,
            Err(NoRow::Damaged) => return self.damaged(buffer, last),
        };
        let field = |index: usize| {
            let (from, to, _) = row.fields[index];
            &buffer[from as usize..to as usize]
        };
        let raw = |index: usize| Raw {
            bytes: field(index),
            escape: row.fields[index].2.then_some(Escape::Quotes),
        };
        let name = |index: usize| Some(field(index)).filter(|name| !name.is_empty());
        let severity = match field(SEVERITY) {
            b"LOG" => Severity::Log,
            b"ERROR" => Severity::Failed,
            b"FATAL" | b"PANIC" => Severity::Fatal,
            b"DEBUG1" | b"DEBUG2" | b"DEBUG3" | b"DEBUG4" | b"DEBUG5" | b"INFO" | b"NOTICE"
            | b"WARNING" => Severity::Other,
            _ => return self.damaged(buffer, last),
        };
        let pid = field(PID).iter().try_fold(0u32, |value, digit| {
            let digit = digit.is_ascii_digit().then(|| u32::from(digit - b'0'))?;
            value.checked_mul(10)?.checked_add(digit)
        });
        let (Some(pid), Some((session, _))) = (pid, session_id(field(SESSION))) else {
            return self.damaged(buffer, last);
        };
        self.broken = false;
        let record = Record {
            at,
            pid,
            session,
            user: name(USER),
            database: name(DATABASE),
            application: name(APPLICATION),
            client: field(BACKEND_TYPE) == b"client backend",
            severity,
            message: raw(MESSAGE),
            detail: raw(DETAIL),
            context: raw(CONTEXT),
            statement: raw(QUERY),
        };
        Step::Record(record, row.next)
    }

    /// Passes to the next line. All lines up to the next row are one damage.
    fn damaged<'a>(&mut self, buffer: &'a [u8], last: bool) -> Step<'a> {
        let next = match memchr::memchr(b'\n', buffer) {
            Some(at) => at + 1,
            None if last => buffer.len(),
            None => return Step::More,
        };
        if std::mem::replace(&mut self.broken, true) {
            Step::Passed(next)
        } else {
            Step::Damaged(next)
        }
    }
}

/// Cuts the row at the start of `buffer` into its fields.
#[inline]
fn cut(buffer: &[u8], last: bool) -> Result<Row, NoRow> {
    let mut fields = [(0u32, 0u32, false); MOST];
    let (mut count, mut at) = (0, 0);
    loop {
        let (from, to, doubled, end);
        if buffer.get(at) == Some(&b'"') {
            let Some((close, twice)) = closing(buffer, at + 1) else {
                return Err(if last { NoRow::Damaged } else { NoRow::More });
            };
            (from, to, doubled, end) = (at + 1, close, twice, close + 1);
        } else {
            let rest = buffer.get(at..).unwrap_or_default();
            let Some(length) = rest.iter().position(|c| matches!(c, b',' | b'\n' | b'"')) else {
                // The last line of a file is complete only with its end.
                return Err(if last { NoRow::Damaged } else { NoRow::More });
            };
            (from, to, doubled, end) = (at, at + length, false, at + length);
        }
        if count == MOST {
            return Err(NoRow::Damaged);
        }
        let (Ok(start), Ok(stop)) = (u32::try_from(from), u32::try_from(to)) else {
            return Err(NoRow::Damaged);
        };
        fields[count] = (start, stop, doubled);
        count += 1;
        match buffer.get(end) {
            Some(b',') => at = end + 1,
            Some(b'\n') if COLUMNS.contains(&count) => {
                return Ok(Row {
                    fields,
                    next: end + 1,
                });
            }
            None if !last => return Err(NoRow::More),
            _ => return Err(NoRow::Damaged),
        }
    }
}

/// The closing quote of a field that begins at `from`, and whether quotes are doubled in it.
#[inline]
fn closing(buffer: &[u8], from: usize) -> Option<(usize, bool)> {
    let (mut at, mut doubled) = (from, false);
    loop {
        at += memchr::memchr(b'"', buffer.get(at..)?)?;
        match buffer.get(at + 1) {
            Some(b'"') => {
                doubled = true;
                at += 2;
            }
            // At the end of the buffer the next byte may be the second of two quotes.
            None => return None,
            Some(_) => return Some((at, doubled)),
        }
    }
}
