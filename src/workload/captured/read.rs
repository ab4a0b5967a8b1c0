//! Reading a captured workload file, event by event.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::str::Split;
use std::sync::Arc;
use std::time::Duration;

use super::field::{COMMENT, CONSTANT, value};
use super::model::{CapturedStatement, Event, EventKind, Header, Protocol, Role};
use super::{CapturedError, MAGIC};
use crate::workload::StatementKind;
use crate::workload::log::without_constants;

/// Bytes read at once.
const BUFFER: usize = 1 << 18;

/// An opened captured workload file.
#[derive(Debug)]
pub struct CapturedFile {
    header: Header,
    lines: Lines,
}

/// Its events in the order of their time.
///
/// Ends after the first error.
#[derive(Debug)]
pub struct Events {
    lines: Lines,
    expected: u64,
    found: u64,
    at: Duration,
    statements: HashMap<u32, Arc<CapturedStatement>>,
    over: bool,
}

#[derive(Debug)]
struct Lines {
    file: String,
    reader: BufReader<File>,
    line: Vec<u8>,
    number: u64,
}

impl CapturedFile {
    /// Whether a file that begins with these bytes is a captured workload, of whatever version.
    #[must_use]
    pub fn recognises(first_bytes: &[u8]) -> bool {
        let versionless = MAGIC.trim_end_matches(|c: char| c.is_ascii_digit());
        first_bytes.starts_with(versionless.as_bytes())
    }

    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// The file cannot be read, is no captured workload, one of another version, or its header is
    /// damaged.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CapturedError> {
        let path = path.as_ref();
        let file = path.display().to_string();
        let opened = File::open(path).map_err(|error| CapturedError::Read {
            file: file.clone(),
            error,
        })?;
        let mut lines = Lines {
            file,
            reader: BufReader::with_capacity(BUFFER, opened),
            line: Vec::new(),
            number: 0,
        };
        // Only so much of a file of another kind is read.
        let ours = lines
            .reader
            .fill_buf()
            .map(|head| head.starts_with(MAGIC.as_bytes()) && head.get(MAGIC.len()) == Some(&b'\n'))
            .map_err(|e| CapturedError::Read {
                file: lines.file.clone(),
                error: e,
            })?;
        if !ours {
            return Err(CapturedError::NotCaptured {
                file: lines.file,
                expected: MAGIC,
            });
        }
        lines.next()?;
        lines.next()?;
        let header = serde_json::from_slice(&lines.line)
            .map_err(|_| lines.wrong("expected the JSON object of the header"))?;
        Ok(Self { header, lines })
    }

    /// What the file says about the whole.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Its events.
    #[must_use]
    pub fn events(self) -> Events {
        Events {
            lines: self.lines,
            expected: self.header.events,
            found: 0,
            at: Duration::ZERO,
            statements: HashMap::new(),
            over: false,
        }
    }
}

impl Lines {
    fn unreadable(&self, error: std::io::Error) -> CapturedError {
        CapturedError::Read {
            file: self.file.clone(),
            error,
        }
    }

    fn wrong(&self, problem: &'static str) -> CapturedError {
        CapturedError::Line {
            file: self.file.clone(),
            line: self.number,
            problem,
        }
    }

    /// Reads the next line; false at the end, and for a line that the end cuts off.
    fn next(&mut self) -> Result<bool, CapturedError> {
        self.line.clear();
        let read = self.reader.read_until(b'\n', &mut self.line);
        read.map_err(|e| self.unreadable(e))?;
        self.number += 1;
        Ok(self.line.pop() == Some(b'\n'))
    }
}

impl Iterator for Events {
    type Item = Result<Event, CapturedError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let event = self.read();
        self.over = !matches!(event, Ok(Some(_)));
        event.transpose()
    }
}

impl Events {
    fn read(&mut self) -> Result<Option<Event>, CapturedError> {
        loop {
            if !self.lines.next()? {
                return self.end();
            }
            let wrong = |problem| self.lines.wrong(problem);
            let line =
                std::str::from_utf8(&self.lines.line).map_err(|_| wrong("expected UTF-8 text"))?;
            let mut fields = line.split('\t');
            let tag = fields.next().unwrap_or_default();
            if tag == "Q" {
                let statement = definition(&mut fields).map_err(wrong)?;
                let id = statement.id.unwrap_or_default();
                self.statements.insert(id, Arc::new(statement));
                continue;
            }
            let offset: u64 = number(fields.next()).map_err(wrong)?;
            let session = number(fields.next()).map_err(wrong)?;
            let what = match tag {
                "B" => begin(&mut fields),
                "S" => call(&mut fields, &self.statements),
                "I" => inline_call(&mut fields),
                "E" => Ok(EventKind::End),
                _ => Err("expected a line that begins with Q, B, S, I or E"),
            };
            let what = what.map_err(wrong)?;
            self.at = self.at.saturating_add(Duration::from_micros(offset));
            self.found += 1;
            return Ok(Some(Event {
                at: self.at,
                session,
                what,
            }));
        }
    }

    fn end(&self) -> Result<Option<Event>, CapturedError> {
        if self.found == self.expected {
            return Ok(None);
        }
        Err(CapturedError::CutOff {
            file: self.lines.file.clone(),
            expected: self.expected,
            found: self.found,
        })
    }
}

type Problem = &'static str;

fn number<T: std::str::FromStr>(field: Option<&str>) -> Result<T, Problem> {
    field
        .and_then(|f| f.parse().ok())
        .ok_or("expected a number")
}

fn text(field: Option<&str>) -> Result<Box<str>, Problem> {
    let text = field.and_then(value).ok_or("expected a text")?;
    Ok(text.into())
}

