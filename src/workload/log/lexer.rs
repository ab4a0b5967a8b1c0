//! Constants and comments of a statement, by PostgreSQL's lexical rules, in one pass.
//!
//! Texts that differ in nothing else are one statement: they have the same hash, and what differs
//! stands in slots. The full parser then sees each distinct statement once.

#![expect(
    clippy::cast_possible_truncation,
    reason = "no text is read whose length does not fit 32 bits, and the tables have 256 places"
)]

use super::hash::Hasher;

/// A part of the text that may differ between calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) comment: bool,
}

/// One statement of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// From its first byte that is not blank to its last one, without the semicolon.
    pub(super) from: u32,
    pub(super) to: u32,
    /// Its gaps, as a range of the list of gaps.
    pub(super) gaps: (u32, u32),
    /// Hash of everything but the gaps.
    pub(super) hash: u64,
    /// Highest `$n`.
    pub(super) params: u32,
}

/// Reads texts; keeps its lists from one to the next.
#[derive(Debug, Default)]
pub(super) struct Lexer {
    pub(super) gaps: Vec<Gap>,
    pub(super) parts: Vec<Part>,
}

/// A text with `$n` for constants, numbered after its parameters, and without comments; for a report,
/// which shows no data.
pub(in crate::workload) fn without_constants(text: &str) -> String {
    let mut lexer = Lexer::default();
    if !lexer.read(text.as_bytes()) {
        return "(a text whose quotes do not close)".to_owned();
    }
    let params = lexer.parts.iter().map(|part| part.params).max();
    let mut placeholder = params.unwrap_or_default();
    let (mut shown, mut at) = (String::new(), 0);
    for gap in &lexer.gaps {
        shown.push_str(&text[at..gap.from as usize]);
        if !gap.comment {
            placeholder += 1;
            shown.push('$');
            shown.push_str(&placeholder.to_string());
        }
        at = gap.to as usize;
    }
    shown.push_str(&text[at..]);
    shown.trim().to_owned()
}

/// What a byte begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Blank,
    Word,
    Digit,
    Other,
    /// `'`, `"`, `$`, `-`, `/`, `.`, `;`, `(`, `)`
    Special,
}

const CLASSES: [Class; 256] = {
    let mut table = [Class::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        let c = byte as u8;
        table[byte] = match c {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => Class::Blank,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80..=0xff => Class::Word,
            b'0'..=b'9' => Class::Digit,
            b'\'' | b'"' | b'$' | b'-' | b'/' | b'.' | b';' | b'(' | b')' => Class::Special,
            _ => Class::Other,
        };
        byte += 1;
    }
    table
};

/// Whether a byte goes on in a name: a letter, a digit, `_` or `$`.
const NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let c = byte as u8;
        table[byte] = matches!(CLASSES[byte], Class::Word | Class::Digit) || c == b'$';
        byte += 1;
    }
    table
};

fn class(byte: u8) -> Class {
    CLASSES[byte as usize]
}

/// One text under the lexer.
struct Run<'a> {
    text: &'a [u8],
    at: usize,
    /// First and last byte of the statement that count.
    begin: Option<usize>,
    end: usize,
    /// Where the part behind the last gap begins.
    piece: usize,
    hasher: Hasher,
    params: u32,
    first_gap: usize,
    /// Something but comments was seen.
    solid: bool,
}

impl Lexer {
    /// Cuts a text into statements. False where a string, a comment or a name is not closed: then
    /// the parts are not to be used.
    pub(super) fn read(&mut self, text: &[u8]) -> bool {
        self.gaps.clear();
        self.parts.clear();
        if u32::try_from(text.len()).is_err() {
            return false;
        }
        let mut run = Run {
            text,
            at: 0,
            begin: None,
            end: 0,
            piece: 0,
            hasher: Hasher::new(),
            params: 0,
            first_gap: 0,
            solid: false,
        };
        let mut depth = 0u32;
        while let Some(&byte) = text.get(run.at) {
            let from = run.at;
            match class(byte) {
                Class::Blank => {
                    run.at += 1;
                    continue;
                }
                Class::Word => {
                    run.at = name_end(text, from + 1);
                    if text.get(run.at) == Some(&b'\'') && run.prefixed(from, self).is_none() {
                        return false;
                    }
                    if text.get(run.at) == Some(&b'&') && run.unicode(from, self).is_none() {
                        return false;
                    }
                }
                Class::Digit => run.number(from, self),
                Class::Other => run.at += 1,
                Class::Special => match byte {
                    b'\'' => {
                        if run.string(from, false, self).is_none() {
                            return false;
                        }
                    }
                    b'"' => {
                        let Some(end) = quoted(text, from + 1, b'"') else {
                            return false;
                        };
                        run.at = end;
                    }
                    b'$' => {
                        if run.dollar(from, self).is_none() {
                            return false;
                        }
                    }
                    b'-' if text.get(from + 1) == Some(&b'-') => {
                        let rest = &text[from..];
                        let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                        run.comment(from, from + end, self);
                        continue;
                    }
                    b'/' if text.get(from + 1) == Some(&b'*') => {
                        let Some(end) = comment_end(text, from) else {
                            return false;
                        };
                        run.comment(from, end, self);
                        continue;
                    }
                    b'.' if text.get(from + 1).is_some_and(u8::is_ascii_digit) => {
                        run.number(from, self);
                    }
                    b';' if depth == 0 => {
                        run.finish(self);
                        run.at = from + 1;
                        run.piece = run.at;
                        continue;
                    }
                    b'(' => {
                        depth += 1;
                        run.at += 1;
                    }
                    b')' => {
                        depth = depth.saturating_sub(1);
                        run.at += 1;
                    }
                    _ => run.at += 1,
                },
            }
            run.solid = true;
            if run.begin.is_none() {
                run.start(from);
            }
            run.end = run.at;
        }
        run.finish(self);
        true
    }
}

