//! Calls become entries of the file, each of a statement that is known.

use super::LogError;
use super::capture::{Call, Capture};
use super::classify::Reason;
use super::lexer::{Gap, Lexer, Part};
use super::params;
use super::statements::Found;
use crate::workload::Protocol;
use crate::workload::captured::{Entry, push_field};

impl Capture {
    #[inline]
    pub(super) fn call(&mut self, key: u64, call: &Call<'_>) -> Result<(), LogError> {
        if !self.is_wanted(key) {
            let unknown = self
                .sessions
                .get(&key)
                .is_none_or(|s| s.names.database.is_none());
            self.passed.unknown_database += u64::from(unknown);
            self.passed.unwanted += u64::from(!unknown);
            return Ok(());
        }
        if !self.in_time(call.at) {
            self.passed.unwanted += 1;
            return Ok(());
        }
        let Ok(text) = std::str::from_utf8(call.text) else {
            self.leave_out(Reason::NotUtf8);
            return Ok(());
        };
        let Some(session) = self.sessions.get_mut(&key) else {
            return Ok(());
        };
        session.ready = None;
        // The clock of the log has milliseconds, a duration has microseconds: the order of a session
        // is that of its lines.
        let authorized = session.authorized.unwrap_or(i64::MIN);
        let at = call.at.max(session.cursor).max(authorized);
        session.cursor = at;
        let number = match session.number {
            Some(number) => number,
            None => self.begin(key, at)?,
        };
        if call.protocol != Protocol::Simple
            && let Some(index) = self.statements.by_text(call.text)
        {
            return self.known(number, at, call, index, None, call.took_us);
        }
        self.new_text(number, at, call, text)
    }

    /// A call of a text that has to be read.
    fn new_text(
        &mut self,
        number: u64,
        at: i64,
        call: &Call<'_>,
        text: &str,
    ) -> Result<(), LogError> {
        let mut lexer = std::mem::take(&mut self.lexer);
        if !lexer.read(text.as_bytes()) {
            // Sent as it is, it fails as it did.
            lexer.whole(text.as_bytes());
        }
        if holds_code(text) {
            lexer.without_gaps(text);
        }
        if lexer.parts.is_empty() {
            self.passed.empty += 1;
        }
        let last = lexer.parts.len().saturating_sub(1);
        let mut done = Ok(());
        for (index, part) in lexer.parts.iter().enumerate() {
            let took = call.took_us.filter(|_| index == last);
            done = done.and_then(|()| self.part(number, at, call, text, (&lexer, part), took));
        }
        self.lexer = lexer;
        done
    }

    fn part(
        &mut self,
        number: u64,
        at: i64,
        call: &Call<'_>,
        text: &str,
        (lexer, part): (&Lexer, &Part),
        took_us: Option<u64>,
    ) -> Result<(), LogError> {
        let gaps = &lexer.gaps[part.gaps.0 as usize..part.gaps.1 as usize];
        let found = self
            .statements
            .find(text, part, gaps, call.failed, &mut self.writer);
        match found {
            Found::Known(index, differs) => {
                let whole = part.from == 0 && part.to as usize == text.len();
                if call.protocol != Protocol::Simple && !differs && whole {
                    self.statements.remember_text(index);
                }
                let gaps = differs.then_some((text.as_bytes(), gaps));
                self.known(number, at, call, index, gaps, took_us)
            }
            Found::Unknown(class) => {
                self.statements.unknown.add(call.failed, took_us);
                if let Some(reason) = class.left_out {
                    self.leave_out(reason);
                    return Ok(());
                }
                let entry = entry(number, call, took_us);
                let sql = &text.as_bytes()[part.from as usize..part.to as usize];
                let count = part.params as usize;
                let (kind, role) = (class.kind, class.role);
                let line = self
                    .writer
                    .inline_call_begins(&entry, kind, role, count, sql);
                let pushed = push_params(line, call.list, count);
                self.close(at, call.failed, pushed)
            }
        }
    }

    #[inline]
    fn known(
        &mut self,
        number: u64,
        at: i64,
        call: &Call<'_>,
        index: usize,
        gaps: Option<(&[u8], &[Gap])>,
        took_us: Option<u64>,
    ) -> Result<(), LogError> {
        let known = &mut self.statements.list[index];
        known.tally.add(call.failed, took_us);
        if let Some(reason) = known.left_out {
            self.leave_out(reason);
            return Ok(());
        }
        let entry = entry(number, call, took_us);
        let id = known.id.unwrap_or_default();
        let line = self.writer.call_begins(&entry, id, gaps.is_some());
        if let Some((text, gaps)) = gaps {
            for gap in gaps {
                push_field(line, &text[gap.from as usize..gap.to as usize]);
            }
        }
        let pushed = push_params(line, call.list, known.params);
        self.close(at, call.failed, pushed)
    }

    #[inline]
    fn close(&mut self, at: i64, failed: bool, pushed: Result<(), Reason>) -> Result<(), LogError> {
        match pushed {
            Ok(()) => Ok(self.writer.call_ends(at, failed)?),
            Err(reason) => {
                self.writer.abandon();
                self.leave_out(reason);
                Ok(())
            }
        }
    }

    fn leave_out(&mut self, reason: Reason) {
        self.passed.left_out[reason as usize] += 1;
    }
}

fn entry(session: u64, call: &Call<'_>, took_us: Option<u64>) -> Entry {
    Entry {
        session,
        took_us,
        protocol: call.protocol,
        failed: call.failed,
    }
}

#[inline]
fn push_params(line: &mut Vec<u8>, list: &[u8], count: usize) -> Result<(), Reason> {
    if count == 0 {
        return Ok(());
    }
    if std::str::from_utf8(list).is_err() {
        return Err(Reason::NotUtf8);
    }
    params::push(line, list, count)
}

/// DO and CREATE hold code: their constants make other statements of them, and semicolons in the
/// body of a function end no statement.
fn holds_code(text: &str) -> bool {
    let word: &[u8] = text.trim_start().as_bytes();
    let is = |name: &[u8]| {
        word.get(..name.len())
            .is_some_and(|w| w.eq_ignore_ascii_case(name))
            && word
                .get(name.len())
                .is_some_and(|c| !c.is_ascii_alphanumeric() && *c != b'_')
    };
    is(b"do") || is(b"create")
}

#[cfg(test)]
mod tests;
