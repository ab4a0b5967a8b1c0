//! Fields of a line: escaped as in COPY's text format.

use std::borrow::Cow;

/// What stands in front of a constant's slot in a template, escaped.
pub(super) const CONSTANT: u8 = b'?';

/// What stands in front of a comment's slot in a template, escaped.
pub(super) const COMMENT: u8 = b'#';

/// Adds a tab and a value.
pub(crate) fn push_field(line: &mut Vec<u8>, value: &[u8]) {
    line.push(b'\t');
    push_escaped(line, value);
}

/// Adds a tab and a NULL.
pub(crate) fn push_null(line: &mut Vec<u8>) {
    line.extend_from_slice(b"\t\\N");
}

/// Adds a tab and a number.
pub(crate) fn push_number(line: &mut Vec<u8>, number: u64) {
    line.push(b'\t');
    push_digits(line, number);
}

/// Adds a number.
pub(super) fn push_digits(line: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        // Below ten.
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    line.extend_from_slice(&digits[at..]);
}

/// Adds a value, escaped.
pub(super) fn push_escaped(line: &mut Vec<u8>, value: &[u8]) {
    let special = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b'\\');
    let mut rest = value;
    while let Some(at) = rest.iter().position(special) {
        line.extend_from_slice(&rest[..at]);
        line.push(b'\\');
        line.push(match rest[at] {
            b'\t' => b't',
            b'\n' => b'n',
            b'\r' => b'r',
            other => other,
        });
        rest = &rest[at + 1..];
    }
    line.extend_from_slice(rest);
}

/// A value as it was; `None` for NULL. An unknown escape is the character itself, as COPY reads it.
pub(super) fn value(field: &str) -> Option<Cow<'_, str>> {
    if field == "\\N" {
        return None;
    }
    if !field.contains('\\') {
        return Some(Cow::Borrowed(field));
    }
    let mut text = String::with_capacity(field.len());
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some('t') => text.push('\t'),
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some(other) => text.push(other),
            None => {}
        }
    }
    Some(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_as_it_was() {
        for text in ["", "plain", "\\N", "a\tb\nc\rd\\e", "ünïcödé — 日本語 \\?"] {
            let mut line = Vec::new();
            push_field(&mut line, text.as_bytes());
            let line = String::from_utf8(line).unwrap();
            assert!(!line[1..].contains(['\t', '\n', '\r']));
            assert_eq!(value(&line[1..]).as_deref(), Some(text));
        }
        assert_eq!(value("\\N"), None);
    }

    #[test]
    fn numbers_are_written_in_full() {
        for number in [0, 7, 10, 12_345, u64::MAX] {
            let mut line = Vec::new();
            push_digits(&mut line, number);
            assert_eq!(String::from_utf8(line).unwrap(), number.to_string());
        }
    }
}
