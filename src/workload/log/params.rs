//! `parameters: $1 = '…', $2 = NULL`, as DETAIL and CONTEXT have it.

use super::classify::Reason;
use crate::workload::captured::{push_field, push_null};

/// The list in a DETAIL, of whatever version; empty where there is none.
pub(super) fn of_detail(detail: &[u8]) -> &[u8] {
    let list = detail.strip_prefix(b"parameters: ");
    let list = list.or_else(|| detail.strip_prefix(b"Parameters: "));
    list.unwrap_or_default()
}

/// The list in a CONTEXT, such as `unnamed portal with parameters: …`, or `… parameter $1 = …` for
/// the one that was refused; empty where there is none.
pub(super) fn of_context(context: &[u8]) -> &[u8] {
    for mark in [b" with parameters: ".as_slice(), b" parameter "] {
        if let Some(at) = memchr::memmem::find(context, mark) {
            let list = &context[at + mark.len()..];
            if list.starts_with(b"$") {
                return list;
            }
        }
    }
    b""
}

/// Adds the first `count` values of a list to a line.
///
/// # Errors
/// There are fewer, or the list is damaged.
pub(super) fn push(line: &mut Vec<u8>, list: &[u8], count: usize) -> Result<(), Reason> {
    if count > 0 && list.is_empty() {
        return Err(Reason::NoParameters);
    }
    let mut rest = list;
    let mut unquoted = Vec::new();
    for number in 1..=count {
        if number > 1 {
            rest = rest.strip_prefix(b", ").ok_or(Reason::DamagedParameters)?;
        }
        rest = numbered(rest, number).ok_or(Reason::DamagedParameters)?;
        if let Some(after) = rest.strip_prefix(b"NULL") {
            push_null(line);
            rest = after;
            continue;
        }
        let inside = rest.strip_prefix(b"'").ok_or(Reason::DamagedParameters)?;
        let (length, doubled) = quoted(inside).ok_or(Reason::DamagedParameters)?;
        let value = &inside[..length];
        if doubled {
            unquoted.clear();
            undouble(value, &mut unquoted);
            push_field(line, &unquoted);
        } else {
            push_field(line, value);
        }
        rest = &inside[length + 1..];
    }
    Ok(())
}

/// What follows `$N = `.
fn numbered(text: &[u8], number: usize) -> Option<&[u8]> {
    let mut rest = text.strip_prefix(b"$")?;
    let mut found = 0usize;
    while let Some((digit, after)) = rest.split_first().filter(|(c, _)| c.is_ascii_digit()) {
        found = found.checked_mul(10)? + usize::from(digit - b'0');
        rest = after;
    }
    rest.strip_prefix(b" = ").filter(|_| found == number)
}

/// The length up to the closing quote, and whether quotes are doubled before it.
fn quoted(text: &[u8]) -> Option<(usize, bool)> {
    let (mut at, mut doubled) = (0, false);
    loop {
        at += memchr::memchr(b'\'', text.get(at..)?)?;
        if text.get(at + 1) != Some(&b'\'') {
            return Some((at, doubled));
        }
        doubled = true;
        at += 2;
    }
}

fn undouble(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\'', rest) {
        out.extend_from_slice(&rest[..=at]);
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(list: &str, count: usize) -> Result<String, Reason> {
        let mut line = Vec::new();
        push(&mut line, list.as_bytes(), count)?;
        Ok(String::from_utf8(line).unwrap())
    }

    #[test]
    fn values_are_taken_as_they_were_bound() {
        let list = "$1 = 'it''s, $2 = ''x''', $2 = NULL, $3 = '', $4 = 'NULL', $5 = 'a\nb'";
        let expected = "\tit's, $2 = 'x'\t\\N\t\tNULL\ta\\nb";
        assert_eq!(pushed(list, 5).as_deref(), Ok(expected));
        assert_eq!(pushed(list, 1).as_deref(), Ok("\tit's, $2 = 'x'"));
        assert_eq!(pushed("", 0).as_deref(), Ok(""));
        let twelve: Vec<String> = (1..=12).map(|n| format!("${n} = '{n}'")).collect();
        assert!(
            pushed(&twelve.join(", "), 12)
                .unwrap()
                .ends_with("\t11\t12")
        );
    }

    #[test]
    fn what_is_missing_or_damaged_is_told_apart() {
        assert_eq!(pushed("", 1), Err(Reason::NoParameters));
        for list in [
            "$1 = 'a",
            "$1 = 'a'",
            "$1 = 'a', $3 = 'b'",
            "$1 = x, $2 = 'b'",
            "1 = 'a'",
        ] {
            assert_eq!(pushed(list, 2), Err(Reason::DamagedParameters), "{list}");
        }
    }

    #[test]
    fn every_wording_is_known() {
        let list = b"$1 = 'a'".as_slice();
        assert_eq!(of_detail(b"parameters: $1 = 'a'"), list);
        assert_eq!(of_detail(b"Parameters: $1 = 'a'"), list);
        assert_eq!(of_detail(b"prepare: PREPARE a AS SELECT 1"), b"");
        assert_eq!(
            of_context(b"unnamed portal with parameters: $1 = 'a'"),
            list
        );
        assert_eq!(
            of_context(b"while x\nextended query with parameters: $1 = 'a'"),
            list
        );
        assert_eq!(of_context(b"unnamed portal parameter $1 = 'a'"), list);
        assert_eq!(of_context(b"PL/pgSQL function f(integer) line 3"), b"");
    }
}