impl Lexer {
    /// The whole text is one statement without gaps.
    pub(super) fn whole(&mut self, text: &[u8]) {
        self.gaps.clear();
        self.parts.clear();
        let from = text.len() - text.trim_ascii_start().len();
        let mut hasher = Hasher::new();
        hasher.piece(text.trim_ascii());
        if let (Ok(from), Ok(to)) = (
            u32::try_from(from),
            u32::try_from(text.trim_ascii_end().len()),
        ) {
            self.parts.extend((from < to).then_some(Part {
                from,
                to,
                gaps: (0, 0),
                hash: hasher.finish(),
                params: 0,
            }));
        }
    }

    /// Makes the parts statements without gaps; several ones are cut where PostgreSQL's parser cuts.
    pub(super) fn without_gaps(&mut self, text: &str) {
        if self.parts.len() == 1 {
            return self.whole(text.trim_end().trim_end_matches(';').as_bytes());
        }
        let Ok(pieces) = pg_query::split_with_parser(text) else {
            return;
        };
        self.gaps.clear();
        self.parts.clear();
        let base = text.as_ptr().addr();
        for piece in pieces {
            let piece = piece.trim();
            let from = piece.as_ptr().addr() - base;
            let mut hasher = Hasher::new();
            hasher.piece(piece.as_bytes());
            self.parts.push(Part {
                from: from as u32,
                to: (from + piece.len()) as u32,
                gaps: (0, 0),
                hash: hasher.finish(),
                params: 0,
            });
        }
    }
}

