//! Charts in characters: every kind of thing has its own, so that nothing is lost without colour.

mod canvas;
mod plot;
#[cfg(test)]
mod tests;

use crate::report::chart::{Chart, MarkKind, Panel, Sign, Wanted, XAxis, YAxis, place};
use crate::report::clean::plain;
use crate::report::doc::Tone;
use crate::report::format::{count, one_line};
use crate::report::render::Style;

use super::layout::{cut, pad_left, width};
use canvas::Line;
use plot::Frame;

/// From this room on two panels stand side by side.
const SIDE_BY_SIDE: usize = 150;

/// A panel that is wider than this is no easier to read.
const WIDEST: usize = 108;

/// Blanks between two panels side by side.
const GAP: usize = 4;

/// The lines of a chart that fits `room` columns.
pub(in crate::report) fn render(chart: &Chart, room: usize, style: Style) -> Vec<String> {
    let page = Page { chart, style };
    let mut lines = vec![page.text(&chart.title, room, Tone::Strong)];
    match XAxis::of(chart) {
        Some(x) => {
            lines.extend(page.panels(&x, room));
            lines.extend(page.legend(room));
        }
        None => lines.push(page.text("Not drawn: no value was measured.", room, Tone::Dim)),
    }
    lines.iter().map(|line| line.paint(style)).collect()
}

/// What everything on the chart has in common.
struct Page<'a> {
    chart: &'a Chart,
    style: Style,
}

/// A panel with its axis and the columns of its labels.
struct Labelled<'a> {
    panel: &'a Panel,
    y: YAxis,
    /// Columns of the widest label.
    gutter: usize,
}

impl Page<'_> {
    /// Words in one clean line, cut at the room.
    fn words(&self, text: &str, room: usize) -> String {
        let text = one_line(&plain(text, self.style.unicode));
        cut(&text, room, self.style.unicode)
    }

    fn text(&self, text: &str, room: usize, tone: Tone) -> Line {
        let mut line = Line::default();
        line.add(&self.words(text, room), tone);
        line
    }

    fn panels(&self, x: &XAxis, room: usize) -> Vec<Line> {
        let mut panels: Vec<Labelled<'_>> = self.chart.panels.iter().map(Labelled::of).collect();
        if room >= SIDE_BY_SIDE && panels.len() == 2 {
            let half = ((room - GAP) / 2).min(WIDEST);
            let drawn = panels.iter().map(|p| {
                let mut lines = self.panel(p, x, half);
                lines.push(self.x_name(x, p.before(), half));
                lines
            });
            return abreast(drawn.collect(), half);
        }
        // Panels above one another share the place of their axis.
        let gutter = panels.iter().map(|p| p.gutter).max().unwrap_or(0);
        let room = room.min(WIDEST);
        let mut lines = Vec::new();
        for panel in &mut panels {
            if !lines.is_empty() {
                lines.push(Line::default());
            }
            panel.gutter = gutter;
            lines.extend(self.panel(panel, x, room));
        }
        lines.extend(panels.last().map(|p| self.x_name(x, p.before(), room)));
        lines
    }

    /// Caption, labels of the marks, plot, axis, sizes.
    fn panel(&self, labelled: &Labelled<'_>, x: &XAxis, room: usize) -> Vec<Line> {
        let Labelled { panel, y, gutter } = labelled;
        let before = labelled.before();
        let frame = Frame::new(x, y, room.saturating_sub(before));
        let mut caption = Line::default();
        caption.fill(before);
        let words = panel.caption(y.log);
        caption.add(
            &self.words(&words, room.saturating_sub(before)),
            Tone::Plain,
        );
        let mut lines = vec![caption];
        lines.extend(self.mark_labels(&frame, before, room));
        let canvas = frame.draw(panel, &self.chart.marks);
        for row in 0..frame.rows {
            let tick = y.ticks.iter().find(|(value, _)| frame.row(*value) == row);
            let (label, sign) = tick.map_or(("", '│'), |(_, words)| (words.as_str(), '┤'));
            let mut line = Line::default();
            line.add(&format!("{} {sign}", pad_left(label, *gutter)), Tone::Dim);
            line.append(&canvas.line(row));
            lines.push(line);
        }
        lines.extend(x_axis(x, &frame, before));
        lines
    }

    /// Labels above a plot, each beside its line.
    fn mark_labels(&self, frame: &Frame<'_>, before: usize, room: usize) -> Vec<Line> {
        let mut marks: Vec<_> = self.chart.marks.iter().collect();
        marks.sort_by_key(|mark| mark.x);
        let longest = room.saturating_sub(before + 2);
        let words: Vec<String> = marks
            .iter()
            .map(|m| self.words(&m.label, longest))
            .collect();
        let wanted = marks.iter().zip(&words).map(|(mark, words)| Wanted {
            at: before + frame.column(f64::from(mark.x)),
            long: width(words) + 2,
        });
        let placed = place(&wanted.collect::<Vec<_>>(), before, room, 2);
        let rows = placed.iter().map(|p| p.row + 1).max().unwrap_or(0);
        let mut lines = vec![Line::default(); rows];
        for ((mark, words), place) in marks.iter().zip(&words).zip(placed) {
            let (sign, tone) = mark_look(mark.kind);
            lines[place.row].fill(place.start);
            let label = if place.left {
                format!("{words} {sign}")
            } else {
                format!("{sign} {words}")
            };
            lines[place.row].add(&label, tone);
        }
        lines
    }

    /// What the sizes are, in the middle below them.
    fn x_name(&self, x: &XAxis, before: usize, room: usize) -> Line {
        let scale = if x.log { ", log scale" } else { "" };
        let columns = room.saturating_sub(before);
        let name = self.words(&format!("{}{scale}", self.chart.x_label), columns);
        let mut line = Line::default();
        line.fill(before + (columns - width(&name)) / 2);
        line.add(&name, Tone::Plain);
        line
    }

    /// What the characters mean, as far as they were used.
    fn legend(&self, room: usize) -> Vec<Line> {
        let mut lines = vec![Line::default()];
        for (sign, words) in self.chart.signs() {
            let (sign, tone) = match sign {
                Sign::Point => ("●", Tone::Strong),
                Sign::Interval => ("┬┴", Tone::Plain),
                Sign::Joint => ("·", Tone::Dim),
                Sign::Fit => ("─", Tone::Plain),
                Sign::Band => ("░", Tone::Dim),
            };
            let needed = width(sign) + 1 + width(words);
            let last = lines.len() - 1;
            if lines[last].columns() > 0 && lines[last].columns() + 3 + needed > room {
                lines.push(Line::default());
            }
            let last = lines.len() - 1;
            let line = &mut lines[last];
            let gap = if line.columns() == 0 { 0 } else { 3 };
            line.fill(line.columns() + gap);
            line.add(sign, tone);
            line.add(&format!(" {words}"), Tone::Dim);
        }
        lines
    }
}

