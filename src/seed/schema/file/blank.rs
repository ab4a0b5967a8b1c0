//! What psql alone understands: its own commands, and rows behind COPY. They are blanked, so that every offset stays.

/// Commands of psql that mean nothing here.
const HARMLESS: [&str; 2] = ["restrict", "unrestrict"];

/// An offset, and what is wrong there.
type Wrong = (usize, String);

/// The text without them, and where rows of a COPY began.
pub(super) fn blank(text: &str) -> Result<(String, Vec<usize>), Wrong> {
    let mut scan = Scan {
        text: text.as_bytes(),
        at: 0,
        statement: 0,
        blanks: Vec::new(),
        rows: Vec::new(),
    };
    while scan.at < scan.text.len() {
        scan.step()?;
    }
    let mut bytes = text.as_bytes().to_vec();
    for (from, to) in scan.blanks {
        for byte in &mut bytes[from..to] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }
    // Whole lines were blanked, so no character was cut.
    let blanked = String::from_utf8(bytes).map_err(|_| (0, "it is not UTF-8".to_owned()))?;
    Ok((blanked, scan.rows))
}

struct Scan<'t> {
    text: &'t [u8],
    at: usize,
    /// Where the statement under way began.
    statement: usize,
    blanks: Vec<(usize, usize)>,
    rows: Vec<usize>,
}

impl Scan<'_> {
    fn step(&mut self) -> Result<(), Wrong> {
        let rest = &self.text[self.at..];
        match rest {
            [b'-', b'-', ..] => self.at = self.line_end(self.at),
            [b'/', b'*', ..] => self.comment(),
            [b'\'', ..] => {
                let escapes = self.is_behind_e();
                self.quoted(b'\'', escapes);
            }
            [b'"', ..] => self.quoted(b'"', false),
            [b'$', ..] => self.dollar(),
            [b'\\', ..] => self.command()?,
            [b';', ..] => {
                self.at += 1;
                if is_copy_from_stdin(&self.text[self.statement..self.at]) {
                    self.copied()?;
                }
                self.statement = self.at;
            }
            _ => self.at += 1,
        }
        Ok(())
    }

    fn line_end(&self, from: usize) -> usize {
        let end = self.text[from..].iter().position(|b| *b == b'\n');
        end.map_or(self.text.len(), |n| from + n)
    }

    /// Comments are nested.
    fn comment(&mut self) {
        let mut depth = 0;
        while self.at < self.text.len() {
            match &self.text[self.at..] {
                [b'/', b'*', ..] => {
                    depth += 1;
                    self.at += 2;
                }
                [b'*', b'/', ..] => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return;
                    }
                }
                _ => self.at += 1,
            }
        }
    }

    /// `E'…'`, in which a backslash takes the next character with it.
    fn is_behind_e(&self) -> bool {
        let before = |n: usize| self.at.checked_sub(n).map(|at| self.text[at]);
        matches!(before(1), Some(b'e' | b'E')) && !before(2).is_some_and(is_name)
    }

    fn quoted(&mut self, quote: u8, escapes: bool) {
        self.at += 1;
        while self.at < self.text.len() {
            let byte = self.text[self.at];
            self.at += if escapes && byte == b'\\' { 2 } else { 1 };
            // A doubled quote ends here and begins again.
            if byte == quote {
                return;
            }
        }
    }

    /// `$tag$…$tag$`; elsewhere a dollar is part of a name or of a parameter.
    fn dollar(&mut self) {
        let in_name = self
            .at
            .checked_sub(1)
            .is_some_and(|at| is_name(self.text[at]));
        let tag = self.text[self.at + 1..]
            .iter()
            .position(|b| !is_name(*b) || *b == b'$');
        let end = tag
            .map(|n| self.at + 1 + n)
            .filter(|end| self.text[*end] == b'$');
        let digit = self.text.get(self.at + 1).is_some_and(u8::is_ascii_digit);
        let Some(end) = end.filter(|_| !in_name && !digit) else {
            self.at += 1;
            return;
        };
        let tag = &self.text[self.at..=end];
        let body = &self.text[end + 1..];
        let close = body.windows(tag.len()).position(|w| w == tag);
        self.at = close.map_or(self.text.len(), |n| end + 1 + n + tag.len());
    }

    fn command(&mut self) -> Result<(), Wrong> {
        let end = self.line_end(self.at);
        let line = String::from_utf8_lossy(&self.text[self.at + 1..end]);
        let name: String = line.chars().take_while(char::is_ascii_alphabetic).collect();
        if !HARMLESS.contains(&name.as_str()) {
            return Err((
                self.at,
                format!(
                    "\\{name} is a command of psql, which is not understood here: take it out, or put what it brings in \
                     its place"
                ),
            ));
        }
        self.blanks.push((self.at, end));
        self.at = end;
        Ok(())
    }

    /// Rows up to the line with a backslash and a dot.
    fn copied(&mut self) -> Result<(), Wrong> {
        let begin = self.line_end(self.at);
        let mut line = begin;
        while line < self.text.len() {
            let end = self.line_end(line + 1);
            let text = self.text[line + 1..end].strip_suffix(b"\r");
            if text.unwrap_or(&self.text[line + 1..end]) == b"\\." {
                self.blanks.push((begin, end));
                self.rows.push(self.statement_start());
                self.at = end;
                return Ok(());
            }
            line = end;
        }
        Err((
            self.at,
            "the rows of COPY have no end (a line with \\. alone)".to_owned(),
        ))
    }

    fn statement_start(&self) -> usize {
        let text = &self.text[self.statement..];
        self.statement
            + text
                .iter()
                .position(|b| !b.is_ascii_whitespace())
                .unwrap_or(0)
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || !byte.is_ascii()
}

/// A COPY whose rows follow. Comments before it were written by `pg_dump`.
fn is_copy_from_stdin(statement: &[u8]) -> bool {
    let text = String::from_utf8_lossy(statement);
    let Some(first) = super::judge::first_word(&text) else {
        return false;
    };
    let text = text[first..].to_ascii_uppercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    let from_stdin = |pair: &[&str]| pair[0] == "FROM" && pair[1].trim_end_matches(';') == "STDIN";
    words.first() == Some(&"COPY") && words.windows(2).any(from_stdin)
}
