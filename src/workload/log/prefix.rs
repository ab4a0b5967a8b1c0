//! `log_line_prefix`: what stands before the severity of every line.

use super::time::Clock;

/// A compiled `log_line_prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prefix {
    tokens: Vec<Token>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// Text as it is.
    Literal(Box<[u8]>),
    /// `%m`, `%t`.
    Time,
    /// `%n`: seconds since 1970 with milliseconds.
    Epoch,
    /// `%p`.
    Pid,
    /// `%c`.
    Session,
    /// `%s`.
    SessionStart,
    /// `%u`, `%d`, `%a`, `%b`: text up to the next literal.
    Text(Field),
    /// `%q`: a process without a session writes no more than this.
    Stop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    User,
    Database,
    Application,
    BackendType,
    Skipped,
}

/// What a prefix says; names are ranges of the line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) at: i64,
    pub(super) pid: u32,
    pub(super) session: u64,
    pub(super) user: Option<(usize, usize)>,
    pub(super) database: Option<(usize, usize)>,
    pub(super) application: Option<(usize, usize)>,
    /// The backend type is given and is none that serves a client.
    pub(super) background: bool,
    /// Where the severity begins.
    pub(super) end: usize,
}

impl Prefix {
    /// Compiles a `log_line_prefix`; the error says what is missing.
    pub(super) fn compile(text: &str) -> Result<Self, String> {
        let mut tokens = Vec::new();
        let mut literal = Vec::new();
        let mut bytes = text.bytes().peekable();
        while let Some(byte) = bytes.next() {
            if byte != b'%' {
                literal.push(byte);
                continue;
            }
            // Padding, as in `%-10u`.
            while bytes
                .peek()
                .is_some_and(|b| *b == b'-' || b.is_ascii_digit())
            {
                bytes.next();
            }
            let escape = bytes.next().ok_or("it ends in a lone `%`")?;
            if escape == b'%' {
                literal.push(b'%');
                continue;
            }
            let token = token(escape)
                .ok_or_else(|| format!("`%{}` is no escape of it", char::from(escape)))?;
            if !literal.is_empty() {
                tokens.push(Token::Literal(std::mem::take(&mut literal).into()));
            }
            tokens.push(token);
        }
        if !literal.is_empty() {
            tokens.push(Token::Literal(literal.into()));
        }
        let has = |wanted: &[Token]| tokens.iter().any(|t| wanted.contains(t));
        if !has(&[Token::Time, Token::Epoch]) {
            return Err("it has no time: `%m`, `%t` or `%n`".to_owned());
        }
        if !has(&[Token::Pid, Token::Session]) {
            return Err("it does not tell sessions apart: it needs `%p` or `%c`".to_owned());
        }
        Ok(Self { tokens })
    }

    /// Reads the prefix of a line; `None` where it has another one.
    #[inline]
    pub(super) fn read(&self, line: &[u8], clock: &mut Clock) -> Option<Head> {
        let mut head = Head::default();
        head.end = self.read_from(0, line, 0, &mut head, clock)?;
        Some(head)
    }

    fn read_from(
        &self,
        first: usize,
        line: &[u8],
        mut at: usize,
        head: &mut Head,
        clock: &mut Clock,
    ) -> Option<usize> {
        for (index, token) in self.tokens.iter().enumerate().skip(first) {
            let rest = line.get(at..)?;
            at += match token {
                Token::Literal(text) => {
                    // Padding stands on either side of a value.
                    let blank = || rest.iter().take_while(|c| **c == b' ').count();
                    if rest.starts_with(text) {
                        text.len()
                    } else if rest.first() == Some(&b' ') && rest[blank()..].starts_with(text) {
                        blank() + text.len()
                    } else {
                        return None;
                    }
                }
                Token::Time => {
                    let (time, length) = clock.read(rest)?;
                    head.at = time;
                    length
                }
                Token::Epoch => {
                    let (time, length) = epoch(rest)?;
                    head.at = time;
                    length
                }
                Token::Pid => {
                    let (pid, length) = number(rest)?;
                    head.pid = pid;
                    length
                }
                Token::Session => {
                    let (session, length) = session_id(rest)?;
                    head.session = session;
                    length
                }
                // A session's start is as good as its id to tell that a process number came again.
                Token::SessionStart => {
                    let (start, length) = clock.clone().read(rest)?;
                    if head.session == 0 {
                        head.session = start.unsigned_abs();
                    }
                    length
                }
                Token::Stop if super::stderr::severity(rest).is_some() => return Some(at),
                Token::Stop => 0,
                Token::Text(field) => return self.text(index, *field, line, at, head, clock),
            };
        }
        super::stderr::severity(line.get(at..)?).map(|_| at)
    }

