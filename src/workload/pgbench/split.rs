//! Where statements and meta commands of a script begin and end, by the lexical rules of psql, which
//! pgbench shares.

/// What is wrong, and at which offset.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) offset: usize,
    pub(super) problem: String,
}

/// A blank inside of a meta command; a newline ends it.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\x0b' | '\x0c')
}

/// A character that a name may begin with: every character beyond ASCII is a letter.
pub(super) fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

/// A character of a name.
pub(super) fn is_name(c: char) -> bool {
    is_name_start(c) || c.is_ascii_digit()
}

/// Length of a backslash with a newline behind it, by which a meta command goes on; 0 if there is none.
pub(super) fn continuation(text: &str) -> usize {
    ["\\\n", "\\\r\n"]
        .iter()
        .find(|mark| text.starts_with(**mark))
        .map_or(0, |mark| mark.len())
}

/// A name with its offset in the script.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) offset: usize,
}

/// One statement.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Statement {
    /// As it stands, without the comments before it that go to the end of their line.
    pub(super) text: String,
    /// With `$n`.
    pub(super) sql: String,
    /// The names of `$1`, `$2` …
    pub(super) params: Vec<Named>,
    /// Names behind a colon in strings and quoted names.
    pub(super) quoted: Vec<Named>,
    /// Offset of its first word; `None` if there is nothing but blanks and comments.
    pub(super) start: Option<usize>,
}

/// Statements joined by `\;`, up to a semicolon, a meta command or the end of the script.
#[derive(Debug, Default)]
pub(super) struct Joined {
    /// At least one, which may be empty.
    pub(super) statements: Vec<Statement>,
    /// A semicolon ended it.
    pub(super) terminated: bool,
    /// Offset behind it: of the backslash, if a meta command ended it.
    pub(super) end: usize,
}

/// Cuts out the statements that begin at `at`.
pub(super) fn statements(text: &str, at: usize) -> Result<Joined, Problem> {
    let mut scanner = Scanner {
        text,
        at,
        done: Joined::default(),
        statement: Statement::default(),
        parentheses: 0,
        words: Words::default(),
    };
    scanner.run()?;
    scanner.finish_statement();
    scanner.done.end = scanner.at;
    Ok(scanner.done)
}

