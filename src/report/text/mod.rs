//! A report for a terminal: no line wider than asked, no escape code unless asked.

mod chart;
mod layout;
mod table;
mod tree;

use super::clean::{clean, plain};
use super::doc::{Bar, Block, Cell, Item, Report, Section, Tone};
use super::render::Style;

pub(super) use chart::render as chart;
pub(super) use layout::{cut, width};
pub(super) use tree::render as tree;

use layout::{pad_left, pad_right, wrap};

/// Reports are laid out for 80 to 200 columns and stay readable down to 60.
const WIDTHS: std::ops::RangeInclusive<u16> = 60..=200;

/// Prose is not set wider than this: long lines are hard to read.
const PROSE: usize = 110;

const INDENT: &str = "  ";

/// Renders the report.
pub(super) fn render(report: &Report, style: Style) -> String {
    let mut page = Page {
        out: String::new(),
        width: usize::from(style.width.clamp(*WIDTHS.start(), *WIDTHS.end())),
        style,
    };
    page.head(report);
    for section in &report.sections {
        page.section(section);
    }
    page.out
}

/// The page that is being written.
struct Page {
    out: String,
    width: usize,
    style: Style,
}

impl Page {
    fn plain(&self, text: &str) -> String {
        plain(text, self.style.unicode)
    }

    fn paint(&self, text: &str, tone: Tone) -> String {
        paint(text, tone, self.style.color)
    }

