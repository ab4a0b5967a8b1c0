//! A CSV table with the line of every row, so that an error can name it.

use super::ImportError;

/// A parsed table.
#[derive(Debug)]
pub(super) struct Table<'a> {
    file: &'a str,
    header: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// One row.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) line: u64,
    cells: Vec<String>,
}

/// Counts lines up to growing offsets. The reader's own count is one short where lines end in
/// CR LF, because it stops between the two.
struct LineCounter<'a> {
    bytes: &'a [u8],
    offset: usize,
    line: u64,
}

impl<'a> LineCounter<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            offset: 0,
            line: 1,
        }
    }

    fn at(&mut self, position: Option<&csv::Position>) -> u64 {
        let target = position.map_or(0, csv::Position::byte);
        let target = usize::try_from(target).unwrap_or(usize::MAX);
        while let Some(byte) = self.bytes.get(self.offset) {
            // A record begins after the line end of the one before.
            if self.offset >= target && !matches!(byte, b'\r' | b'\n') {
                break;
            }
            self.line += u64::from(*byte == b'\n');
            self.offset += 1;
        }
        self.line
    }
}

impl<'a> Table<'a> {
    /// Reads all rows; every row must have as many fields as the header.
    pub(super) fn read(file: &'a str, text: &str) -> Result<Self, ImportError> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let mut header: Option<Vec<String>> = None;
        let mut rows = Vec::new();
        let mut lines = LineCounter::new(text);
        for record in reader.records() {
            let record = record.map_err(|e| ImportError::Line {
                file: file.to_owned(),
                line: lines.at(e.position()),
                found: "a row that is not CSV".to_owned(),
                expected: "comma-separated fields".to_owned(),
            })?;
            let line = lines.at(record.position());
            let cells: Vec<String> = record.iter().map(str::to_owned).collect();
            let Some(header) = &header else {
                header = Some(cells);
                continue;
            };
            if cells.len() != header.len() {
                return Err(ImportError::Line {
                    file: file.to_owned(),
                    line,
                    found: format!("{} fields", cells.len()),
                    expected: format!("{} fields as in the header", header.len()),
                });
            }
            rows.push(Row { line, cells });
        }
        Ok(Self {
            file,
            header: header.unwrap_or_default(),
            rows,
        })
    }

    /// The place of a column.
    pub(super) fn column(&self, name: &str) -> Result<usize, ImportError> {
        self.header
            .iter()
            .position(|h| h == name)
            .ok_or_else(|| ImportError::Line {
                file: self.file.to_owned(),
                line: 1,
                found: "a header without it".to_owned(),
                expected: format!("the column `{name}`"),
            })
    }

    /// Columns whose name is a percentile, such as `99.9%`: place and key without the sign.
    pub(super) fn percentile_columns(&self) -> Vec<(usize, String)> {
        self.header
            .iter()
            .enumerate()
            .filter_map(|(i, name)| {
                let key = name.strip_suffix('%')?;
                let shaped = key.split('.').count() <= 2
                    && key
                        .split('.')
                        .all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
                shaped.then(|| (i, key.to_owned()))
            })
            .collect()
    }

    fn wrong(&self, row: &Row, column: usize, expected: &str) -> ImportError {
        ImportError::Line {
            file: self.file.to_owned(),
            line: row.line,
            found: format!(
                "`{}` in column `{}`",
                row.cells[column], self.header[column]
            ),
            expected: expected.to_owned(),
        }
    }

    /// A whole number that is not negative.
    pub(super) fn count(&self, row: &Row, column: usize) -> Result<u64, ImportError> {
        row.cells[column]
            .parse()
            .map_err(|_| self.wrong(row, column, "a whole number"))
    }

    /// A number, or `None` for the ways in which tools write that there is none.
    pub(super) fn number(&self, row: &Row, column: usize) -> Result<Option<f64>, ImportError> {
        let cell = row.cells[column].as_str();
        if matches!(cell, "" | "N/A" | "-" | "null" | "NaN" | "nan") {
            return Ok(None);
        }
        match cell.parse::<f64>() {
            Ok(value) if value.is_finite() && value >= 0.0 => Ok(Some(value)),
            _ => Err(self.wrong(row, column, "a number that is not negative")),
        }
    }
}

impl Row {
    /// The text of a column.
    pub(super) fn text(&self, column: usize) -> &str {
        &self.cells[column]
    }
}

/// Names and messages of other tools are hostile text: control characters, which could move a
/// terminal's cursor, become U+FFFD.
pub(super) fn tame(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
        .collect()
}
