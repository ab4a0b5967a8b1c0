//! Rows of a CSV file that is too long to be read whole, with the line of each.

use std::io::{self, BufRead, Read};

use super::source::unreadable;
use super::{ImportError, Source};

/// Longest row in bytes: a quote that is never closed must not take all memory.
const MAX_ROW_BYTES: u64 = 64 << 20;

/// A reader that remembers the last byte, and refuses a row without end.
struct Watched<'a> {
    bytes: Box<dyn BufRead + 'a>,
    last: Option<u8>,
    since_row: u64,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.since_row > MAX_ROW_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a row of more than {MAX_ROW_BYTES} bytes; is a quote never closed?"),
            ));
        }
        let count = self.bytes.read(buffer)?;
        self.since_row += count as u64;
        self.last = buffer[..count].last().copied().or(self.last);
        Ok(count)
    }
}

/// Rows one after the other.
pub(super) struct Rows<'a> {
    file: String,
    reader: csv::Reader<Watched<'a>>,
    record: csv::StringRecord,
    /// The reader's own count is one short where lines end in CR LF, because it stops between the two.
    behind: u64,
    line: u64,
    fields: Option<usize>,
}

impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("file", &self.file)
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

impl<'a> Rows<'a> {
    /// Begins to read, fields parted by `delimiter`. The first row, be it a header or not, tells how many
    /// fields all of them have.
    pub(super) fn new(source: Source<'a>, delimiter: u8) -> Self {
        let first = source.head().split_once('\n').map_or("", |(line, _)| line);
        let behind = u64::from(first.ends_with('\r'));
        let (file, bytes) = source.into_reader();
        let watched = Watched {
            bytes,
            last: None,
            since_row: 0,
        };
        Self {
            file,
            reader: csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .delimiter(delimiter)
                .from_reader(watched),
            record: csv::StringRecord::new(),
            behind,
            line: 0,
            fields: None,
        }
    }

    /// The name for messages.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read on, is no text, or the row has another number of fields than the first one. A file
    /// that does not end in a line end is cut off, if a row came before its last one.
    pub(super) fn next(&mut self) -> Result<Option<Row<'_>>, ImportError> {
        self.reader.get_mut().since_row = 0;
        let more = self.reader.read_record(&mut self.record);
        let more = more.map_err(|e| self.wrong_bytes(e))?;
        if !more {
            return Ok(None);
        }
        let at = self.record.position().map_or(0, csv::Position::line);
        self.line = if self.fields.is_some() {
            at + self.behind
        } else {
            at
        };
        let found = self.record.len();
        let expected = *self.fields.get_or_insert(found);
        if found != expected {
            return Err(self.wrong(
                format!("{found} fields"),
                &format!("{expected} fields as in the first row"),
            ));
        }
        Ok(Some(Row {
            file: &self.file,
            line: self.line,
            record: &self.record,
        }))
    }

    /// Called after the last row: all these tools end their files with a line end.
    ///
    /// # Errors
    /// This one does not.
    pub(super) fn check_end(&self) -> Result<(), ImportError> {
        if matches!(self.reader.get_ref().last, Some(b'\n' | b'\r')) {
            return Ok(());
        }
        Err(ImportError::Truncated {
            file: self.file.clone(),
            missing: format!("line {} has no end", self.line),
        })
    }

    fn wrong(&self, found: String, expected: &str) -> ImportError {
        ImportError::Line {
            file: self.file.clone(),
            line: self.line,
            found,
            expected: expected.to_owned(),
        }
    }

    fn wrong_bytes(&self, error: csv::Error) -> ImportError {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => unreadable(&self.file, &error),
            _ => ImportError::Line {
                file: self.file.clone(),
                line: self.line + 1,
                found: "a row that is not UTF-8".to_owned(),
                expected: "text".to_owned(),
            },
        }
    }
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    file: &'a str,
    /// Counted from 1.
    pub(super) line: u64,
    record: &'a csv::StringRecord,
}

impl<'a> Row<'a> {
    /// How many fields it has.
    pub(super) fn len(&self) -> usize {
        self.record.len()
    }

    /// All fields.
    pub(super) fn fields(&self) -> impl Iterator<Item = &'a str> {
        self.record.iter()
    }

    /// The text of a field; empty if there is none.
    pub(super) fn text(&self, column: usize) -> &'a str {
        self.record.get(column).unwrap_or("")
    }

    /// A field that is not what it should be.
    pub(super) fn wrong(&self, column: usize, name: &str, expected: &str) -> ImportError {
        let found: String = self.text(column).chars().take(100).collect();
        ImportError::Line {
            file: self.file.to_owned(),
            line: self.line,
            found: format!("`{}` in column `{name}`", super::table::tame(&found)),
            expected: expected.to_owned(),
        }
    }

    /// A finite number that is not negative.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn number(&self, column: usize, name: &str) -> Result<f64, ImportError> {
        match self.text(column).trim().parse::<f64>() {
            Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
            _ => Err(self.wrong(column, name, "a number that is not negative")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::ImportFile;

    fn lines_of(text: &str) -> Result<Vec<u64>, ImportError> {
        let source = Source::open(ImportFile::of_bytes("x.csv", text.as_bytes()))?;
        let mut rows = Rows::new(source, b',');
        let mut lines = Vec::new();
        while let Some(row) = rows.next()? {
            lines.push(row.line);
        }
        rows.check_end()?;
        Ok(lines)
    }

    #[test]
    fn lines_are_counted_with_quotes_blank_lines_and_both_line_ends() {
        assert_eq!(lines_of("a,b\n1,2\n3,4\n"), Ok(vec![1, 2, 3]));
        assert_eq!(lines_of("a,b\r\n1,2\r\n3,4\r\n"), Ok(vec![1, 2, 3]));
        assert_eq!(lines_of("a,b\n\"1\n\",2\n3,4\n"), Ok(vec![1, 2, 4]));
    }

    #[test]
    fn a_row_of_another_width_and_a_file_without_end_are_refused() {
        let message = |text| lines_of(text).unwrap_err().to_string();
        assert!(message("a,b\n1,2\n3\n").contains("line 3: 1 fields; expected 2 fields"));
        assert!(message("a,b\r\n1,2\r\n3\r\n").contains("line 3: 1 fields"));
        assert!(message("a,b\n1,2\n3,4").contains("cut off: line 3 has no end"));
    }
}
