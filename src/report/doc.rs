//! A report as a document, before it has a width, a colour or a markup: every format renders the
//! same sections from it, so that none can say less than another.

use super::chart::Chart;

/// Two points are a line, whatever they measure.
const LEAST_SIZES: usize = 3;

/// How a piece of text is meant. Colour only repeats what the words say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Tone {
    #[default]
    Plain,
    Good,
    Warn,
    Bad,
    Dim,
    Strong,
}

/// A piece of text. It may hold anything a server or a file holds: renderers clean it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) tone: Tone,
    /// SQL or a name: a code span where the format has one.
    pub(super) code: bool,
    /// A number that was not measured.
    pub(super) absent: bool,
}

impl Cell {
    /// Words or a number.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// SQL or a name.
    pub(super) fn code(text: impl Into<String>) -> Self {
        Self {
            code: true,
            ..Self::new(text)
        }
    }

    /// A number that is known, or `not measured`.
    pub(super) fn known<T>(value: Option<T>, show: impl Fn(T) -> String) -> Self {
        value.map_or_else(Self::not_measured, |v| Self::new(show(v)))
    }

    /// `not measured`.
    pub(super) fn not_measured() -> Self {
        Self {
            absent: true,
            tone: Tone::Dim,
            ..Self::new(super::format::NOT_MEASURED)
        }
    }

    /// The same text in another tone.
    pub(super) fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

/// What a column does when the report is narrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// Numbers and short words: as wide as its widest cell.
    Tight,
    /// Prose: takes what is left and wraps.
    Wrap,
    /// Long text that has its full form elsewhere: takes what is left and is cut.
    Cut,
    /// A name, of which both ends tell more than the middle.
    CutMiddle,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) title: &'static str,
    pub(super) right: bool,
    pub(super) fit: Fit,
    /// A narrow report leaves out the columns with the highest number first; 0 always stays.
    pub(super) drop: u8,
    /// Why nothing was measured, where nothing was.
    pub(super) absent: Option<&'static str>,
}

impl Column {
    /// A column of numbers.
    pub(super) const fn number(title: &'static str) -> Self {
        Self {
            title,
            right: true,
            fit: Fit::Tight,
            drop: 0,
            absent: None,
        }
    }

    /// A column of short words.
    pub(super) const fn word(title: &'static str) -> Self {
        Self {
            right: false,
            ..Self::number(title)
        }
    }

    /// A column of prose.
    pub(super) const fn prose(title: &'static str) -> Self {
        Self {
            fit: Fit::Wrap,
            ..Self::word(title)
        }
    }

    /// A column of long text that is cut.
    pub(super) const fn cut(title: &'static str) -> Self {
        Self {
            fit: Fit::Cut,
            ..Self::word(title)
        }
    }

    /// A column of names, cut in the middle.
    pub(super) const fn name(title: &'static str) -> Self {
        Self {
            fit: Fit::CutMiddle,
            ..Self::word(title)
        }
    }

    /// The same column with the reason for which it may be empty.
    pub(super) const fn absent(mut self, why: &'static str) -> Self {
        self.absent = Some(why);
        self
    }

