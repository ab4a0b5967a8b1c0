//! Tables: columns share the width, numbers first, prose and SQL what is left.

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, TableStyle, Width,
};

use crate::report::doc::{Cell, Column, Fit, Table, Tone};
use crate::report::render::Style;

use super::layout::{cut, cut_middle, width, wrap};
use super::{cell_text, paint};

/// Blanks between two columns.
const GAP: usize = 2;

/// A column of prose or SQL is of no use below this.
const LEAST_PROSE: usize = 20;

/// A name is worth more than a column that may be left out.
const LEAST_NAME: usize = 34;

/// A cell is not taller than this; a hostile text must not fill the screen.
const MOST_LINES: usize = 8;

/// The lines of a table that fits `room` columns. Columns that had no room are named below it.
pub(super) fn render(table: &Table, room: usize, style: Style) -> Vec<String> {
    let texts: Vec<Vec<String>> = table
        .rows
        .iter()
        .map(|row| row.iter().map(|c| cell_text(c, style.unicode)).collect())
        .collect();
    let mut shown: Vec<usize> = (0..table.columns.len()).collect();
    let mut left_out = Vec::new();
    let needs: Vec<Need> = (0..table.columns.len())
        .map(|i| Need::of(&table.columns[i], texts.iter().map(|row| row[i].as_str())))
        .collect();
    while least(&shown, &needs) > room {
        let candidate = shown.iter().copied().max_by_key(|i| table.columns[*i].drop);
        match candidate {
            Some(i) if table.columns[i].drop > 0 => {
                shown.retain(|other| *other != i);
                left_out.push(i);
            }
            _ => break,
        }
    }
    let widths = share_out(&shown, &needs, room);
    let mut lines = draw(table, &texts, &shown, &widths, style);
    if !left_out.is_empty() {
        left_out.sort_unstable();
        let titles: Vec<&str> = left_out.iter().map(|i| table.columns[*i].title).collect();
        let note = format!("Left out at this width: {}.", titles.join(", "));
        lines.extend(
            wrap(&note, room)
                .iter()
                .map(|line| paint(line, Tone::Dim, style.color)),
        );
    }
    lines
}

/// What a column needs and what it would like.
#[derive(Debug, Clone, Copy)]
struct Need {
    least: usize,
    natural: usize,
    tight: bool,
}

impl Need {
    fn of<'a>(column: &Column, cells: impl Iterator<Item = &'a str>) -> Self {
        let title = column.title.split(' ').map(width).max().unwrap_or(0);
        let (mut natural, mut word) = (width(column.title), title);
        for cell in cells {
            natural = natural.max(width(cell));
            // Only `not measured` may break in a column of numbers.
            word = word.max(if cell == crate::report::format::NOT_MEASURED {
                "measured".len()
            } else {
                width(cell)
            });
        }
        let least = match column.fit {
            Fit::Tight => word,
            Fit::Wrap | Fit::Cut => natural.min(LEAST_PROSE).max(title),
            Fit::CutMiddle => natural.min(LEAST_NAME).max(title),
        };
        Self {
            least,
            natural,
            tight: column.fit == Fit::Tight,
        }
    }
}

fn gaps(columns: usize) -> usize {
    columns.saturating_sub(1) * GAP
}

fn least(shown: &[usize], needs: &[Need]) -> usize {
    shown.iter().map(|i| needs[*i].least).sum::<usize>() + gaps(shown.len())
}

/// Widths of the shown columns. Everybody has what it needs first; what is left goes to numbers
/// and short words, then to prose and names, to whoever lacks least first.
fn share_out(shown: &[usize], needs: &[Need], room: usize) -> Vec<usize> {
    let room = room.saturating_sub(gaps(shown.len()));
    let mut widths: Vec<usize> = shown.iter().map(|i| needs[*i].least).collect();
    // Too narrow even so: the widest gives way, cells are broken or cut.
    while widths.iter().sum::<usize>() > room {
        match widths.iter_mut().max() {
            Some(widest) if *widest > 2 => *widest -= 1,
            _ => break,
        }
    }
    let mut free = room.saturating_sub(widths.iter().sum());
    let mut order: Vec<usize> = (0..shown.len()).collect();
    order.sort_by_key(|at| {
        let need = needs[shown[*at]];
        (!need.tight, need.natural.saturating_sub(widths[*at]))
    });
    for (served, at) in order.iter().enumerate() {
        let lacks = needs[shown[*at]].natural.saturating_sub(widths[*at]);
        let share = if needs[shown[*at]].tight {
            free
        } else {
            free / (order.len() - served)
        };
        let given = lacks.min(share);
        widths[*at] += given;
        free -= given;
    }
    widths
}

/// The lines of one cell in its width.
fn lines_of(text: &str, column: &Column, columns: usize, unicode: bool) -> Vec<String> {
    match column.fit {
        Fit::Cut => return vec![cut(text, columns, unicode)],
        Fit::CutMiddle => return vec![cut_middle(text, columns, unicode)],
        Fit::Tight | Fit::Wrap => {}
    }
    let mut lines = wrap(text, columns);
    if lines.len() > MOST_LINES {
        lines.truncate(MOST_LINES);
        if let Some(last) = lines.last_mut() {
            *last = cut(&format!("{last} {}", "x".repeat(columns)), columns, unicode);
        }
    }
    lines
}

fn draw(
    table: &Table,
    texts: &[Vec<String>],
    shown: &[usize],
    widths: &[usize],
    style: Style,
) -> Vec<String> {
    let rule = if style.unicode { '─' } else { '-' };
    let mut out = comfy_table::Table::new();
    out.load_style(TableStyle::new().header_separator(LineStyle::none().fill(rule)))
        .set_content_arrangement(ContentArrangement::Disabled)
        .force_no_tty();
    let cell = |text: &str, at: usize, tone: Tone| {
        let column = &table.columns[shown[at]];
        let lines: Vec<String> = lines_of(text, column, widths[at], style.unicode)
            .iter()
            .map(|line| paint(line, tone, style.color))
            .collect();
        let alignment = if column.right {
            CellAlignment::Right
        } else {
            CellAlignment::Left
        };
        comfy_table::Cell::new(lines.join("\n")).set_alignment(alignment)
    };
    out.set_header(
        (0..shown.len())
            .map(|at| cell(table.columns[shown[at]].title, at, Tone::Dim))
            .collect::<Vec<_>>(),
    );
    for (row, cells) in texts.iter().zip(&table.rows) {
        let tone = |at: usize| cell_tone(&cells[shown[at]]);
        out.add_row(
            (0..shown.len())
                .map(|at| cell(&row[shown[at]], at, tone(at)))
                .collect::<Vec<_>>(),
        );
    }
    for (at, columns) in widths.iter().enumerate() {
        let gap = if at + 1 == widths.len() { 0 } else { GAP };
        if let Some(column) = out.column_mut(at) {
            let fixed = u16::try_from(columns + gap).unwrap_or(u16::MAX);
            column
                .set_padding((0, u16::try_from(gap).unwrap_or(0)))
                .set_constraint(ColumnConstraint::Absolute(Width::Fixed(fixed)));
        }
    }
    out.lines().map(|line| line.trim_end().to_owned()).collect()
}

fn cell_tone(cell: &Cell) -> Tone {
    if cell.absent { Tone::Dim } else { cell.tone }
}
