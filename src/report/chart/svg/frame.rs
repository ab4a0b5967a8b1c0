//! One panel of a picture: its axes and what is drawn between them.

use crate::report::chart::axis::{XAxis, YAxis};
use crate::report::chart::labels::{Wanted, place};
use crate::report::chart::model::{Chart, Drawn, Mark, MarkKind, Panel};
use crate::report::format::count;

use super::write::{add, cut_to, escape, fitting, letters, line, text, whole};
use super::{LINE, MARGIN, WIDTH};

const PLOT_HEIGHT: f64 = 190.0;
/// Below a plot: sizes, their name, and what sets the next panel apart.
const BELOW: f64 = 52.0;
/// Outermost points stay this far from the ends of the axis.
const INSET: f64 = 16.0;

/// One panel's place in the picture.
pub(super) struct Frame<'a> {
    pub(super) x: &'a XAxis,
    pub(super) y: &'a YAxis,
    pub(super) left: f64,
    /// Upper edge of the plot.
    pub(super) top: f64,
}

impl Frame<'_> {
    /// Draws a panel below `top` and returns where it ends.
    pub(super) fn panel(mut self, chart: &Chart, panel: &Panel, top: f64, out: &mut String) -> f64 {
        let caption = fitting(&panel.caption(self.y.log), WIDTH - MARGIN - self.left, 1.0);
        let base = top + 14.0;
        let left = self.left;
        text(out, "strong", "start", (left, base), &caption);
        let rows = self.mark_labels(&chart.marks, base, out);
        self.top = base + LINE * rows + 8.0;
        self.axes(&chart.x_label, out);
        let curve = panel.drawn_curve();
        self.band(&curve, out);
        self.mark_lines(&chart.marks, out);
        for (from, to) in panel.joints() {
            line(out, "joint", self.at(from.x, from.y), self.at(to.x, to.y));
        }
        if !curve.is_empty() {
            let points = self.path(curve.iter().map(|p| (p.x, p.y)));
            add(
                out,
                format_args!("<polyline class=\"fit\" points=\"{points}\"/>\n"),
            );
        }
        let points: Vec<Drawn> = panel.drawn_points().into_iter().flatten().collect();
        for point in points.iter().filter(|p| p.has_interval()) {
            self.bar(point, out);
        }
        for point in &points {
            let (x, y) = self.at(point.x, point.y);
            add(
                out,
                format_args!("<circle class=\"point\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\"/>\n"),
            );
        }
        self.top + PLOT_HEIGHT + BELOW
    }

    /// Where a value is drawn; what is beyond the axis is at its end.
    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let room = WIDTH - MARGIN - self.left - 2.0 * INSET;
        let across = self.left + INSET + self.x.place(x) * room;
        let up = self.y.place(y).clamp(0.0, 1.0) * PLOT_HEIGHT;
        (across, self.top + PLOT_HEIGHT - up)
    }

    fn path(&self, values: impl Iterator<Item = (f64, f64)>) -> String {
        let at = values.map(|(x, y)| self.at(x, y));
        let points: Vec<String> = at.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        points.join(" ")
    }

    fn axes(&self, x_label: &str, out: &mut String) {
        let (right, bottom) = (WIDTH - MARGIN, self.top + PLOT_HEIGHT);
        for (value, words) in &self.y.ticks {
            let y = self.top + PLOT_HEIGHT * (1.0 - self.y.place(*value));
            line(out, "grid", (self.left, y), (right, y));
            text(out, "", "end", (self.left - 8.0, y + 4.0), words);
        }
        line(out, "axis", (self.left, bottom), (right, bottom));
        line(out, "axis", (self.left, self.top), (self.left, bottom));
        let across = |size: u32| self.at(f64::from(size), 0.0).0;
        let half = |size: u32| letters(&count(u64::from(size))) / 2.0;
        let fits = |sizes: &[u32]| {
            let apart = |pair: &[u32]| {
                across(pair[1]) - half(pair[1]) >= across(pair[0]) + half(pair[0]) + 8.0
            };
            sizes.windows(2).all(apart)
        };
        for size in self.x.ticks(fits) {
            let x = across(size);
            line(out, "axis", (x, bottom), (x, bottom + 4.0));
            text(
                out,
                "",
                "middle",
                (x, bottom + 18.0),
                &count(u64::from(size)),
            );
        }
        let scale = if self.x.log { ", log scale" } else { "" };
        let room = right - self.left;
        let name = fitting(&format!("{x_label}{scale}"), room, 1.0);
        let middle = self.left + room / 2.0;
        text(out, "", "middle", (middle, bottom + 36.0), &name);
    }

    fn band(&self, curve: &[Drawn], out: &mut String) {
        if curve.iter().any(Drawn::has_interval) {
            let there = self.path(curve.iter().map(|p| (p.x, p.high)));
            let back = self.path(curve.iter().rev().map(|p| (p.x, p.low)));
            add(
                out,
                format_args!("<polygon class=\"band\" points=\"{there} {back}\"/>\n"),
            );
        }
    }

    /// An interval with a cap at each end that is on the axis.
    fn bar(&self, point: &Drawn, out: &mut String) {
        let (x, low) = self.at(point.x, point.low);
        let (_, high) = self.at(point.x, point.high);
        line(out, "bar", (x, low), (x, high));
        for (value, y) in [(point.low, low), (point.high, high)] {
            if (0.0..=1.0).contains(&self.y.place(value)) {
                line(out, "bar", (x - 4.0, y), (x + 4.0, y));
            }
        }
    }

    fn mark_lines(&self, marks: &[Mark], out: &mut String) {
        for mark in marks {
            let (x, bottom) = self.at(f64::from(mark.x), 0.0);
            line(out, class(mark.kind), (x, self.top - 6.0), (x, bottom));
        }
    }

    /// Draws the labels below a caption that stands at `base`; returns the number of their lines.
    fn mark_labels(&self, marks: &[Mark], base: f64, out: &mut String) -> f64 {
        let mut marks: Vec<&Mark> = marks.iter().collect();
        marks.sort_by_key(|mark| mark.x);
        let right = WIDTH - MARGIN;
        let words = marks
            .iter()
            .map(|m| cut_to(&m.label, right - self.left, 1.0));
        let words: Vec<String> = words.collect();
        let across = |mark: &Mark| self.at(f64::from(mark.x), 0.0).0;
        let wanted = marks.iter().zip(&words).map(|(mark, words)| Wanted {
            at: whole(across(mark)),
            long: whole(letters(words)),
        });
        let placed = place(
            &wanted.collect::<Vec<_>>(),
            whole(self.left),
            whole(right),
            10,
        );
        let rows = placed.iter().map(|p| p.row + 1).max().unwrap_or(0);
        for ((mark, words), place) in marks.iter().zip(&words).zip(placed) {
            let y = base + LINE * (place.row + 1) as f64;
            // A label begins or ends where the stroke of its line does.
            let (anchor, x) = if place.left {
                ("end", across(mark) + 1.0)
            } else {
                ("start", (place.start as f64).min(across(mark)) - 1.0)
            };
            text(out, class(mark.kind), anchor, (x, y), &escape(words));
        }
        rows as f64
    }
}

fn class(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Chosen => "chosen",
        MarkKind::Present => "now",
    }
}
