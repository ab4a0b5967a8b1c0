//! The words of an expression: from a place in the script to the end of the line, over lines that end
//! in a backslash.

use super::g15;
use super::split::{Problem, continuation, is_name, is_name_start, is_space};

/// A word of an expression.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token<'a> {
    Int(i64),
    /// 9223372036854775808, which only makes sense behind a minus.
    MinInt,
    Double(f64),
    Bool(bool),
    Null,
    Variable(&'a str),
    Word(&'a str),
    Keyword(Keyword),
    Symbol(&'static str),
    End,
}

/// Words that are no names of functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    And,
    Or,
    Not,
    Is,
    IsNull,
    NotNull,
    Case,
    When,
    Then,
    Else,
    End,
}

/// Longer ones first, so that `<=` is not `<`.
const SYMBOLS: [&str; 21] = [
    "<>", "<=", ">=", "<<", ">>", "!=", "+", "-", "*", "/", "%", "=", "<", ">", "|", "&", "#", "~",
    "(", ")", ",",
];

/// A reader of words.
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// Offset behind the last word read, the end of the line included.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next word, with the offset where it begins.
    pub(super) fn next(&mut self) -> Result<(Token<'a>, usize), Problem> {
        self.skip_blanks();
        let start = self.at;
        let rest = &self.text[start..];
        let Some(c) = rest.chars().next() else {
            return Ok((Token::End, start));
        };
        if c == '\n' {
            self.at += 1;
            return Ok((Token::End, start));
        }
        if c == ':' {
            let length = name_length(&rest[1..]);
            if length > 0 {
                self.at += 1 + length;
                return Ok((Token::Variable(&rest[1..=length]), start));
            }
        }
        if is_name_start(c) {
            let length = name_length(rest);
            self.at += length;
            return Ok((word(&rest[..length]), start));
        }
        let length = number_length(rest);
        if length > 0 {
            self.at += length;
            return Ok((number(&rest[..length], start)?, start));
        }
        if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            self.at += symbol.len();
            return Ok((Token::Symbol(symbol), start));
        }
        Err(Problem {
            offset: start,
            problem: format!("unexpected character `{}`", c.escape_debug()),
        })
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let length = match rest.chars().next() {
                Some(c) if is_space(c) => 1,
                Some('\\') => continuation(rest),
                _ => 0,
            };
            if length == 0 {
                return;
            }
            self.at += length;
        }
    }
}

fn name_length(text: &str) -> usize {
    text.find(|c| !is_name(c)).unwrap_or(text.len())
}

fn digits(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len())
}

/// Length of the number at the front: digits, a point, an exponent; 0 if there is none.
fn number_length(text: &str) -> usize {
    let whole = digits(text);
    let point = usize::from(text[whole..].starts_with('.'));
    let part = if point == 1 {
        digits(&text[whole + 1..])
    } else {
        0
    };
    if whole + part == 0 {
        return 0;
    }
    let mantissa = whole + point + part;
    let rest = &text[mantissa..];
    let exponent = rest.strip_prefix(['e', 'E']).map_or(0, |rest| {
        let sign = usize::from(rest.starts_with(['+', '-']));
        match digits(&rest[sign..]) {
            0 => 0,
            digits => 1 + sign + digits,
        }
    });
    mantissa + exponent
}

fn number(text: &str, offset: usize) -> Result<Token<'static>, Problem> {
    let overflow = |kind: &str| Problem {
        offset,
        problem: format!("{kind} constant overflow"),
    };
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return match text.parse::<u64>() {
            Ok(value) if value == i64::MIN.unsigned_abs() => Ok(Token::MinInt),
            Ok(value) => i64::try_from(value)
                .map(Token::Int)
                .map_err(|_| overflow("bigint")),
            Err(_) => Err(overflow("bigint")),
        };
    }
    match text.parse::<f64>() {
        Ok(value) if !g15::out_of_range(text, value) => Ok(Token::Double(value)),
        _ => Err(overflow("double")),
    }
}

fn word(text: &str) -> Token<'_> {
    use Keyword::{And, Case, Else, End, Is, IsNull, Not, NotNull, Or, Then, When};
    let keyword = match text.to_ascii_lowercase().as_str() {
        "null" => return Token::Null,
        "true" => return Token::Bool(true),
        "false" => return Token::Bool(false),
        "and" => And,
        "or" => Or,
        "not" => Not,
        "is" => Is,
        "isnull" => IsNull,
        "notnull" => NotNull,
        "case" => Case,
        "when" => When,
        "then" => Then,
        "else" => Else,
        "end" => End,
        _ => return Token::Word(text),
    };
    Token::Keyword(keyword)
}
