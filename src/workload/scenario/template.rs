//! Texts with values in them: paths, queries, headers, bodies, messages.

use std::fmt::{self, Write as _};

use crate::workload::Value;

/// A text with values in it. Its `Debug` shows no text: it may hold a secret of the environment.
#[derive(Clone, PartialEq, Default)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq)]
enum Part {
    Text(String),
    Value(usize, Form),
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    Plain,
    /// Percent-encoded (RFC 3986): all but unreserved characters.
    Encoded,
    /// Inside of a JSON string.
    JsonInside,
    /// A JSON value by itself: numbers stay numbers.
    JsonWhole,
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({} parts)", self.parts.len())
    }
}

impl Template {
    /// Appends a fixed text.
    pub(super) fn push_text(&mut self, text: &str) {
        match self.parts.last_mut() {
            Some(Part::Text(last)) => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.parts.push(Part::Text(text.to_owned())),
        }
    }

    /// Appends the value of a slot.
    pub(super) fn push_value(&mut self, slot: usize, form: Form) {
        self.parts.push(Part::Value(slot, form));
    }

    /// Slots of the values in it.
    pub(super) fn slots(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Value(slot, _) => Some(*slot),
        })
    }

    /// The text where it has no value in it.
    #[must_use]
    pub fn fixed(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Appends the text with the values of these slots; a slot that is missing or NULL writes nothing.
    pub fn render(&self, slots: &[Value], out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Value(slot, form) => {
                    if let Some(value) = slots.get(*slot) {
                        form.write(value, out);
                    }
                }
            }
        }
    }

    /// The text with the values of these slots.
    #[must_use]
    pub fn text(&self, slots: &[Value]) -> String {
        let mut out = String::new();
        self.render(slots, &mut out);
        out
    }
}

impl Form {
    fn write(self, value: &Value, out: &mut String) {
        let drawn;
        let text = match value {
            Value::Text(text) => text.as_ref(),
            other => {
                drawn = other.as_text().unwrap_or_default();
                &drawn
            }
        };
        match self {
            Self::Plain => out.push_str(text),
            Self::Encoded => encode(text, out),
            Self::JsonInside => escape(text, out),
            Self::JsonWhole => match value {
                Value::Int(_) | Value::Decimal { .. } => out.push_str(text),
                Value::Null => out.push_str("null"),
                _ => {
                    out.push('"');
                    escape(text, out);
                    out.push('"');
                }
            },
        }
    }
}

/// Percent-encodes all but unreserved characters (RFC 3986, section 2.3).
pub(super) fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 0xF] {
                out.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
}

/// Escapes for the inside of a JSON string (RFC 8259, section 7).
pub(super) fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => {
                // Writing into memory cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(form: Form, value: &Value) -> String {
        let mut template = Template::default();
        template.push_text("<");
        template.push_value(0, form);
        template.push_text(">");
        template.text(std::slice::from_ref(value))
    }

    #[test]
    fn a_value_cannot_leave_its_place() {
        let text = Value::Text("a b/\"ü\n".into());
        assert_eq!(of(Form::Encoded, &text), "<a%20b%2F%22%C3%BC%0A>");
        assert_eq!(of(Form::JsonInside, &text), "<a b/\\\"ü\\n>");
        assert_eq!(of(Form::JsonWhole, &text), "<\"a b/\\\"ü\\n\">");
        assert_eq!(of(Form::Plain, &text), "<a b/\"ü\n>");
    }

    #[test]
    fn a_number_stays_one_in_json() {
        assert_eq!(of(Form::JsonWhole, &Value::Int(-7)), "<-7>");
        let decimal = Value::Decimal {
            unscaled: 1205,
            scale: 2,
        };
        assert_eq!(of(Form::JsonWhole, &decimal), "<12.05>");
        assert_eq!(of(Form::JsonWhole, &Value::Null), "<null>");
    }

    #[test]
    fn a_debug_form_tells_no_secret() {
        let mut template = Template::default();
        template.push_text("Bearer canary");
        assert!(!format!("{template:?}").contains("canary"));
    }
}
