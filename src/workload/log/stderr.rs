//! stderr logs: a prefix, a severity and a message per line; what belongs to a message follows in
//! lines that begin with a tab, or with the same prefix and DETAIL, CONTEXT, STATEMENT…

use super::input::Step;
use super::prefix::{Head, Prefix};
use super::record::{Escape, Raw, Record, Severity};
use super::time::Clock;

/// What stands between the prefix and the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// A record begins.
    Record(Severity),
    /// It goes on.
    Detail,
    Context,
    Statement,
    /// HINT, QUERY, LOCATION, BACKTRACE.
    Skipped,
}

/// The severity at the start of `text`, and the length with colon and blanks.
#[inline]
pub(super) fn severity(text: &[u8]) -> Option<(Word, usize)> {
    const WORDS: [(&[u8], Word); 19] = [
        (b"LOG:  ", Word::Record(Severity::Log)),
        (b"DETAIL:  ", Word::Detail),
        (b"STATEMENT:  ", Word::Statement),
        (b"ERROR:  ", Word::Record(Severity::Failed)),
        (b"CONTEXT:  ", Word::Context),
        (b"LOCATION:  ", Word::Skipped),
        (b"HINT:  ", Word::Skipped),
        (b"QUERY:  ", Word::Skipped),
        (b"BACKTRACE:  ", Word::Skipped),
        (b"FATAL:  ", Word::Record(Severity::Fatal)),
        (b"PANIC:  ", Word::Record(Severity::Fatal)),
        (b"WARNING:  ", Word::Record(Severity::Other)),
        (b"NOTICE:  ", Word::Record(Severity::Other)),
        (b"INFO:  ", Word::Record(Severity::Other)),
        (b"DEBUG1:  ", Word::Record(Severity::Other)),
        (b"DEBUG2:  ", Word::Record(Severity::Other)),
        (b"DEBUG3:  ", Word::Record(Severity::Other)),
        (b"DEBUG4:  ", Word::Record(Severity::Other)),
        (b"DEBUG5:  ", Word::Record(Severity::Other)),
    ];
    if !text.first().is_some_and(u8::is_ascii_uppercase) {
        return None;
    }
    let found = WORDS.iter().find(|(word, _)| text.starts_with(word));
    found.map(|(word, kind)| (*kind, word.len()))
}

/// Reads one file.
#[derive(Debug)]
pub(super) struct Stderr {
    prefix: Prefix,
    pub(super) clock: Clock,
    /// The head of the line at which the next step begins, where it was read already.
    peeked: Option<(Head, Word, usize)>,
    /// The last line was damaged: what follows it belongs to nothing.
    broken: bool,
}

impl Stderr {
    pub(super) fn new(prefix: Prefix) -> Self {
        Self {
            prefix,
            clock: Clock::default(),
            peeked: None,
            broken: false,
        }
    }

    /// The head of a line, its severity, and where its message begins.
    #[inline]
    fn head(&mut self, line: &[u8]) -> Option<(Head, Word, usize)> {
        let head = self.prefix.read(line, &mut self.clock)?;
        let (word, length) = severity(&line[head.end..])?;
        let mut from = head.end + length;
        // log_error_verbosity = verbose
        if line[from..].starts_with(b"00000: ") {
            from += 7;
        }
        Some((head, word, from))
    }

    /// Reads the record at the start of `buffer`. Without `last`, more bytes follow.
    #[inline]
    pub(super) fn step<'a>(&mut self, buffer: &'a [u8], last: bool) -> Step<'a> {
        let Some(mut entry) = entry(buffer, last) else {
            return Step::More;
        };
        let peeked = self.peeked.take();
        let Some((head, word, from)) = peeked.or_else(|| self.head(&buffer[..entry.line])) else {
            self.broken = true;
            return Step::Damaged(entry.next);
        };
        let Word::Record(severity) = word else {
            // Its record was damaged, or is before the first line of the file.
            return if std::mem::replace(&mut self.broken, true) {
                Step::Passed(entry.next)
            } else {
                Step::Damaged(entry.next)
            };
        };
        let name = |range: Option<(usize, usize)>| range.map(|(a, b)| &buffer[a..b]);
        let mut record = Record {
            at: head.at,
            pid: head.pid,
            session: head.session,
            user: name(head.user),
            database: name(head.database),
            application: name(head.application),
            client: !head.background,
            severity,
            message: entry.raw(buffer, from),
            detail: Raw::EMPTY,
            context: Raw::EMPTY,
            statement: Raw::EMPTY,
        };
        loop {
            let at = entry.next;
            let Some(following) = self::entry(&buffer[at..], last) else {
                if last && at == buffer.len() {
                    break;
                }
                return Step::More;
            };
            let line = &buffer[at..at + following.line];
            let Some((next, word, from)) = self.head(line) else {
                break;
            };
            if matches!(word, Word::Record(_)) || next.pid != head.pid {
                self.peeked = Some((next, word, from));
                break;
            }
            let raw = following.raw(&buffer[at..], from);
            match word {
                Word::Detail => record.detail = raw,
                Word::Context => record.context = raw,
                Word::Statement => record.statement = raw,
                Word::Skipped | Word::Record(_) => {}
            }
            entry.next = at + following.next;
        }
        self.broken = false;
        Step::Record(record, entry.next)
    }
}

/// A line and its continuations.
struct Entry {
    /// End of the first line, without its end of line.
    line: usize,
    /// Where the text ends.
    text: usize,
    /// Where the next entry begins.
    next: usize,
}

impl Entry {
    fn raw<'a>(&self, buffer: &'a [u8], from: usize) -> Raw<'a> {
        Raw {
            bytes: &buffer[from.min(self.text)..self.text],
            escape: (self.text > self.line).then_some(Escape::Tabs),
        }
    }
}

/// The entry at the start of `buffer`, or `None` where its end cannot be seen yet.
#[inline]
fn entry(buffer: &[u8], last: bool) -> Option<Entry> {
    let mut found = line_end(buffer, 0, last)?;
    let line = found.0;
    while buffer.get(found.1) == Some(&b'\t') {
        found = line_end(buffer, found.1, last)?;
    }
    // Whether the next line goes on is not known yet.
    if found.1 == buffer.len() && !last {
        return None;
    }
    Some(Entry {
        line,
        text: found.0,
        next: found.1,
    })
}

/// Where the line from `from` ends, and where the next one begins.
#[inline]
fn line_end(buffer: &[u8], from: usize, last: bool) -> Option<(usize, usize)> {
    let rest = buffer.get(from..).filter(|rest| !rest.is_empty())?;
    match memchr::memchr(b'\n', rest) {
        Some(at) => {
            let carriage = at > 0 && rest[at - 1] == b'\r';
            Some((from + at - usize::from(carriage), from + at + 1))
        }
        None if last => Some((buffer.len(), buffer.len())),
        None => None,
    }
}
