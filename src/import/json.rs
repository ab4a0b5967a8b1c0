//! JSON of other tools: its keys at the top to recognise it by, and errors that name the line.

use serde::de::DeserializeOwned;

use super::ImportError;
use super::table::tame;

/// The keys of the object that a text begins with, as far as the text goes; it may be cut off anywhere. Empty if
/// it begins with anything else. Only the object's own keys are told, so that a name inside proves nothing.
pub(super) fn keys_at_top(head: &str) -> Vec<&str> {
    let text = head.trim_start();
    let mut keys = Vec::new();
    if !text.starts_with('{') {
        return keys;
    }
    let bytes = text.as_bytes();
    let (mut at, mut depth, mut key_next) = (0, 0_usize, false);
    while at < bytes.len() {
        match bytes[at] {
            b'{' | b'[' => {
                depth += 1;
                key_next = depth == 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
            }
            b',' => key_next = depth == 1,
            b'"' => {
                let Some(end) = end_of_string(bytes, at) else {
                    break;
                };
                if key_next {
                    keys.push(&text[at + 1..end]);
                    key_next = false;
                }
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
    keys
}

/// The place of the quote that ends the string beginning at `start`.
fn end_of_string(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return Some(at),
            _ => at += 1,
        }
    }
    None
}

/// Reads a whole text.
///
/// # Errors
/// It ends inside a value, is no JSON, has more behind its end, or its values are not those that are `expected`.
pub(super) fn parse<T: DeserializeOwned>(
    file: &str,
    text: &str,
    expected: &str,
) -> Result<T, ImportError> {
    serde_json::from_str(text).map_err(|e| damaged(file, &e, expected))
}

/// Why a JSON text cannot be read: it ends too early, or which line is not what is `expected`.
pub(super) fn damaged(file: &str, error: &serde_json::Error, expected: &str) -> ImportError {
    if error.is_eof() {
        return ImportError::Truncated {
            file: file.to_owned(),
            missing: format!("the JSON ends at line {} inside a value", error.line()),
        };
    }
    let words = tame(&error.to_string());
    // The line is told by itself.
    let found = words
        .rsplit_once(" at line ")
        .map(|(what, _)| what.to_owned());
    ImportError::Line {
        file: file.to_owned(),
        line: error.line() as u64,
        found: found.unwrap_or(words),
        expected: expected.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_at_the_top_are_told() {
        let text = r#" {"a":{"b":[1,{"c":2}]},"d\"e":"f,{","g":[{"h":1}],"i":1}"#;
        assert_eq!(keys_at_top(text), ["a", r#"d\"e"#, "g", "i"]);
        assert_eq!(keys_at_top(r#"{"a":{"b":1,"c"#), ["a"]);
        assert_eq!(keys_at_top(r#"{"a":"no end"#), ["a"]);
        assert_eq!(keys_at_top("{"), [""; 0]);
        assert_eq!(keys_at_top(r#"[{"a":1}]"#), [""; 0]);
        assert_eq!(keys_at_top("{\"a\":1}\n{\"b\":1}"), ["a"]);
    }

    #[test]
    fn errors_name_the_line() {
        let message = |text| {
            parse::<Vec<u32>>("x", text, "numbers")
                .unwrap_err()
                .to_string()
        };
        assert!(message("[1,\n2").contains("cut off: the JSON ends at line 2"));
        assert!(message("[1,\n\"\u{7f}\"]").contains("line 2: invalid type: string"));
        assert!(message("[1]\n[2]").contains("line 2: trailing characters"));
    }
}