    /// One line; trailing blanks are not written.
    fn line(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    fn blank(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// A wrapped paragraph: `first` before its first line, blanks of the same width before the
    /// others.
    fn paragraph(&mut self, first: &str, text: &str, tone: Tone) {
        let text = self.plain(text);
        let indent = width(first);
        let room = self.width.saturating_sub(indent).min(PROSE);
        for (i, line) in wrap(&text, room).iter().enumerate() {
            let before = if i == 0 {
                self.paint(first, tone)
            } else {
                " ".repeat(indent)
            };
            let line = format!("{before}{}", self.paint(line, tone));
            self.line(&line);
        }
    }

    fn head(&mut self, report: &Report) {
        for (i, line) in report.head.iter().enumerate() {
            let tone = if i == 0 { Tone::Strong } else { Tone::Dim };
            self.paragraph("", line, tone);
        }
        if !report.doubts.is_empty() {
            self.blank();
        }
        for doubt in &report.doubts {
            let text = self.plain(doubt);
            let room = self.width.saturating_sub(9).min(PROSE);
            for (i, line) in wrap(&text, room).iter().enumerate() {
                let mark = if i == 0 { "WARNING  " } else { "         " };
                let line = format!("{}{line}", self.paint(mark, Tone::Warn));
                self.line(&line);
            }
        }
    }

    fn section(&mut self, section: &Section) {
        self.blank();
        let rule = if self.style.unicode { "─" } else { "-" };
        let title = self.plain(section.title);
        let left = self.width.min(PROSE + 2).saturating_sub(width(&title) + 1);
        let line = format!(
            "{} {}",
            self.paint(&title, Tone::Strong),
            self.paint(&rule.repeat(left), Tone::Dim)
        );
        self.line(&line);
        if let Some(source) = &section.source {
            self.paragraph(INDENT, source, Tone::Dim);
        }
        let mut apart = section.source.is_some();
        let blocks = section.blocks.iter();
        for block in blocks.filter(|block| block.is_worth_characters()) {
            self.block(block, apart);
            apart = !matches!(block, Block::Heading(_));
        }
    }

    /// `apart`: a table or a chart is set apart from what stands before it.
    fn block(&mut self, block: &Block, apart: bool) {
        match block {
            Block::Text(cell) => self.paragraph(INDENT, &cell.text, cell.tone),
            Block::Heading(cell) => {
                self.blank();
                self.paragraph(INDENT, &cell.text, Tone::Strong);
            }
            Block::Table(table) => {
                let room = self.width - INDENT.len();
                self.drawn(table::render(table, room, self.style), apart);
            }
            Block::Tree(nodes) => {
                let room = self.width - INDENT.len();
                self.drawn(tree::render(nodes, room, self.style), apart);
            }
            Block::Chart(figure) => {
                let room = self.width - INDENT.len();
                self.drawn(chart::render(figure, room, self.style), apart);
            }
            Block::Bars(bars) => {
                self.blank();
                self.bars(bars);
            }
            Block::Items(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.item(i + 1, items.len(), item);
                }
            }
            Block::Code(text) => self.code(text),
        }
    }

    /// Lines that fit already.
    fn drawn(&mut self, lines: Vec<String>, apart: bool) {
        if apart {
            self.blank();
        }
        for line in lines {
            if line.is_empty() {
                self.line("");
            } else {
                self.line(&format!("{INDENT}{line}"));
            }
        }
    }

    /// Lines as they are, each cut at the width.
    fn code(&mut self, text: &str) {
        let room = self.width - INDENT.len() * 2;
        for line in text.lines() {
            // Cleaning folds a tab into one blank; the indentation of a plan is made of blanks.
            let line = cut(&self.plain(line), room, self.style.unicode);
            let line = format!("{INDENT}{INDENT}{}", self.paint(&line, Tone::Dim));
            self.line(&line);
        }
    }

    fn bars(&mut self, bars: &[Bar]) {
        let label = bars.iter().map(|b| width(&self.plain(&b.label))).max();
        let label = label.unwrap_or(0);
        let columns: [usize; 3] = std::array::from_fn(|i| {
            let widths = bars.iter().map(|b| width(&self.plain(&b.figures[i])));
            widths.max().unwrap_or(0)
        });
        let fixed = INDENT.len() + label + columns.iter().sum::<usize>() + 4 * 2;
        let scale = self.width.saturating_sub(fixed).clamp(10, 50);
        for bar in bars {
            let figures: Vec<String> = bar.figures.iter().map(|f| self.plain(f)).collect();
            let drawn = draw(bar.share, scale, self.style.unicode);
            let line = format!(
                "{INDENT}{}  {}  {}  {}  {}",
                pad_right(&self.plain(&bar.label), label),
                self.paint(&pad_right(&drawn, scale), Tone::Strong),
                pad_left(&figures[0], columns[0]),
                pad_left(&figures[1], columns[1]),
                self.paint(&figures[2], Tone::Dim)
            );
            self.line(&line);
        }
    }

    fn item(&mut self, number: usize, of: usize, item: &Item) {
        self.blank();
        let digits = of.to_string().len();
        let number = format!("{INDENT}{number:>digits$}  ");
        let indent = " ".repeat(number.len());
        let (mark, mark_width) = match &item.mark {
            Some(mark) => {
                let words = format!("{}  ", self.plain(&mark.text));
                (self.paint(&words, mark.tone), width(&words))
            }
            None => (String::new(), 0),
        };
        let title = self.plain(&item.title.text);
        let room = self.width.saturating_sub(number.len() + mark_width);
        for (i, line) in wrap(&title, room.min(PROSE)).iter().enumerate() {
            let line = self.paint(line, item.title.tone);
            let line = if i == 0 {
                format!("{number}{mark}{line}")
            } else {
                format!("{indent}{}{line}", " ".repeat(mark_width))
            };
            self.line(&line);
        }
        let labels = item.lines.iter().map(|(label, _)| label.len()).max();
        for (label, cell) in &item.lines {
            let first = if label.is_empty() {
                indent.clone()
            } else {
                let w = labels.unwrap_or(0);
                format!("{indent}{label:<w$}  ")
            };
            self.paragraph(&first, &cell.text, cell.tone);
        }
    }
}

/// A bar of a share, in eighths of a column where the terminal can.
fn draw(share: Option<f64>, scale: usize, unicode: bool) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let Some(share) = share.filter(|s| s.is_finite()) else {
        return String::new();
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 8 times the scale"
    )]
    let eighths = (share.clamp(0.0, 1.0) * scale as f64 * 8.0).round() as usize;
    if unicode {
        format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
    } else {
        "#".repeat((eighths + 4) / 8)
    }
}

/// Colour and weight as escape codes (ECMA-48, SGR), if they may be written.
fn paint(text: &str, tone: Tone, color: bool) -> String {
    let code = match tone {
        Tone::Plain => return text.to_owned(),
        Tone::Good => "32",
        Tone::Warn => "33",
        Tone::Bad => "1;31",
        Tone::Dim => "2",
        Tone::Strong => "1",
    };
    if !color || text.trim().is_empty() {
        return text.to_owned();
    }
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// The text of a cell in one clean line.
fn cell_text(cell: &Cell, unicode: bool) -> String {
    let text = if unicode {
        clean(&cell.text)
    } else {
        plain(&cell.text, false)
    };
    super::format::one_line(&text)
}