    /// A text may hold what stands behind it in the prefix: every place where it could end is tried.
    fn text(
        &self,
        index: usize,
        field: Field,
        line: &[u8],
        at: usize,
        head: &mut Head,
        clock: &mut Clock,
    ) -> Option<usize> {
        let next = self.tokens.get(index + 1);
        for end in at..=line.len() {
            let could = match next {
                Some(Token::Literal(text)) => line[end..].starts_with(text),
                None => super::stderr::severity(&line[end..]).is_some(),
                Some(_) => true,
            };
            if !could {
                continue;
            }
            let mut found = *head;
            let Some(behind) = self.read_from(index + 1, line, end, &mut found, clock) else {
                continue;
            };
            found.set(field, line, at, end);
            *head = found;
            return Some(behind);
        }
        None
    }
}

impl Head {
    fn set(&mut self, field: Field, line: &[u8], from: usize, to: usize) {
        let text = &line[from..to];
        let blank = text.len() - text.trim_ascii_end().len();
        let to = to - blank;
        let name = || (to > from && &line[from..to] != b"[unknown]").then_some((from, to));
        match field {
            Field::User => self.user = name(),
            Field::Database => self.database = name(),
            Field::Application => self.application = name(),
            Field::BackendType => self.background = !line[from..to].starts_with(b"client backend"),
            Field::Skipped => {}
        }
    }
}

fn token(escape: u8) -> Option<Token> {
    Some(match escape {
        b'm' | b't' => Token::Time,
        b'n' => Token::Epoch,
        b'p' => Token::Pid,
        b'c' => Token::Session,
        b's' => Token::SessionStart,
        b'u' => Token::Text(Field::User),
        b'd' => Token::Text(Field::Database),
        b'a' => Token::Text(Field::Application),
        b'b' => Token::Text(Field::BackendType),
        b'r' | b'h' | b'L' | b'P' | b'i' | b'e' | b'l' | b'v' | b'x' | b'Q' => {
            Token::Text(Field::Skipped)
        }
        b'q' => Token::Stop,
        _ => return None,
    })
}

fn number(text: &[u8]) -> Option<(u32, usize)> {
    let blank = text.iter().take_while(|c| **c == b' ').count();
    let digits = text[blank..].iter().take_while(|c| c.is_ascii_digit());
    let (mut value, mut length) = (0u32, 0);
    for digit in digits {
        value = value
            .checked_mul(10)?
            .checked_add(u32::from(digit - b'0'))?;
        length += 1;
    }
    (length > 0).then_some((value, blank + length))
}

/// `1795429886.499`.
fn epoch(text: &[u8]) -> Option<(i64, usize)> {
    let (seconds, length) = number(text)?;
    let fraction = text.get(length..length + 4)?;
    let digits = fraction.strip_prefix(b".")?;
    let (millis, 3) = number(digits)? else {
        return None;
    };
    let micros = (i64::from(seconds) * 1000 + i64::from(millis)) * 1000;
    Some((micros, length + 4))
}

