//! Where a statement ends and which `:name` placeholders it has, by PostgreSQL's lexical rules.
//!
//! Strings, quoted identifiers, dollar quotes and comments are copied as they are; `::` is a cast.

/// A statement cut out of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Its text with `$n` in the place of `:name`, without the semicolon.
    pub(super) sql: String,
    /// Names by `$n`.
    pub(super) params: Vec<String>,
    /// Offset behind the semicolon.
    pub(super) end: usize,
}

/// What is wrong, and at which offset.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ScanError {
    pub(super) offset: usize,
    pub(super) problem: String,
}

/// Scans the statement that begins at `start`.
pub(super) fn scan(text: &str, start: usize) -> Result<Scanned, ScanError> {
    let mut scanner = Scanner {
        text,
        at: start,
        sql: String::new(),
        params: Vec::new(),
    };
    scanner.statement(start)?;
    Ok(Scanned {
        sql: scanner.sql.trim().to_owned(),
        params: scanner.params,
        end: scanner.at,
    })
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    sql: String,
    params: Vec<String>,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// Copies `length` bytes as they are.
    fn copy(&mut self, length: usize) {
        self.sql.push_str(&self.text[self.at..self.at + length]);
        self.at += length;
    }

    fn statement(&mut self, start: usize) -> Result<(), ScanError> {
        let mut previous = ' ';
        while let Some(c) = self.rest().chars().next() {
            let from = self.at;
            match c {
                ';' => {
                    self.at += 1;
                    return Ok(());
                }
                '\'' => self.string(matches!(previous, 'e' | 'E'))?,
                '"' => self.quoted('"', "quoted identifier")?,
                '-' if self.rest().starts_with("--") => {
                    let length = self.rest().find('\n').unwrap_or(self.rest().len());
                    self.copy(length);
                }
                '/' if self.rest().starts_with("/*") => self.block_comment()?,
                '$' if !is_word(previous) => self.dollar()?,
                ':' => self.colon(),
                _ if is_word(c) => {
                    // A whole word at once, so that a prefix such as E'' is told from a name's end.
                    let length = self
                        .rest()
                        .find(|c| !is_word(c) && c != '$')
                        .unwrap_or(self.rest().len());
                    let word = length;
                    self.copy(length);
                    previous = if word == 1 { c } else { 'w' };
                    continue;
                }
                _ => self.copy(c.len_utf8()),
            }
            previous = self.text[from..self.at].chars().last().unwrap_or(' ');
        }
        Err(ScanError {
            offset: start,
            problem: "this statement has no `;` at its end".to_owned(),
        })
    }

    fn unterminated(&self, what: &str) -> ScanError {
        ScanError {
            offset: self.at,
            problem: format!("this {what} is not closed"),
        }
    }

    /// A string; in an `E''` string a backslash escapes.
    fn string(&mut self, escapes: bool) -> Result<(), ScanError> {
        if !escapes {
            return self.quoted('\'', "string");
        }
        let mut skip = false;
        let end = self.rest().char_indices().skip(1).find(|&(_, c)| {
            let found = c == '\'' && !skip;
            skip = c == '\\' && !skip;
            found
        });
        let (end, _) = end.ok_or_else(|| self.unterminated("string"))?;
        self.copy(end + 1);
        Ok(())
    }

    /// From quote to quote; a doubled quote is two neighbouring ones and needs no care.
    fn quoted(&mut self, quote: char, what: &str) -> Result<(), ScanError> {
        let end = self.rest()[1..].find(quote);
        let end = end.ok_or_else(|| self.unterminated(what))?;
        self.copy(end + 2);
        Ok(())
    }

    /// Block comments nest.
    fn block_comment(&mut self) -> Result<(), ScanError> {
        let bytes = self.rest().as_bytes();
        let (mut depth, mut i) = (0u32, 0);
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
        Err(self.unterminated("comment"))
    }

    /// A dollar quote, or a `$1` that the file must not have.
    fn dollar(&mut self) -> Result<(), ScanError> {
        let rest = self.rest();
        let tag = rest[1..].find(|c| !is_word(c)).unwrap_or(rest.len() - 1);
        if rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
            return Err(ScanError {
                offset: self.at,
                problem: format!(
                    "`${}` is numbered by dbperf: write `:name` and declare it with `-- param name: …`",
                    &rest[1..=tag]
                ),
            });
        }
        if !rest[1 + tag..].starts_with('$') {
            self.copy(1);
            return Ok(());
        }
        let quote = &rest[..tag + 2];
        let end = rest[quote.len()..].find(quote);
        let length = end.map(|end| end + 2 * quote.len());
        let length = length.ok_or_else(|| self.unterminated("dollar-quoted string"))?;
        self.copy(length);
        Ok(())
    }

    /// A cast, an assignment, a slice, or a placeholder.
    fn colon(&mut self) {
        if self.rest().starts_with("::") {
            return self.copy(2);
        }
        let name = &self.rest()[1..];
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return self.copy(1);
        }
        let length = name.find(|c| !is_word(c)).unwrap_or(name.len());
        let name = name[..length].to_owned();
        let known = self.params.iter().position(|p| *p == name);
        let index = known.unwrap_or_else(|| {
            self.params.push(name);
            self.params.len() - 1
        });
        self.sql.push('$');
        self.sql.push_str(&(index + 1).to_string());
        self.at += 1 + length;
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(sql: &str) -> (String, Vec<String>) {
        let scanned = scan(sql, 0).unwrap();
        (scanned.sql, scanned.params)
    }

    #[test]
    fn the_same_name_is_the_same_number() {
        let (sql, params) = scanned("SELECT :a, :b_2, :a::int FROM t WHERE x = :a;");
        assert_eq!(sql, "SELECT $1, $2, $1::int FROM t WHERE x = $1");
        assert_eq!(params, ["a", "b_2"]);
    }

    #[test]
    fn what_only_looks_like_a_placeholder_stays() {
        for sql in [
            "SELECT ':a' || 'it''s :a;'",
            r"SELECT E'\':a;' || e'\\'",
            "SELECT \"x;:a\"",
            "SELECT $$ ;:a $$ || $q$ $$ ; :a $q$",
            "SELECT 1 -- :a ; '",
            "SELECT /* :a /* ; */ ' */ 1",
            "SELECT x::text, a[1:2], f(x := 1)",
            "SELECT 'a\\'",
            "SELECT type'x', a$1 FROM \u{e4}b",
        ] {
            let (text, params) = scanned(&format!("{sql}\n;"));
            assert_eq!(text, sql);
            assert!(params.is_empty(), "{sql}: {params:?}");
        }
    }

    #[test]
    fn ends_at_its_own_semicolon() {
        let text = "SELECT ';'; SELECT 2;";
        assert_eq!(scan(text, 0).unwrap().end, 11);
        assert_eq!(scan(text, 11).unwrap().sql, "SELECT 2");
    }

    #[test]
    fn what_is_not_closed_is_named_where_it_begins() {
        for (text, offset, part) in [
            ("SELECT 1", 0, "no `;`"),
            ("SELECT 'x;", 7, "string is not closed"),
            (r"SELECT E'x\';", 8, "string is not closed"),
            ("SELECT \"x;", 7, "identifier is not closed"),
            ("SELECT /* /* */ ;", 7, "comment is not closed"),
            ("SELECT $a$ $b$;", 7, "dollar-quoted string"),
            ("SELECT $1;", 7, "`$1` is numbered by dbperf"),
        ] {
            let error = scan(text, 0).unwrap_err();
            assert_eq!(error.offset, offset, "{text}");
            assert!(error.problem.contains(part), "{text}: {}", error.problem);
        }
    }
}