impl Run<'_> {
    /// The statement begins at `from`.
    fn start(&mut self, from: usize) {
        self.begin = Some(from);
        self.piece = self.piece.max(from);
    }

    /// Hashes what stands before a gap, and notes the gap.
    #[inline]
    fn gap(&mut self, from: usize, to: usize, comment: bool, lexer: &mut Lexer) {
        if self.begin.is_none() {
            self.begin = Some(from);
            self.piece = from;
        }
        self.hasher.piece(&self.text[self.piece..from]);
        self.hasher.mark(comment);
        // The length of the text was checked.
        lexer.gaps.push(Gap {
            from: from as u32,
            to: to as u32,
            comment,
        });
        self.piece = to;
        self.at = to;
        self.end = to;
    }

    fn comment(&mut self, from: usize, to: usize, lexer: &mut Lexer) {
        // A comment behind a statement's semicolon belongs to the next one, if there is one.
        self.gap(from, to, true, lexer);
    }

    /// A number, with a sign where it can only be one.
    fn number(&mut self, from: usize, lexer: &mut Lexer) {
        let text = self.text;
        let mut end = from + 1;
        while let Some(&c) = text.get(end) {
            let goes_on = match c {
                b'.' => text.get(end + 1) != Some(&b'.'),
                b'+' | b'-' => {
                    matches!(text[end - 1], b'e' | b'E')
                        && !text[from..end].starts_with(b"0x")
                        && text.get(end + 1).is_some_and(u8::is_ascii_digit)
                }
                _ => NAME[c as usize] && c != b'$',
            };
            if !goes_on {
                break;
            }
            end += 1;
        }
        let start = if from > 0 && text[from - 1] == b'-' && self.signed(from - 1) {
            from - 1
        } else {
            from
        };
        self.gap(start.max(self.piece), end, false, lexer);
    }

    /// Whether the minus at `minus` is a sign: an operator, a comma or a parenthesis stands before it.
    fn signed(&self, minus: usize) -> bool {
        let before = &self.text[self.piece.min(minus)..minus];
        let before = before.trim_ascii_end().last();
        before.is_some_and(|c| b"(,=<>+*/%|&^~[".contains(c))
    }

    /// A string that begins with a quote at `quote`; the gap begins at `self.at` of the caller.
    fn string(&mut self, from: usize, escapes: bool, lexer: &mut Lexer) -> Option<()> {
        let quote = from + memchr::memchr(b'\'', &self.text[from..])?;
        let end = if escapes {
            escaped(self.text, quote + 1)?
        } else {
            quoted(self.text, quote + 1, b'\'')?
        };
        self.gap(from, end, false, lexer);
        Some(())
    }

    /// A word with a quote behind it: `E'…'`, `B'…'`, `X'…'`, `N'…'`, or a type's name.
    fn prefixed(&mut self, from: usize, lexer: &mut Lexer) -> Option<()> {
        let one = self.at == from + 1;
        match self.text[from] {
            b'e' | b'E' if one => self.string(from, true, lexer),
            b'b' | b'B' | b'x' | b'X' | b'n' | b'N' if one => self.string(from, false, lexer),
            _ => Some(()),
        }
    }

    /// `U&'…'` and `U&"…"`.
    fn unicode(&mut self, from: usize, lexer: &mut Lexer) -> Option<()> {
        let one = self.at == from + 1 && matches!(self.text[from], b'u' | b'U');
        match self.text.get(self.at + 1) {
            Some(b'\'') if one => self.string(from, false, lexer),
            Some(b'"') if one => {
                self.at = quoted(self.text, self.at + 2, b'"')?;
                Some(())
            }
            _ => Some(()),
        }
    }

    /// `$1`, or a dollar-quoted string.
    fn dollar(&mut self, from: usize, lexer: &mut Lexer) -> Option<()> {
        let rest = &self.text[from + 1..];
        let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
        if digits > 0 {
            let value = rest[..digits.min(6)].iter();
            let value = value.fold(0, |v, d| v * 10 + u32::from(d - b'0'));
            self.params = self.params.max(value);
            self.at = from + 1 + digits;
            return Some(());
        }
        let tag = rest
            .iter()
            .take_while(|c| **c != b'$' && NAME[**c as usize]);
        let tag = tag.count();
        if rest.get(tag) != Some(&b'$') {
            self.at = from + 1;
            return Some(());
        }
        let quote = &self.text[from..from + tag + 2];
        let body = from + quote.len();
        let end = memchr::memmem::find(&self.text[body..], quote)?;
        self.gap(from, body + end + quote.len(), false, lexer);
        Some(())
    }

    /// The statement is over.
    fn finish(&mut self, lexer: &mut Lexer) {
        let solid = std::mem::take(&mut self.solid);
        let begin = self.begin.take();
        if let (true, Some(begin)) = (solid, begin) {
            self.hasher
                .piece(self.text.get(self.piece..self.end).unwrap_or_default());
            lexer.parts.push(Part {
                from: begin as u32,
                to: self.end as u32,
                gaps: (self.first_gap as u32, lexer.gaps.len() as u32),
                hash: self.hasher.finish(),
                params: self.params,
            });
        }
        self.first_gap = lexer.gaps.len();
        self.hasher = Hasher::new();
        self.params = 0;
    }
}

#[inline]
fn name_end(text: &[u8], from: usize) -> usize {
    let mut at = from;
    while at < text.len() && NAME[text[at] as usize] {
        at += 1;
    }
    at
}

/// Behind the closing quote; a doubled one is a part of the text.
#[inline]
fn quoted(text: &[u8], from: usize, quote: u8) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr::memchr(quote, text.get(at..)?)?;
        if text.get(at + 1) != Some(&quote) {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Behind the closing quote of an `E''` string.
fn escaped(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr::memchr2(b'\'', b'\\', text.get(at..)?)?;
        match (text[at], text.get(at + 1)) {
            (b'\'', Some(b'\'')) | (b'\\', Some(_)) => at += 2,
            (b'\'', _) => return Some(at + 1),
            _ => return None,
        }
    }
}

/// Behind a block comment; they nest.
fn comment_end(text: &[u8], from: usize) -> Option<usize> {
    let (mut depth, mut at) = (0u32, from);
    loop {
        at += memchr::memchr2(b'/', b'*', text.get(at..)?)?;
        match (text[at], text.get(at + 1)) {
            (b'/', Some(b'*')) => (depth, at) = (depth + 1, at + 2),
            (b'*', Some(b'/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests;
