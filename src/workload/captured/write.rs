//! Writing a captured workload file.

use std::io::{self, Write};

use jiff::Timestamp;

use super::field::{COMMENT, CONSTANT, push_digits, push_escaped};
use super::sort::{MEMORY, Sorter};
use super::{CapturedError, Header, MAGIC, Protocol, Role, push_field, push_null, push_number};
use crate::workload::StatementKind;

/// Bytes gathered before they are written.
const BUFFER: usize = 1 << 18;

/// A statement as the file defines it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Definition<'a> {
    pub(crate) kind: StatementKind,
    pub(crate) role: Role,
    pub(crate) params: usize,
    /// The text before each slot, whether the slot is a comment, and its first value.
    pub(crate) parts: &'a [(&'a [u8], bool, &'a [u8])],
    /// The text behind the last slot.
    pub(crate) tail: &'a [u8],
}

/// A call without its slot values and parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) session: u64,
    pub(crate) took_us: Option<u64>,
    pub(crate) protocol: Protocol,
    pub(crate) failed: bool,
}

/// Gathers statements and events, then writes the file in one pass.
#[derive(Debug)]
pub(crate) struct CapturedWriter {
    sorter: Sorter,
    definitions: Vec<u8>,
    statements: u32,
    events: u64,
    calls: u64,
    failed: u64,
    sessions: u64,
    writes: bool,
    span: Option<(i64, i64)>,
}

impl CapturedWriter {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self::with_memory(MEMORY)
    }

    /// With another budget of memory.
    pub(crate) fn with_memory(bytes: usize) -> Self {
        Self {
            sorter: Sorter::new(bytes),
            definitions: Vec::new(),
            statements: 0,
            events: 0,
            calls: 0,
            failed: 0,
            sessions: 0,
            writes: false,
            span: None,
        }
    }

    /// Defines a statement; the number by which calls refer to it.
    pub(crate) fn define(&mut self, statement: &Definition<'_>) -> u32 {
        let id = self.statements;
        self.statements += 1;
        self.writes |= statement.kind == StatementKind::Write;
        let line = &mut self.definitions;
        line.push(b'Q');
        push_number(line, u64::from(id));
        push_field(line, kind_letter(statement.kind));
        push_field(line, &[statement.role.letter()]);
        push_number(line, statement.params as u64);
        line.push(b'\t');
        for (before, is_comment, _) in statement.parts {
            push_escaped(line, before);
            line.extend_from_slice(&[b'\\', if *is_comment { COMMENT } else { CONSTANT }]);
        }
        push_escaped(line, statement.tail);
        for (_, _, value) in statement.parts {
            push_field(line, value);
        }
        line.push(b'\n');
        id
    }

    /// A session begins.
    pub(crate) fn session_begins(
        &mut self,
        at: i64,
        session: u64,
        names: [Option<&[u8]>; 3],
    ) -> io::Result<()> {
        self.sessions += 1;
        let line = self.sorter.begin();
        line.push(b'B');
        push_number(line, session);
        for name in names {
            match name {
                Some(name) => push_field(line, name),
                None => push_null(line),
            }
        }
        self.end(at)
    }

    /// A session ends.
    pub(crate) fn session_ends(&mut self, at: i64, session: u64) -> io::Result<()> {
        let line = self.sorter.begin();
        line.push(b'E');
        push_number(line, session);
        self.end(at)
    }

    /// Begins a call of a defined statement; its slot values (where they are not the first ones) and
    /// parameters are added to what is returned, then comes `call_ends` or `abandon`.
    pub(crate) fn call_begins(
        &mut self,
        entry: &Entry,
        statement: u32,
        other_slots: bool,
    ) -> &mut Vec<u8> {
        let line = self.sorter.begin();
        line.push(b'S');
        push_number(line, entry.session);
        push_number(line, u64::from(statement));
        push_how(line, entry);
        if other_slots {
            line.push(b'~');
        }
        line
    }

    /// Begins a call whose statement is not defined; its parameters are added to what is returned.
    pub(crate) fn inline_call_begins(
        &mut self,
        entry: &Entry,
        kind: StatementKind,
        role: Role,
        params: usize,
        sql: &[u8],
    ) -> &mut Vec<u8> {
        self.writes |= kind == StatementKind::Write;
        let line = self.sorter.begin();
        line.push(b'I');
        push_number(line, entry.session);
        push_how(line, entry);
        push_field(line, kind_letter(kind));
        push_field(line, &[role.letter()]);
        push_number(line, params as u64);
        push_field(line, sql);
        line
    }

    /// The call is complete.
    pub(crate) fn call_ends(&mut self, at: i64, failed: bool) -> io::Result<()> {
        self.calls += 1;
        self.failed += u64::from(failed);
        self.end(at)
    }

    /// The call that was begun is none.
    pub(crate) fn abandon(&mut self) {
        self.sorter.abandon();
    }

    fn end(&mut self, at: i64) -> io::Result<()> {
        self.events += 1;
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
        self.sorter.end(at)
    }

    /// Calls so far.
    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }

    /// Writes the file. What the header says about sources, databases and what was left out is taken
    /// from `header`, the rest is filled in.
    ///
    /// # Errors
    /// The file, or a temporary one, cannot be written.
    pub(crate) fn finish(
        self,
        mut header: Header,
        out: &mut dyn Write,
    ) -> Result<Header, CapturedError> {
        let (first, last) = self.span.unwrap_or_default();
        header.started_at = Timestamp::from_microsecond(first).unwrap_or(Timestamp::UNIX_EPOCH);
        header.span_us = last.abs_diff(first);
        header.sessions = self.sessions;
        header.statements = u64::from(self.statements);
        header.events = self.events;
        header.calls = self.calls;
        header.failed = self.failed;
        header.writes = self.writes;
        let json = serde_json::to_string(&header).map_err(io::Error::from)?;
        let mut bytes = Vec::with_capacity(BUFFER + (1 << 16));
        writeln!(bytes, "{MAGIC}\n{json}")?;
        out.write_all(&bytes)?;
        out.write_all(&self.definitions)?;
        bytes.clear();
        let mut before = first;
        self.sorter.drain(|at, entry| {
            let (tag, rest) = entry.split_first().unwrap_or((&b'E', entry));
            bytes.extend_from_slice(&[*tag, b'\t']);
            push_digits(&mut bytes, at.abs_diff(before));
            bytes.extend_from_slice(rest);
            bytes.push(b'\n');
            before = at;
            if bytes.len() >= BUFFER {
                out.write_all(&bytes)?;
                bytes.clear();
            }
            Ok(())
        })?;
        out.write_all(&bytes)?;
        out.flush()?;
        Ok(header)
    }
}

fn kind_letter(kind: StatementKind) -> &'static [u8] {
    match kind {
        StatementKind::Read => b"r",
        StatementKind::Write => b"w",
    }
}

fn push_how(line: &mut Vec<u8>, entry: &Entry) {
    match entry.took_us {
        Some(took) => push_number(line, took),
        None => line.extend_from_slice(b"\t-"),
    }
    line.extend_from_slice(&[b'\t', entry.protocol.letter()]);
    if entry.failed {
        line.push(b'!');
    }
}

#[cfg(test)]
mod tests;
