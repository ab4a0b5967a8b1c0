//! What a LOG message tells about a session.

use crate::workload::Protocol;

/// A message that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message<'a> {
    /// `duration: N ms  statement: …`, or the same without a duration.
    Call {
        took_us: Option<u64>,
        protocol: Protocol,
        text: &'a [u8],
    },
    /// `duration: N ms`, of something that was logged before, or never.
    Duration(u64),
    /// `parse` or `bind`: what comes before an execution.
    Preparing,
    /// `execute fetch from …`: more rows of a call that was counted.
    Fetch,
    /// `connection received: …`
    Received,
    /// `connection authorized: …`
    Authorized(&'a [u8]),
    /// `disconnection: …`
    Disconnected,
}

/// Whether a message can be one of those that matter; for a quick look before it is decoded.
#[inline]
pub(super) fn matters(message: &[u8]) -> bool {
    match message.first() {
        Some(b'd') => message.starts_with(b"duration: ") || message.starts_with(b"disconnection: "),
        Some(b's') => message.starts_with(b"statement: "),
        Some(b'e') => message.starts_with(b"execute "),
        Some(b'c') => message.starts_with(b"connection "),
        _ => false,
    }
}

/// Reads a decoded message.
#[inline]
pub(super) fn read(message: &[u8]) -> Option<Message<'_>> {
    if let Some(rest) = message.strip_prefix(b"duration: ") {
        let (took, rest) = milliseconds(rest)?;
        if rest.is_empty() {
            return Some(Message::Duration(took));
        }
        return match call(rest.strip_prefix(b"  ")?)? {
            Message::Call { protocol, text, .. } => Some(Message::Call {
                took_us: Some(took),
                protocol,
                text,
            }),
            other => Some(other),
        };
    }
    if let Some(rest) = message.strip_prefix(b"connection ") {
        if let Some(names) = rest.strip_prefix(b"authorized: ") {
            return Some(Message::Authorized(names));
        }
        return rest.starts_with(b"received: ").then_some(Message::Received);
    }
    if message.starts_with(b"disconnection: ") {
        return Some(Message::Disconnected);
    }
    call(message)
}

/// What `auto_explain` writes: microseconds, and what stands behind `plan:`.
pub(super) fn plan(message: &[u8]) -> Option<(u64, &[u8])> {
    let (took, rest) = milliseconds(message.strip_prefix(b"duration: ")?)?;
    Some((took, rest.strip_prefix(b"  plan:\n")?))
}

fn call(text: &[u8]) -> Option<Message<'_>> {
    let call = |protocol, text| {
        Some(Message::Call {
            took_us: None,
            protocol,
            text,
        })
    };
    if let Some(text) = text.strip_prefix(b"statement: ") {
        return call(Protocol::Simple, text);
    }
    if let Some(rest) = text.strip_prefix(b"execute ") {
        if rest.starts_with(b"fetch from ") {
            return Some(Message::Fetch);
        }
        let colon = memchr::memmem::find(rest, b": ")?;
        let unnamed = rest.starts_with(b"<unnamed>");
        let protocol = if unnamed {
            Protocol::Extended
        } else {
            Protocol::Prepared
        };
        return call(protocol, &rest[colon + 2..]);
    }
    let preparing = text.starts_with(b"parse ") || text.starts_with(b"bind ");
    preparing.then_some(Message::Preparing)
}

/// `12.345 ms`, in microseconds.
#[inline]
fn milliseconds(text: &[u8]) -> Option<(u64, &[u8])> {
    let (mut value, mut at) = (0u64, 0);
    while let Some(digit) = text.get(at).filter(|c| c.is_ascii_digit()) {
        value = value
            .checked_mul(10)?
            .checked_add(u64::from(digit - b'0'))?;
        at += 1;
    }
    let rest = text.get(at..).filter(|_| at > 0)?.strip_prefix(b".")?;
    let (digits, rest) = rest.split_at_checked(3)?;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value
            .checked_mul(10)?
            .checked_add(u64::from(digit - b'0'))?;
    }
    Some((value, rest.strip_prefix(b" ms")?))
}

/// User, database and application of `connection authorized: user=… database=…`.
pub(super) fn names(text: &[u8]) -> [Option<&[u8]>; 3] {
    let between = |from: &[u8], to: &[&[u8]]| {
        let at = memchr::memmem::find(text, from)? + from.len();
        let rest = &text[at..];
        let ends = to
            .iter()
            .filter_map(|mark| memchr::memmem::find(rest, mark));
        Some(&rest[..ends.min().unwrap_or(rest.len())])
    };
    let ends: [&[u8]; 2] = [b" SSL enabled (", b" GSS ("];
    let user = between(b"user=", &[b" database=", ends[0], ends[1]]);
    let database = between(b" database=", &[b" application_name=", ends[0], ends[1]]);
    [user, database, between(b" application_name=", &ends)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_call_is_read() {
        let call = |took_us, protocol, text: &'static str| {
            Some(Message::Call {
                took_us,
                protocol,
                text: text.as_bytes(),
            })
        };
        for (text, expected) in [
            (
                "duration: 0.200 ms  statement: BEGIN;",
                call(Some(200), Protocol::Simple, "BEGIN;"),
            ),
            ("statement: a: b", call(None, Protocol::Simple, "a: b")),
            (
                "duration: 3600000.001 ms  execute <unnamed>: SELECT $1",
                call(Some(3_600_000_001), Protocol::Extended, "SELECT $1"),
            ),
            (
                "execute S_1/C_2: SELECT 1",
                call(None, Protocol::Prepared, "SELECT 1"),
            ),
            ("duration: 1.5 ms  statement: x", None),
            ("duration: 0.031 ms", Some(Message::Duration(31))),
            (
                "duration: 0.031 ms  bind <unnamed>: SELECT 1",
                Some(Message::Preparing),
            ),
            (
                "duration: 0.031 ms  parse a: SELECT 1",
                Some(Message::Preparing),
            ),
            (
                "duration: 0.031 ms  execute fetch from a/b: SELECT 1",
                Some(Message::Fetch),
            ),
            ("duration: 0.031 ms  plan:\nQuery Text: statement: x", None),
            ("connection received: host=x", Some(Message::Received)),
            (
                "disconnection: session time: 0:00:00.1",
                Some(Message::Disconnected),
            ),
            ("checkpoint starting: time", None),
        ] {
            assert_eq!(read(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn a_plan_is_told_from_a_call() {
        let found = plan(b"duration: 0.031 ms  plan:\nQuery Text: x");
        assert_eq!(found, Some((31, &b"Query Text: x"[..])));
        assert_eq!(plan(b"duration: 0.031 ms  statement: plan:\n"), None);
    }

    #[test]
    fn names_of_a_connection_are_read() {
        let text = b"user=a b database=c d application_name=e f SSL enabled (protocol=TLSv1.3)";
        let some = |text: &'static [u8]| Some(text);
        assert_eq!(names(text), [some(b"a b"), some(b"c d"), some(b"e f")]);
        assert_eq!(names(b"user=a database=b"), [some(b"a"), some(b"b"), None]);
    }
}
