//! Rows in the text format of COPY (PostgreSQL manual, COPY, "Text Format").

use std::fmt::{Display, Write};

use jiff::Timestamp;

/// Rows being written: fields separated by tabs, rows ended by newlines, null as `\N`.
#[derive(Debug, Default)]
pub(crate) struct CopyText {
    text: String,
    in_row: bool,
}

impl CopyText {
    /// Bytes written and not yet taken.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Takes what was written and leaves the buffer empty.
    pub(crate) fn take(&mut self) -> String {
        let capacity = self.text.capacity();
        std::mem::replace(&mut self.text, String::with_capacity(capacity))
    }

    /// A value whose text form holds no tab, newline or backslash, such as a number.
    pub(crate) fn plain(&mut self, value: impl Display) -> &mut Self {
        self.separate();
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{value}");
        self
    }

    /// Text, with the characters escaped that COPY would read as its own.
    pub(crate) fn text(&mut self, value: &str) -> &mut Self {
        self.separate();
        // One search per character: a search for single characters is a fast one even without
        // optimisation, and almost no value needs more.
        if ['\\', '\t', '\n', '\r']
            .iter()
            .any(|special| value.contains(*special))
        {
            for character in value.chars() {
                match character {
                    '\\' => self.text.push_str("\\\\"),
                    '\t' => self.text.push_str("\\t"),
                    '\n' => self.text.push_str("\\n"),
                    '\r' => self.text.push_str("\\r"),
                    other => self.text.push(other),
                }
            }
        } else {
            self.text.push_str(value);
        }
        self
    }

    /// A point in time, in seconds of Unix time.
    pub(crate) fn time(&mut self, at: i64) -> &mut Self {
        self.plain(Timestamp::constant(at, 0))
    }

    /// A value or null.
    pub(crate) fn plain_or_null(&mut self, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.plain(value),
            None => self.null(),
        }
    }

    /// Text or null.
    pub(crate) fn text_or_null(&mut self, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    /// A point in time or null.
    pub(crate) fn time_or_null(&mut self, at: Option<i64>) -> &mut Self {
        match at {
            Some(at) => self.time(at),
            None => self.null(),
        }
    }

    /// Ends the row.
    pub(crate) fn end_row(&mut self) {
        self.text.push('\n');
        self.in_row = false;
    }

    fn null(&mut self) -> &mut Self {
        self.separate();
        self.text.push_str("\\N");
        self
    }

    fn separate(&mut self) {
        if self.in_row {
            self.text.push('\t');
        }
        self.in_row = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_separated_and_escaped() {
        let mut rows = CopyText::default();
        rows.plain(7)
            .text("a\tb\\N\r\nc")
            .text_or_null(None)
            .time(0)
            .end_row();
        rows.text("")
            .plain_or_null(Some(2))
            .plain_or_null(None::<i32>)
            .time_or_null(None)
            .end_row();
        assert_eq!(
            rows.take(),
            "7\ta\\tb\\\\N\\r\\nc\t\\N\t1970-01-01T00:00:00Z\n\t2\t\\N\t\\N\n"
        );
        assert_eq!(rows.len(), 0);
    }
}