/// The words of a meta command, from a place in the script to the end of the line.
pub(super) struct MetaWords<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> MetaWords<'a> {
    pub(super) fn new(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// Offset behind the last word, or behind the end of the line.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next word with its offset, or `None` at the end of the line.
    pub(super) fn next(&mut self) -> Option<(&'a str, usize)> {
        loop {
            let rest = &self.text[self.at..];
            let c = rest.chars().next()?;
            let skip = continuation(rest);
            if skip > 0 || is_space(c) {
                self.at += skip.max(1);
                continue;
            }
            if c == '\n' {
                self.at += 1;
                return None;
            }
            let length = rest
                .char_indices()
                .find(|&(at, c)| c == '\n' || is_space(c) || continuation(&rest[at..]) > 0)
                .map_or(rest.len(), |(at, _)| at);
            let start = self.at;
            self.at += length;
            return Some((&rest[..length], start));
        }
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    done: Joined,
    statement: Statement,
    parentheses: u32,
    words: Words,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn problem(&self, problem: &str) -> Problem {
        Problem {
            offset: self.at,
            problem: problem.to_owned(),
        }
    }

    /// Copies `length` bytes as they are.
    fn copy(&mut self, length: usize) {
        let copied = &self.text[self.at..self.at + length];
        self.statement.text.push_str(copied);
        self.statement.sql.push_str(copied);
        self.at += length;
    }

    /// Copies `length` bytes in which nothing is a parameter.
    fn copy_quoted(&mut self, length: usize) {
        let copied = &self.text[self.at..self.at + length];
        let mut colon = 0;
        while let Some(found) = copied[colon..].find(':') {
            colon += found;
            let behind = &copied[colon..];
            let colons = behind.len() - behind.trim_start_matches(':').len();
            if let Some(name) = variable(behind) {
                self.statement.quoted.push(Named {
                    name: name.to_owned(),
                    offset: self.at + colon,
                });
            }
            colon += colons;
        }
        self.copy(length);
    }

    fn run(&mut self) -> Result<(), Problem> {
        while let Some(c) = self.rest().chars().next() {
            if self.rest().starts_with("--") {
                let length = self.rest().find('\n').unwrap_or(self.rest().len());
                if self.statement.start.is_some() {
                    self.copy(length);
                } else {
                    self.at += length;
                }
                continue;
            }
            if self.rest().starts_with("/*") {
                self.block_comment()?;
                continue;
            }
            match c {
                ';' if self.parentheses == 0 && self.words.begins == 0 => {
                    self.at += 1;
                    self.done.terminated = true;
                    return Ok(());
                }
                '\\' => {
                    if !self.backslash() {
                        return Ok(());
                    }
                    continue;
                }
                _ if c.is_ascii_whitespace() || c == '\x0b' => {
                    self.copy(1);
                    continue;
                }
                _ => {}
            }
            self.statement.start.get_or_insert(self.at);
            self.word(c)?;
        }
        Ok(())
    }

    /// `\;` and `\:`; anything else begins a meta command, which ends the statement.
    fn backslash(&mut self) -> bool {
        match self.rest().as_bytes().get(1) {
            Some(b';') if self.parentheses == 0 => {
                self.at += 2;
                self.finish_statement();
                true
            }
            Some(b';') => {
                self.at += 1;
                self.copy(1);
                true
            }
            // Only for psql is this another colon.
            Some(b':') => {
                self.at += 1;
                true
            }
            _ => false,
        }
    }

    fn finish_statement(&mut self) {
        self.words = Words::default();
        let statement = std::mem::take(&mut self.statement);
        self.done.statements.push(statement);
    }

    /// Whatever is neither blank nor comment.
    fn word(&mut self, c: char) -> Result<(), Problem> {
        match c {
            '\'' => self.quoted('\'', "string"),
            '"' => self.quoted('"', "quoted name"),
            '$' => self.dollar(),
            ':' => self.colon(),
            '(' => {
                self.parentheses += 1;
                self.copy(1);
                Ok(())
            }
            ')' => {
                self.parentheses = self.parentheses.saturating_sub(1);
                self.copy(1);
                Ok(())
            }
            _ if is_name(c) => self.name(),
            _ => {
                self.copy(c.len_utf8());
                Ok(())
            }
        }
    }

    /// A name, a keyword or a number; an `e` directly before a string belongs to the string.
    fn name(&mut self) -> Result<(), Problem> {
        let rest = self.rest();
        let length = rest.find(|c| !is_name(c) && c != '$').unwrap_or(rest.len());
        let word = rest[..length].to_ascii_lowercase();
        self.copy(length);
        if word == "e" && self.rest().starts_with('\'') {
            return self.escaped_string();
        }
        if word.starts_with(is_name_start) {
            self.words.see(&word, self.parentheses);
        }
        let behind = self.rest();
        if behind.starts_with(':') && variable(behind).is_some() {
            return Err(self.problem(
                "a variable cannot follow a name or number directly: pgbench pastes text in its simple \
                 mode, dbperf sends parameters; in an array slice put a blank behind the colon",
            ));
        }
        Ok(())
    }

    /// From quote to quote; a doubled quote is two neighbouring ones and needs no care.
    fn quoted(&mut self, quote: char, what: &str) -> Result<(), Problem> {
        let end = self.rest()[1..].find(quote);
        let end = end.ok_or_else(|| self.problem(&format!("this {what} is not closed")))?;
        self.copy_quoted(end + 2);
        Ok(())
    }

    /// A string in which a backslash escapes, and its continuations on further lines.
    fn escaped_string(&mut self) -> Result<(), Problem> {
        loop {
            let mut skip = false;
            let end = self.rest().char_indices().skip(1).find(|&(_, c)| {
                let found = c == '\'' && !skip;
                skip = c == '\\' && !skip;
                found
            });
            let (end, _) = end.ok_or_else(|| self.problem("this string is not closed"))?;
            self.copy_quoted(end + 1);
            let blank = self.rest().len() - self.rest().trim_start().len();
            let (between, behind) = self.rest().split_at(blank);
            let doubled = between.is_empty();
            if !(behind.starts_with('\'') && (doubled || between.contains('\n'))) {
                return Ok(());
            }
            self.copy(blank);
        }
    }

    /// Block comments nest.
    fn block_comment(&mut self) -> Result<(), Problem> {
        let bytes = self.rest().as_bytes();
        let (mut depth, mut i) = (0_u32, 0);
        while i + 1 < bytes.len() {
            match &bytes[i..i + 2] {
                b"/*" => (depth, i) = (depth + 1, i + 2),
                b"*/" => (depth, i) = (depth - 1, i + 2),
                _ => i += 1,
            }
            if depth == 0 {
                self.copy(i);
                return Ok(());
            }
        }
        Err(self.problem("this comment is not closed"))
    }

    /// A dollar quote, a `$1`, or a lone `$`.
    fn dollar(&mut self) -> Result<(), Problem> {
        let rest = self.rest();
        let tag = rest[1..].find(|c| !is_name(c)).unwrap_or(rest.len() - 1);
        let number = rest[1..].starts_with(|c: char| c.is_ascii_digit());
        if number || !rest[1 + tag..].starts_with('$') {
            self.copy(1 + tag);
            return Ok(());
        }
        let quote = &rest[..tag + 2];
        let end = rest[quote.len()..].find(quote);
        let length = end.map(|end| end + 2 * quote.len());
        let length =
            length.ok_or_else(|| self.problem("this dollar-quoted string is not closed"))?;
        self.copy_quoted(length);
        Ok(())
    }

    /// A variable, or colons that begin none.
    fn colon(&mut self) -> Result<(), Problem> {
        let rest = self.rest();
        let Some(name) = variable(rest) else {
            let colons = rest.len() - rest.trim_start_matches(':').len();
            self.copy(colons);
            return Ok(());
        };
        let name = name.to_owned();
        let length = 1 + name.len();
        self.statement.text.push(':');
        self.statement.text.push_str(&name);
        let offset = self.at;
        self.statement.params.push(Named { name, offset });
        let number = self.statement.params.len();
        self.statement.sql.push('$');
        self.statement.sql.push_str(&number.to_string());
        self.at += length;
        if self.rest().starts_with('$') {
            return Err(self.problem("expected a blank before this `$`"));
        }
        Ok(())
    }
}

/// The name of the variable that a colon at the front begins; `::` begins none.
fn variable(text: &str) -> Option<&str> {
    let name = text.strip_prefix(':')?;
    if !name.starts_with(is_name_start) {
        return None;
    }
    let length = name.find(|c| !is_name(c)).unwrap_or(name.len());
    Some(&name[..length])
}

/// The first words of a statement, which tell whether semicolons can stand inside of it: between BEGIN
/// and END of a function or procedure that is being created.
#[derive(Debug, Default)]
struct Words {
    seen: usize,
    /// Of the first four words, the first letter of those that matter.
    first: [u8; 4],
    /// BEGIN and CASE that have no END yet.
    begins: u32,
}

impl Words {
    fn see(&mut self, word: &str, parentheses: u32) {
        let matters = ["create", "function", "procedure", "or", "replace"].contains(&word);
        if let (true, Some(place)) = (matters, self.first.get_mut(self.seen)) {
            *place = word.as_bytes()[0];
        }
        self.seen += 1;
        let creates = matches!(
            self.first,
            [b'c', b'f' | b'p', ..] | [b'c', b'o', b'r', b'f' | b'p']
        );
        if !creates || parentheses > 0 {
            return;
        }
        match word {
            "begin" => self.begins += 1,
            "case" if self.begins > 0 => self.begins += 1,
            "end" => self.begins = self.begins.saturating_sub(1),
            _ => {}
        }
    }
}