impl<'a> Labelled<'a> {
    fn of(panel: &'a Panel) -> Self {
        let y = YAxis::of(panel);
        let gutter = y.ticks.iter().map(|(_, words)| width(words)).max();
        Self {
            panel,
            y,
            gutter: gutter.unwrap_or(0),
        }
    }

    /// Columns before the plot: label, blank, axis.
    fn before(&self) -> usize {
        self.gutter + 2
    }
}

/// Character and tone of a mark.
fn mark_look(kind: MarkKind) -> (char, Tone) {
    match kind {
        MarkKind::Chosen => ('┃', Tone::Good),
        MarkKind::Present => ('┊', Tone::Warn),
    }
}

/// The axis with its ticks, and the sizes below them.
fn x_axis(x: &XAxis, frame: &Frame<'_>, before: usize) -> [Line; 2] {
    let columns = frame.columns;
    let mut rule = vec!['─'; columns];
    let mut sizes = Line::default();
    for tick in x.ticks(|sizes| apart(sizes, frame)) {
        let (column, label) = (frame.column(f64::from(tick)), count(u64::from(tick)));
        rule[column] = '┬';
        sizes.fill(before + label_start(column, &label, columns));
        sizes.add(&label, Tone::Dim);
    }
    let rule: String = rule.into_iter().collect();
    let mut axis = Line::default();
    axis.fill(before - 1);
    axis.add(&format!("└{rule}"), Tone::Dim);
    [axis, sizes]
}

/// Where a label begins that stands in the middle below its tick, as far as the edges let it.
fn label_start(column: usize, label: &str, columns: usize) -> usize {
    let start = column.saturating_sub((label.len() - 1) / 2);
    start.min(columns.saturating_sub(label.len()))
}

/// Whether there are blanks between the labels of these sizes.
fn apart(sizes: &[u32], frame: &Frame<'_>) -> bool {
    let mut free = 0;
    sizes.iter().all(|size| {
        let label = count(u64::from(*size));
        let start = label_start(frame.column(f64::from(*size)), &label, frame.columns);
        let fits = start >= free;
        free = start + label.len() + 2;
        fits
    })
}

/// Panels side by side; the lower ends of their plots are in one line.
fn abreast(panels: Vec<Vec<Line>>, columns: usize) -> Vec<Line> {
    let height = panels.iter().map(Vec::len).max().unwrap_or(0);
    let mut lines = vec![Line::default(); height];
    for (i, mut panel) in panels.into_iter().enumerate() {
        // Free lines stand below the caption.
        let free = height - panel.len();
        let at = panel.len().min(1);
        panel.splice(at..at, vec![Line::default(); free]);
        for (line, part) in lines.iter_mut().zip(&panel) {
            line.fill(i * (columns + GAP));
            line.append(part);
        }
    }
    lines
}
