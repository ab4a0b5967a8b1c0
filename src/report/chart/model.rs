//! A chart as data, before it has a width or a colour.

use std::collections::BTreeSet;

/// Values over a size: one or two panels above one another or side by side, over the same axis.
///
/// Values that no measurement gives (below zero, above 10¹², not finite) are never drawn.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chart {
    /// What the chart shows, in a few words.
    pub title: String,
    /// What the horizontal axis counts, such as `pool size`.
    pub x_label: String,
    /// One or two of them.
    pub panels: Vec<Panel>,
    /// Sizes that stand out in every panel.
    pub marks: Vec<Mark>,
}

/// One quantity over the size.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// The quantity, without its unit: `Throughput`.
    pub title: String,
    /// Unit of every value of the panel.
    pub unit: Unit,
    /// What was measured, in any order.
    pub points: Vec<Point>,
    /// The model that was fitted to the points, in the order of its sizes; empty where there is none. Then the
    /// points are joined by dots, which claim nothing.
    pub curve: Vec<CurvePoint>,
}

/// Unit of a panel. Its axis begins at zero, but for times that spread over more than a decade and a half: on an
/// axis from zero the wait at the smallest size would hide the differences between the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Requests per second.
    PerSecond,
    /// A time in milliseconds.
    Milliseconds,
}

/// One measured value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Size.
    pub x: u32,
    /// Value in the panel's unit; `None` where the size was tried and the value is not known: a gap, never zero.
    pub y: Option<f64>,
    /// Lower end of the value's 95 % interval.
    pub low: Option<f64>,
    /// Upper end of the value's interval.
    pub high: Option<f64>,
}

/// One value of a fitted model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// Size; a model also has values between whole sizes.
    pub x: f64,
    /// What the model gives, in the panel's unit.
    pub y: f64,
    /// Lower end of its 95 % interval.
    pub low: Option<f64>,
    /// Upper end of its interval.
    pub high: Option<f64>,
}

/// A size that stands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Size.
    pub x: u32,
    /// What it is: `chosen: 8`.
    pub label: String,
    /// How it is drawn.
    pub kind: MarkKind,
}

/// How a mark is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkKind {
    /// What the report chose.
    Chosen,
    /// What is in use.
    Present,
}

/// Beyond this no throughput and no time was ever measured, and arithmetic on axes stays exact enough below it.
const MOST: f64 = 1e12;

/// The value, if it can be drawn.
fn drawable(value: f64) -> Option<f64> {
    (0.0..=MOST).contains(&value).then_some(value)
}

/// The ends of an interval around `y` that can be drawn, the lower one first.
fn interval(y: f64, low: Option<f64>, high: Option<f64>) -> (f64, f64) {
    let low = low.filter(|v| !v.is_nan()).unwrap_or(y);
    let high = high.and_then(drawable).unwrap_or(y);
    // An interval computed as value ± error may reach below zero, where the quantity itself cannot be.
    (low.clamp(0.0, y), high.max(y))
}

/// A value that can be drawn, with its interval: `low ≤ y ≤ high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::report) struct Drawn {
    pub(in crate::report) x: f64,
    pub(in crate::report) y: f64,
    pub(in crate::report) low: f64,
    pub(in crate::report) high: f64,
}

impl Panel {
    /// The points in the order of their sizes; `None` is a gap.
    pub(in crate::report) fn drawn_points(&self) -> Vec<Option<Drawn>> {
        let mut points = self.points.clone();
        points.sort_by_key(|p| p.x);
        let drawn = points.into_iter().map(|p| {
            let y = p.y.and_then(drawable)?;
            let (low, high) = interval(y, p.low, p.high);
            let x = f64::from(p.x);
            Some(Drawn { x, y, low, high })
        });
        drawn.collect()
    }

    /// The curve without what cannot be drawn, in the order of its sizes.
    pub(in crate::report) fn drawn_curve(&self) -> Vec<Drawn> {
        let drawn = self.curve.iter().filter_map(|p| {
            let (x, y) = (drawable(p.x)?, drawable(p.y)?);
            let (low, high) = interval(y, p.low, p.high);
            Some(Drawn { x, y, low, high })
        });
        let mut curve: Vec<Drawn> = drawn.collect();
        curve.sort_by(|a, b| a.x.total_cmp(&b.x));
        curve
    }

    /// Neighbouring points that are joined because there is no curve; a gap between two keeps them apart.
    pub(in crate::report) fn joints(&self) -> Vec<(Drawn, Drawn)> {
        if !self.drawn_curve().is_empty() {
            return Vec::new();
        }
        let points = self.drawn_points();
        let pairs = points.windows(2).filter_map(|pair| pair[0].zip(pair[1]));
        pairs.filter(|(a, b)| a.x < b.x).collect()
    }

    /// The quantity with its unit.
    pub(in crate::report) fn caption(&self, log: bool) -> String {
        let unit = match self.unit {
            Unit::PerSecond => "in requests per second",
            Unit::Milliseconds => "in ms",
        };
        let scale = if log { ", log scale" } else { "" };
        format!("{} {unit}{scale}", self.title)
    }
}

/// A kind of thing on a chart, for its legend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Sign {
    Point,
    Interval,
    Joint,
    Fit,
    Band,
}

impl Chart {
    /// How many sizes were tried.
    pub(in crate::report) fn sizes(&self) -> usize {
        let points = self.panels.iter().flat_map(|panel| &panel.points);
        points.map(|point| point.x).collect::<BTreeSet<u32>>().len()
    }

    /// What is on the chart, with what it means; the marks have labels of their own.
    pub(in crate::report) fn signs(&self) -> Vec<(Sign, &'static str)> {
        let any = |used: &dyn Fn(&Panel) -> bool| self.panels.iter().any(used);
        let point =
            |used: fn(&Drawn) -> bool| any(&|p| p.drawn_points().iter().flatten().any(used));
        let curve = |used: fn(&Drawn) -> bool| any(&|p| p.drawn_curve().iter().any(used));
        let all = [
            (Sign::Point, point(|_| true), "measured"),
            (
                Sign::Interval,
                point(Drawn::has_interval),
                "its 95 % interval",
            ),
            (
                Sign::Joint,
                any(&|p| !p.joints().is_empty()),
                "only joins them",
            ),
            (Sign::Fit, curve(|_| true), "fit"),
            (
                Sign::Band,
                curve(Drawn::has_interval),
                "95 % interval of the fit",
            ),
        ];
        let used = all.into_iter().filter(|(_, used, _)| *used);
        used.map(|(sign, _, words)| (sign, words)).collect()
    }
}

impl Drawn {
    /// Whether the value has an interval of any width.
    pub(in crate::report) fn has_interval(&self) -> bool {
        self.low < self.high
    }
}