fn optional(field: Option<&str>) -> Result<Option<Box<str>>, Problem> {
    let field = field.ok_or("expected a name or \\N")?;
    Ok(value(field).map(Into::into))
}

fn kind(field: Option<&str>) -> Result<StatementKind, Problem> {
    match field {
        Some("r") => Ok(StatementKind::Read),
        Some("w") => Ok(StatementKind::Write),
        _ => Err("expected r or w"),
    }
}

fn role(field: Option<&str>) -> Result<Role, Problem> {
    field.and_then(Role::of).ok_or("expected q, t or s")
}

fn definition(fields: &mut Split<'_, char>) -> Result<CapturedStatement, Problem> {
    let id = number(fields.next())?;
    let kind = kind(fields.next())?;
    let role = role(fields.next())?;
    let params = number(fields.next())?;
    let template = fields.next().ok_or("expected a template")?;
    let (pieces, normalized) = template_of(template, params);
    let mut statement = CapturedStatement {
        id: Some(id),
        sql: Box::default(),
        normalized,
        kind,
        role,
        params,
        pieces,
    };
    let slots = slots(fields, &statement)?;
    statement.sql = statement.text_of(&slots);
    if slots.is_empty() {
        statement.normalized = without_constants(&statement.sql).into();
    }
    Ok(statement)
}

/// The text between the slots, and the text with placeholders.
fn template_of(template: &str, params: usize) -> (Vec<Box<str>>, Box<str>) {
    let (mut pieces, mut piece) = (Vec::new(), String::new());
    let (mut normalized, mut placeholder) = (String::new(), params);
    let mut characters = template.chars();
    while let Some(character) = characters.next() {
        let plain = match (character, character == '\\') {
            (_, false) => character,
            _ => match characters.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some(slot) if slot == char::from(CONSTANT) => {
                    placeholder += 1;
                    normalized.push('$');
                    normalized.push_str(&placeholder.to_string());
                    pieces.push(std::mem::take(&mut piece).into());
                    continue;
                }
                Some(slot) if slot == char::from(COMMENT) => {
                    pieces.push(std::mem::take(&mut piece).into());
                    continue;
                }
                Some(other) => other,
                None => continue,
            },
        };
        piece.push(plain);
        normalized.push(plain);
    }
    pieces.push(piece.into());
    (pieces, normalized.trim().into())
}

fn slots(
    fields: &mut Split<'_, char>,
    statement: &CapturedStatement,
) -> Result<Vec<Box<str>>, Problem> {
    (0..statement.slots())
        .map(|_| text(fields.next()))
        .collect()
}

fn begin(fields: &mut Split<'_, char>) -> Result<EventKind, Problem> {
    Ok(EventKind::Begin {
        database: optional(fields.next())?,
        user: optional(fields.next())?,
        application: optional(fields.next())?,
    })
}

fn call(
    fields: &mut Split<'_, char>,
    statements: &HashMap<u32, Arc<CapturedStatement>>,
) -> Result<EventKind, Problem> {
    let id: u32 = number(fields.next())?;
    let statement = statements
        .get(&id)
        .ok_or("expected a statement that a Q line above defines")?;
    let took = took(fields.next())?;
    let how = How::of(fields.next())?;
    let text = if how.other_slots {
        let slots = slots(fields, statement)?;
        Some(statement.text_of(&slots))
    } else {
        None
    };
    Ok(EventKind::Statement {
        text,
        params: params(fields, statement.params)?,
        protocol: how.protocol,
        failed: how.failed,
        took,
        statement: Arc::clone(statement),
    })
}

fn inline_call(fields: &mut Split<'_, char>) -> Result<EventKind, Problem> {
    let took = took(fields.next())?;
    let how = How::of(fields.next())?;
    let kind = kind(fields.next())?;
    let role = role(fields.next())?;
    let count = number(fields.next())?;
    let sql = text(fields.next())?;
    Ok(EventKind::Statement {
        text: None,
        params: params(fields, count)?,
        protocol: how.protocol,
        failed: how.failed,
        took,
        statement: Arc::new(CapturedStatement {
            id: None,
            normalized: without_constants(&sql).into(),
            pieces: vec![sql.clone()],
            sql,
            kind,
            role,
            params: count,
        }),
    })
}

fn params(fields: &mut Split<'_, char>, count: usize) -> Result<Vec<Option<Box<str>>>, Problem> {
    let params: Vec<_> = fields.map(|f| value(f).map(Into::into)).collect();
    if params.len() == count {
        Ok(params)
    } else {
        Err("expected as many parameters as the statement has")
    }
}

fn took(field: Option<&str>) -> Result<Option<Duration>, Problem> {
    match field {
        Some("-") => Ok(None),
        field => number(field).map(|us| Some(Duration::from_micros(us))),
    }
}

/// How a call was sent and how it ended.
struct How {
    protocol: Protocol,
    failed: bool,
    other_slots: bool,
}

impl How {
    fn of(field: Option<&str>) -> Result<Self, Problem> {
        let field = field.unwrap_or_default().as_bytes();
        let problem = "expected s, x or p, then ! if it failed, then ~ if slots follow";
        let (first, rest) = field.split_first().ok_or(problem)?;
        let (failed, other_slots) = match rest {
            b"" => (false, false),
            b"!" => (true, false),
            b"~" => (false, true),
            b"!~" => (true, true),
            _ => return Err(problem),
        };
        Ok(Self {
            protocol: Protocol::of(*first).ok_or(problem)?,
            failed,
            other_slots,
        })
    }
}