    /// The same column, left out of a narrow report.
    pub(super) const fn drop(mut self, order: u8) -> Self {
        self.drop = order;
        self
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub(super) fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self {
            columns: columns.into(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; it has a cell for each column.
    pub(super) fn row(&mut self, cells: impl Into<Vec<Cell>>) {
        let cells = cells.into();
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    /// Takes out the columns in which nothing was measured and returns their titles and reasons:
    /// one line says it better than a column of `not measured`.
    pub(super) fn take_absent_columns(&mut self) -> Vec<String> {
        let absent = |table: &Self, i: usize| {
            !table.rows.is_empty() && table.rows.iter().all(|row| row[i].absent)
        };
        let mut titles = Vec::new();
        for i in (0..self.columns.len()).rev() {
            if absent(self, i) {
                let column = self.columns.remove(i);
                titles.insert(
                    0,
                    match column.absent {
                        Some(why) => format!("{} ({why})", column.title),
                        None => column.title.to_owned(),
                    },
                );
                for row in &mut self.rows {
                    row.remove(i);
                }
            }
        }
        titles
    }
}

/// A tree, such as a plan: figures in columns, and beside them what they are of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tree {
    /// Of the figures.
    pub(super) columns: Vec<Column>,
    /// Title of the tree itself.
    pub(super) title: &'static str,
    /// In the order of a walk that visits a node before its children.
    pub(super) nodes: Vec<TreeNode>,
}

/// One node of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TreeNode {
    pub(super) depth: usize,
    /// One for each column.
    pub(super) figures: Vec<Cell>,
    pub(super) label: Cell,
    /// What is told of it in lines of their own.
    pub(super) lines: Vec<Cell>,
}

/// One bar of a chart of shares.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bar {
    pub(super) label: String,
    /// 0 to 1; `None` where it is not known.
    pub(super) share: Option<f64>,
    /// Share, amount and how they were obtained, in columns.
    pub(super) figures: [String; 3],
}

/// One entry of a numbered list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Such as `CRITICAL`.
    pub(super) mark: Option<Cell>,
    pub(super) title: Cell,
    /// Labelled lines below: SQL, notes. An empty label is plain text.
    pub(super) lines: Vec<(&'static str, Cell)>,
}

/// A piece of a section.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Block {
    /// A paragraph.
    Text(Cell),
    /// A heading within the section.
    Heading(Cell),
    Table(Table),
    Tree(Tree),
    Bars(Vec<Bar>),
    /// Values over a size. The JSON leaves it out: its numbers stand there already.
    Chart(Chart),
    Items(Vec<Item>),
    /// Text of which lines and indentation matter.
    Code(String),
}

impl Block {
    /// Whether a drawing in characters says more than the numbers: of two sizes it does not.
    pub(super) fn is_worth_characters(&self) -> bool {
        match self {
            Self::Chart(chart) => chart.sizes() >= LEAST_SIZES,
            _ => true,
        }
    }
}

/// A section.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Section {
    pub(super) title: &'static str,
    /// How the numbers of the section were obtained.
    pub(super) source: Option<String>,
    pub(super) blocks: Vec<Block>,
}

impl Section {
    /// A section without content.
    pub(super) fn new(title: &'static str) -> Self {
        Self {
            title,
            source: None,
            blocks: Vec::new(),
        }
    }

    /// A section that has nothing but the reason why.
    pub(super) fn nothing(title: &'static str, reason: impl Into<String>) -> Self {
        let mut section = Self::new(title);
        section.dim(reason);
        section
    }

    /// Says how the numbers were obtained.
    pub(super) fn source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds a paragraph.
    pub(super) fn text(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Text(Cell::new(text)));
    }

    /// Adds a paragraph of lesser weight.
    pub(super) fn dim(&mut self, text: impl Into<String>) {
        self.blocks
            .push(Block::Text(Cell::new(text).tone(Tone::Dim)));
    }

    /// Adds a heading within the section.
    pub(super) fn heading(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Heading(Cell::new(text)));
    }

    /// Says how many rows a table leaves to the JSON, if any.
    pub(super) fn more(&mut self, all: usize, shown: usize, one: &str, many: &str) {
        if all > shown {
            let rest = super::format::plural((all - shown) as u64, one, many);
            self.dim(format!("{rest} more in the JSON."));
        }
    }

    /// Adds a table, and a line for its columns in which nothing was measured.
    pub(super) fn table(&mut self, mut table: Table) {
        let absent = table.take_absent_columns();
        self.blocks.push(Block::Table(table));
        if !absent.is_empty() {
            self.dim(format!("Not measured: {}.", absent.join(", ")));
        }
    }
}

/// The whole report.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Report {
    /// What, where and when, in one or two lines.
    pub(super) head: Vec<String>,
    /// What one has to know before reading any number.
    pub(super) doubts: Vec<String>,
    pub(super) sections: Vec<Section>,
}