/// `6b041694.408f`: when the session began, and the process, both in hexadecimal.
pub(super) fn session_id(text: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0u64;
    let mut length = 0;
    let mut dots = 0;
    for byte in text {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'.' if dots == 0 && length > 0 => {
                dots = 1;
                length += 1;
                // The process number has at most 22 bits.
                value <<= 2;
                continue;
            }
            _ => break,
        };
        value = value.wrapping_shl(4) ^ u64::from(digit);
        length += 1;
    }
    (dots == 1 && length > 2).then_some((value, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(prefix: &str, line: &str) -> Option<Head> {
        let prefix = Prefix::compile(prefix).unwrap();
        prefix.read(line.as_bytes(), &mut Clock::default())
    }

    fn names(prefix: &str, line: &str) -> (u32, Option<String>, Option<String>, Option<String>) {
        let head = read(prefix, line).unwrap_or_else(|| panic!("{prefix} {line}"));
        let name = |range: Option<(usize, usize)>| range.map(|(a, b)| line[a..b].to_owned());
        assert!(line[head.end..].starts_with("LOG:  "), "{line}");
        (
            head.pid,
            name(head.user),
            name(head.database),
            name(head.application),
        )
    }

    #[test]
    fn the_prefixes_in_use_are_read() {
        let some = |text: &str| Some(text.to_owned());
        let none = || None;
        assert_eq!(
            names("%m [%p] ", "2026-11-23 10:31:26.499 UTC [14832] LOG:  x"),
            (14832, none(), none(), none())
        );
        let debian = "%m [%p] %q%u@%d ";
        let line = "2026-11-23 10:31:26.499 UTC [14832] a@b@shop LOG:  x";
        assert_eq!(
            names(debian, line),
            (14832, some("a"), some("b@shop"), none())
        );
        let line = "2026-11-23 10:31:26.499 UTC [1] LOG:  mail to x@y LOG:  z";
        assert_eq!(names(debian, line), (1, none(), none(), none()));
        let line = "2026-11-23 10:31:26.499 UTC [1] [unknown]@[unknown] LOG:  x";
        assert_eq!(names(debian, line), (1, none(), none(), none()));
        let badger = "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ";
        let line = "2026-11-23 10:31:26 UTC [7]: [12-1] user=u,db=d,app=a, b,client=::1 LOG:  x";
        assert_eq!(names(badger, line), (7, some("u"), some("d"), some("a, b")));
        let rds = "%t:%r:%u@%d:[%p]:";
        let line = "2026-11-23 10:31:26 UTC:10.0.0.1(51234):u@d:[7]:LOG:  x";
        assert_eq!(names(rds, line), (7, some("u"), some("d"), none()));
        let padded = "%m %-8u|%6p|";
        let line = "2026-11-23 10:31:26.499 UTC bob     |    77|LOG:  x";
        assert_eq!(names(padded, line), (77, some("bob"), none(), none()));
        let bare = "%n %c %u";
        let line = "1795429886.499 6b041694.408f bobLOG:  x";
        assert_eq!(names(bare, line), (0, some("bob"), none(), none()));
        let head = read(bare, line).unwrap();
        assert_eq!(head.at, 1_795_429_886_499_000);
        assert_ne!(head.session, 0);
    }

    #[test]
    fn a_line_of_another_prefix_is_none() {
        assert_eq!(
            read("%m [%p] ", "2026-11-23 10:31:26.499 UTC 14832 LOG:  x"),
            None
        );
        assert_eq!(
            read("%m [%p] ", "2026-11-23 10:31:26.499 UTC [14832] hello"),
            None
        );
        assert_eq!(read("%m [%p] ", ""), None);
    }

    #[test]
    fn a_prefix_that_cannot_do_says_what_it_lacks() {
        for (text, part) in [
            ("[%p] ", "no time"),
            ("%m ", "`%p` or `%c`"),
            ("%m [%p] %z", "`%z` is no escape"),
            ("%m [%p] %", "lone `%`"),
        ] {
            let error = Prefix::compile(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
