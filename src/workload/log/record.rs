//! One record of a server log, whatever its format.

/// How bad a record is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    /// LOG.
    Log,
    /// ERROR: the statement did not do what it should.
    Failed,
    /// FATAL, PANIC: nor will the session.
    Fatal,
    /// DEBUG, INFO, NOTICE, WARNING.
    Other,
}

/// How special characters of a field are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// stderr: a tab stands before every line but the first.
    Tabs,
    /// csvlog: quotes are doubled.
    Quotes,
    /// jsonlog: backslashes.
    Json,
}

/// A field as it stands in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw<'a> {
    pub(super) bytes: &'a [u8],
    /// How it is to be decoded; `None` where it stands as it is.
    pub(super) escape: Option<Escape>,
}

/// A record: what one call of the server's `ereport` wrote.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    /// When it was written, in microseconds since 1970 (UTC).
    pub(super) at: i64,
    /// The process; 0 where only the session id is known.
    pub(super) pid: u32,
    /// The session id (`%c`), as a number; 0 where the log has none.
    pub(super) session: u64,
    pub(super) user: Option<&'a [u8]>,
    pub(super) database: Option<&'a [u8]>,
    pub(super) application: Option<&'a [u8]>,
    /// False where the log says that it was written by a process that serves no client.
    pub(super) client: bool,
    pub(super) severity: Severity,
    pub(super) message: Raw<'a>,
    pub(super) detail: Raw<'a>,
    pub(super) context: Raw<'a>,
    pub(super) statement: Raw<'a>,
}

impl<'a> Raw<'a> {
    /// Nothing.
    pub(super) const EMPTY: Raw<'static> = Raw {
        bytes: b"",
        escape: None,
    };

    /// The text that the server meant.
    pub(super) fn decode<'b>(self, scratch: &'b mut Vec<u8>) -> &'b [u8]
    where
        'a: 'b,
    {
        let Some(escape) = self.escape else {
            return self.bytes;
        };
        scratch.clear();
        match escape {
            Escape::Tabs => untab(self.bytes, scratch),
            Escape::Quotes => undouble(self.bytes, scratch),
            Escape::Json => unescape(self.bytes, scratch),
        }
        scratch
    }
}

/// Takes the tab away that the server put before every further line.
fn untab(bytes: &[u8], out: &mut Vec<u8>) {
    let mut from = 0;
    for newline in memchr::memchr_iter(b'\n', bytes) {
        // A line that was cut and damaged has no tab.
        out.extend_from_slice(&bytes[from..=newline]);
        from = newline + 1 + usize::from(bytes.get(newline + 1) == Some(&b'\t'));
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
}

fn undouble(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(at) = memchr::memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=at]);
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

fn unescape(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let Some(&escaped) = rest.get(at + 1) else {
            return;
        };
        rest = &rest[at + 2..];
        match escaped {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'u' => rest = code_point(rest, out),
            other => out.push(other),
        }
    }
    out.extend_from_slice(rest);
}

/// The four hexadecimal digits behind `\u`, and a second half of a surrogate pair; the server itself writes it for control
/// characters only.
fn code_point<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let unit = |bytes: &[u8]| {
        let digits = bytes.get(..4).and_then(|d| std::str::from_utf8(d).ok());
        digits.and_then(|d| u32::from_str_radix(d, 16).ok())
    };
    let Some(first) = unit(rest) else {
        return rest;
    };
    let rest = &rest[4..];
    let (code, rest) = match rest.strip_prefix(b"\\u").map(|r| (unit(r), r)) {
        Some((Some(second), after))
            if (0xD800..0xDC00).contains(&first) && (0xDC00..0xE000).contains(&second) =>
        {
            let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            (code, &after[4..])
        }
        _ => (first, rest),
    };
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8], escape: Escape) -> String {
        let raw = Raw {
            bytes,
            escape: Some(escape),
        };
        let mut scratch = Vec::new();
        String::from_utf8(raw.decode(&mut scratch).to_vec()).unwrap()
    }

    #[test]
    fn every_format_gives_the_text_that_was_logged() {
        let text = "SELECT 'a\n\tb \"q\" \\ \u{1}ü'";
        let stderr = text.replace('\n', "\n\t");
        assert_eq!(decoded(stderr.as_bytes(), Escape::Tabs), text);
        let csv = text.replace('"', "\"\"");
        assert_eq!(decoded(csv.as_bytes(), Escape::Quotes), text);
        let json = serde_json::to_string(text).unwrap();
        assert_eq!(
            decoded(&json.as_bytes()[1..json.len() - 1], Escape::Json),
            text
        );
        assert_eq!(
            decoded(br"\ud83d\ude00 \ud83d \u00e4\", Escape::Json),
            "😀 \u{fffd} ä"
        );
    }
}
