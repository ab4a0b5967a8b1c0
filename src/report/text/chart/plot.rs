//! The inside of a panel: band, fit, intervals, points and marks on a grid.

use crate::report::chart::{Drawn, Mark, Panel, XAxis, YAxis};
use crate::report::doc::Tone;

use super::canvas::Canvas;
use super::mark_look;

/// Rows between two ticks of a linear axis, so that a plot has about ten rows and every tick its own.
const ROWS_OF_STEPS: [usize; 6] = [0, 10, 5, 3, 2, 2];

/// Rows of a plot whose ticks are not spread evenly.
const ROWS: usize = 10;

/// The grid of a panel.
pub(super) struct Frame<'a> {
    x: &'a XAxis,
    y: &'a YAxis,
    pub(super) columns: usize,
    pub(super) rows: usize,
}

impl<'a> Frame<'a> {
    pub(super) fn new(x: &'a XAxis, y: &'a YAxis, columns: usize) -> Self {
        let steps = y.ticks.len().saturating_sub(1);
        let between = ROWS_OF_STEPS.get(steps).filter(|_| !y.log);
        Self {
            x,
            y,
            // A frame without a column would have no place for anything.
            columns: columns.max(3),
            rows: between.map_or(ROWS, |rows| rows * steps + 1),
        }
    }

    /// Column of a size. The outermost ones stay free, so that a point is not taken for the axis.
    pub(super) fn column(&self, x: f64) -> usize {
        1 + nearest(self.x.place(x), self.columns - 3)
    }

    /// Row of a value; what is beyond the axis is in the row next to it.
    pub(super) fn row(&self, y: f64) -> usize {
        self.rows - 1 - nearest(self.y.place(y), self.rows - 1)
    }

    /// Whether a value is beyond the upper end of the axis.
    fn above(&self, y: f64) -> bool {
        self.y.place(y) > 1.0 + 1e-9
    }

    /// Draws everything, what matters most last.
    pub(super) fn draw(&self, panel: &Panel, marks: &[Mark]) -> Canvas {
        let mut canvas = Canvas::new(self.columns, self.rows);
        let curve = panel.drawn_curve();
        let sampled = self.sampled(&curve);
        self.band(&sampled, &mut canvas);
        for mark in marks {
            let (sign, tone) = mark_look(mark.kind);
            let column = self.column(f64::from(mark.x));
            (0..self.rows).for_each(|row| canvas.put(column, row, sign, tone));
        }
        for (from, to) in panel.joints() {
            self.dots(from, to, &mut canvas);
        }
        self.fit(&sampled, &mut canvas);
        let points: Vec<Drawn> = panel.drawn_points().into_iter().flatten().collect();
        for point in &points {
            self.bar(point, &mut canvas);
        }
        for point in &points {
            let (column, row) = (self.column(point.x), self.row(point.y));
            canvas.put(column, row, '●', Tone::Strong);
        }
        canvas
    }

    /// The curve at each column; `None` outside of it.
    fn sampled(&self, curve: &[Drawn]) -> Vec<Option<Drawn>> {
        let mut sampled = vec![None; self.columns];
        for pair in curve.windows(2) {
            let (from, to) = (self.column(pair[0].x), self.column(pair[1].x));
            for (column, slot) in sampled.iter_mut().enumerate().take(to + 1).skip(from) {
                *slot = Some(mix(&pair[0], &pair[1], share(column, from, to)));
            }
        }
        sampled
    }

    fn band(&self, sampled: &[Option<Drawn>], canvas: &mut Canvas) {
        for (column, at) in sampled.iter().enumerate() {
            let Some(at) = at.filter(Drawn::has_interval) else {
                continue;
            };
            if !self.above(at.low) {
                for row in self.row(at.high)..=self.row(at.low) {
                    canvas.put(column, row, '░', Tone::Dim);
                }
            }
        }
    }

    /// A line with rounded corners; a column in which it climbs holds the whole climb.
    fn fit(&self, sampled: &[Option<Drawn>], canvas: &mut Canvas) {
        for (column, at) in sampled.iter().enumerate() {
            let Some(at) = at else { continue };
            let here = self.row(at.y);
            let next = sampled.get(column + 1).copied().flatten();
            let next = next.map_or(here, |next| self.row(next.y));
            let mut put = |row, c| canvas.put(column, row, c, Tone::Plain);
            if here == next {
                put(here, '─');
                continue;
            }
            let (leave, arrive) = if next < here {
                ('╯', '╭')
            } else {
                ('╮', '╰')
            };
            put(here, leave);
            put(next, arrive);
            for row in here.min(next) + 1..here.max(next) {
                put(row, '│');
            }
        }
    }

    /// Every other column between two points, none beside them.
    fn dots(&self, from: Drawn, to: Drawn, canvas: &mut Canvas) {
        let (first, last) = (self.column(from.x), self.column(to.x));
        for column in (first + 2..last.saturating_sub(1)).step_by(2) {
            // In the middle of the picture, not of the numbers: on a logarithmic axis the two differ.
            let part = share(column, first, last);
            let (a, b) = (self.y.place(from.y), self.y.place(to.y));
            let row = self.rows - 1 - nearest(a + (b - a) * part, self.rows - 1);
            canvas.put(column, row, '·', Tone::Dim);
        }
    }

    /// The interval of a point. An end beyond the axis has no cap: the bar goes on.
    fn bar(&self, point: &Drawn, canvas: &mut Canvas) {
        let (column, row) = (self.column(point.x), self.row(point.y));
        let (top, bottom) = (self.row(point.high), self.row(point.low));
        for between in top..=bottom {
            canvas.put(column, between, '│', Tone::Plain);
        }
        if top < row && !self.above(point.high) {
            canvas.put(column, top, '┬', Tone::Plain);
        }
        if bottom > row {
            canvas.put(column, bottom, '┴', Tone::Plain);
        }
    }
}

/// The whole number nearest to a share of `most`.
fn nearest(share: f64, most: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and `most`"
    )]
    let whole = (share.clamp(0.0, 1.0) * most as f64).round() as usize;
    whole
}

/// How far a column is on the way between two others.
fn share(column: usize, from: usize, to: usize) -> f64 {
    if from == to {
        return 1.0;
    }
    (column - from) as f64 / (to - from) as f64
}

fn mix(a: &Drawn, b: &Drawn, share: f64) -> Drawn {
    let mix = |a: f64, b: f64| a + (b - a) * share;
    Drawn {
        x: mix(a.x, b.x),
        y: mix(a.y, b.y),
        low: mix(a.low, b.low),
        high: mix(a.high, b.high),
    }
}
