//! Characters on a grid, and lines of painted pieces.

use crate::report::doc::Tone;
use crate::report::render::Style;
use crate::report::text::layout::width;
use crate::report::text::paint;

/// A line of pieces that are painted alike.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Line {
    pieces: Vec<(String, Tone)>,
    columns: usize,
}

impl Line {
    /// Adds a piece. Blanks look the same in every tone.
    pub(super) fn add(&mut self, text: &str, tone: Tone) {
        self.columns += width(text);
        match self.pieces.last_mut() {
            Some((last, same)) if *same == tone || text.trim().is_empty() => last.push_str(text),
            _ => self.pieces.push((text.to_owned(), tone)),
        }
    }

    /// Fills up with blanks.
    pub(super) fn fill(&mut self, columns: usize) {
        let blanks = " ".repeat(columns.saturating_sub(self.columns));
        self.add(&blanks, Tone::Plain);
    }

    /// Columns that are taken.
    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Adds another line behind this one.
    pub(super) fn append(&mut self, other: &Self) {
        for (text, tone) in &other.pieces {
            self.add(text, *tone);
        }
    }

    /// The line as it is written. Blanks at its end are not.
    pub(super) fn paint(&self, style: Style) -> String {
        let mut out = String::new();
        let last = self.pieces.iter().rposition(|p| !p.0.trim().is_empty());
        for (i, (text, tone)) in self.pieces.iter().enumerate() {
            let text = match last {
                Some(last) if i < last => text.as_str(),
                Some(last) if i == last => text.trim_end(),
                _ => break,
            };
            let text: String = if style.unicode {
                text.to_owned()
            } else {
                text.chars().map(ascii).collect()
            };
            out.push_str(&paint(&text, *tone, style.color));
        }
        out
    }
}

/// What stands for a character of a chart where there is no Unicode.
fn ascii(c: char) -> char {
    match c {
        '●' => '*',
        '·' | '╭' | '╮' => '.',
        '╰' | '╯' => '\'',
        '│' | '┤' => '|',
        '─' => '-',
        '┬' | '┴' | '└' => '+',
        '░' => ':',
        '┃' => '#',
        '┊' => '!',
        c => c,
    }
}

/// A grid of characters that take one column each; its first row is the upper one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Canvas {
    cells: Vec<Vec<(char, Tone)>>,
}

impl Canvas {
    /// A grid of blanks.
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        Self {
            cells: vec![vec![(' ', Tone::Plain); columns]; rows],
        }
    }

    /// Draws over what is there; what is outside of the grid is not drawn.
    pub(super) fn put(&mut self, column: usize, row: usize, c: char, tone: Tone) {
        if let Some(cell) = self.cells.get_mut(row).and_then(|r| r.get_mut(column)) {
            *cell = (c, tone);
        }
    }

    /// One row.
    pub(super) fn line(&self, row: usize) -> Line {
        let mut line = Line::default();
        for (c, tone) in self.cells.get(row).into_iter().flatten() {
            line.add(c.encode_utf8(&mut [0; 4]), *tone);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_at_the_end_are_not_written() {
        let mut line = Line::default();
        line.add("a ", Tone::Plain);
        line.add("│  ", Tone::Dim);
        line.fill(9);
        assert_eq!(line.columns(), 9);
        let mut style = Style::default();
        assert_eq!(line.paint(style), "a │");
        style.color = true;
        style.unicode = false;
        assert_eq!(line.paint(style), "a \u{1b}[2m|\u{1b}[0m");
    }
}
