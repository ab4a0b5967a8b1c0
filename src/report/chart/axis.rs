//! Axes: their ranges, their ticks, and where a value stands between their ends.

use crate::report::format;

use super::model::{Chart, Panel, Unit};

/// Sizes that spread further than this are set on a scale on which each doubling takes the same way.
const LOG_SIZES: f64 = 8.0;

/// Times that spread further than this are set on a logarithmic scale.
const LOG_TIMES: f64 = 30.0;

/// A logarithmic scale of times does not begin below a microsecond.
const LEAST_LOG_MS: f64 = 0.001;

/// Ticks of a linear scale, zero not counted. With steps of 1, 2 and 5 there are then three to five.
const MOST_STEPS: f64 = 5.0;

/// An axis that ends below this would need more decimals than any clock has.
const LEAST_TOP: f64 = 0.01;

/// Intervals may stretch an axis up to this many times its largest value; beyond that they are cut off, as they
/// would flatten everything else.
const INTERVAL_STRETCH: f64 = 1.5;

/// Digits of floating point that do not count.
const HAIR: f64 = 1e-9;

/// The axis of sizes that all panels share.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) struct XAxis {
    low: f64,
    high: f64,
    pub(in crate::report) log: bool,
    /// Sizes that were tried.
    tried: Vec<u32>,
}

impl XAxis {
    /// The axis; `None` where no panel has a value to draw.
    pub(in crate::report) fn of(chart: &Chart) -> Option<Self> {
        let mut tried: Vec<u32> = Vec::new();
        let mut all: Vec<f64> = Vec::new();
        let mut filled = false;
        for panel in &chart.panels {
            tried.extend(panel.points.iter().map(|p| p.x));
            let curve = panel.drawn_curve();
            filled |= !curve.is_empty() || panel.drawn_points().iter().any(Option::is_some);
            all.extend(curve.iter().map(|p| p.x));
        }
        all.extend(tried.iter().copied().map(f64::from));
        all.extend(chart.marks.iter().map(|m| f64::from(m.x)));
        if !filled {
            return None;
        }
        tried.sort_unstable();
        tried.dedup();
        let (low, high) = range(all.iter().copied())?;
        Some(Self {
            low,
            high,
            log: low >= 1.0 && high / low >= LOG_SIZES,
            tried,
        })
    }

    /// Where a size stands: 0 is the lower end, 1 the upper one.
    pub(in crate::report) fn place(&self, x: f64) -> f64 {
        if self.low >= self.high {
            return 0.5;
        }
        if self.log {
            between(x.log2(), self.low.log2(), self.high.log2())
        } else {
            between(x, self.low, self.high)
        }
    }

    /// Sizes to write below the axis: those that were tried, as far as `fits` says that they have room. The ends come
    /// first, then on a log scale the powers of 2, then the others from below.
    pub(in crate::report) fn ticks(&self, fits: impl Fn(&[u32]) -> bool) -> Vec<u32> {
        let ends = [self.tried.first(), self.tried.last()];
        let powers = self
            .tried
            .iter()
            .filter(|x| self.log && x.is_power_of_two());
        let mut ticks: Vec<u32> = Vec::new();
        for size in ends.into_iter().flatten().chain(powers).chain(&self.tried) {
            let Err(at) = ticks.binary_search(size) else {
                continue;
            };
            ticks.insert(at, *size);
            if !fits(&ticks) {
                ticks.remove(at);
            }
        }
        ticks
    }
}

/// The axis of one panel's values.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report) struct YAxis {
    low: f64,
    high: f64,
    pub(in crate::report) log: bool,
    /// Values with their words, from below.
    pub(in crate::report) ticks: Vec<(f64, String)>,
}

impl YAxis {
    /// The axis of a panel; of one without values it goes from 0 to 1.
    pub(in crate::report) fn of(panel: &Panel) -> Self {
        let points = panel.drawn_points().into_iter().flatten();
        let drawn: Vec<_> = points.chain(panel.drawn_curve()).collect();
        let (least, most) = range(drawn.iter().map(|p| p.y)).unwrap_or((0.0, 0.0));
        let stretched = drawn.iter().map(|p| p.high).fold(most, f64::max);
        let top = if most > 0.0 {
            stretched.min(most * INTERVAL_STRETCH)
        } else if stretched > 0.0 {
            stretched
        } else {
            1.0
        };
        let spread = least >= LEAST_LOG_MS && most / least >= LOG_TIMES;
        if panel.unit == Unit::Milliseconds && spread {
            Self::log(least, top)
        } else {
            Self::linear(top.max(LEAST_TOP))
        }
    }

    fn linear(top: f64) -> Self {
        let decade = 10_f64.powf((top / MOST_STEPS).log10().floor());
        let steps = |step: f64| (top / step - HAIR).ceil();
        let wanted = |step: &f64| steps(*step) <= MOST_STEPS;
        let step = [1.0, 2.0, 5.0].map(|m| m * decade);
        let step = step.into_iter().find(wanted).unwrap_or(10.0 * decade);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "three to five"
        )]
        let count = steps(step) as u32;
        let ticks = (0..=count).map(|n| f64::from(n) * step);
        Self {
            low: 0.0,
            high: f64::from(count) * step,
            log: false,
            ticks: ticks.map(|v| (v, format::tick(v, step))).collect(),
        }
    }

    fn log(least: f64, top: f64) -> Self {
        let all: Vec<(f64, bool)> = (-3..=13)
            .flat_map(|n| [1.0, 2.0, 5.0].map(|m| (m * 10_f64.powi(n), m < 1.5)))
            .collect();
        let start = all.iter().rposition(|(v, _)| *v <= least * (1.0 + HAIR));
        let end = all.iter().position(|(v, _)| *v >= top * (1.0 - HAIR));
        let start = start.unwrap_or(0);
        let shown = &all[start..=end.unwrap_or(all.len() - 1).max(start)];
        let mut ticks: Vec<f64> = shown.iter().map(|(v, _)| *v).collect();
        // Ten ticks are three decades.
        if ticks.len() > 10 {
            ticks = shown.iter().filter(|t| t.1).map(|t| t.0).collect();
            let each = ticks.len().div_ceil(6);
            ticks = ticks.into_iter().step_by(each).collect();
        }
        Self {
            low: shown[0].0,
            high: shown[shown.len() - 1].0,
            log: true,
            ticks: ticks.into_iter().map(|v| (v, format::tick(v, v))).collect(),
        }
    }

    /// Where a value stands: 0 is the lower end, 1 the upper one; outside of the axis it is below 0 or above 1.
    pub(in crate::report) fn place(&self, y: f64) -> f64 {
        if !self.log {
            between(y, self.low, self.high)
        } else if y > 0.0 {
            between(y.log10(), self.low.log10(), self.high.log10())
        } else {
            -1.0
        }
    }
}

/// Smallest and largest.
fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, v| {
        let (low, high) = range.unwrap_or((v, v));
        Some((low.min(v), high.max(v)))
    })
}

fn between(value: f64, low: f64, high: f64) -> f64 {
    (value - low) / (high - low)
}

#[cfg(test)]
mod tests {
    use super::super::model::{Mark, MarkKind, Point};
    use super::*;

    fn panel(unit: Unit, values: &[f64]) -> Panel {
        let points = values.iter().zip(1..).map(|(y, x)| Point {
            x,
            y: Some(*y),
            low: None,
            high: None,
        });
        Panel {
            title: "Throughput".to_owned(),
            unit,
            points: points.collect(),
            curve: Vec::new(),
        }
    }

    fn words(unit: Unit, values: &[f64]) -> Vec<String> {
        let axis = YAxis::of(&panel(unit, values));
        axis.ticks.into_iter().map(|(_, words)| words).collect()
    }

    #[test]
    fn steps_are_1_2_or_5() {
        let rate = |values: &[f64]| words(Unit::PerSecond, values);
        assert_eq!(rate(&[412.0]), ["0", "100", "200", "300", "400", "500"]);
        assert_eq!(
            rate(&[1000.0, 3.0]),
            ["0", "200", "400", "600", "800", "1,000"]
        );
        assert_eq!(rate(&[11_000.0]), ["0", "5,000", "10,000", "15,000"]);
        assert_eq!(rate(&[0.7]), ["0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(rate(&[0.0, 0.0]), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(rate(&[f64::NAN]), rate(&[0.0]));
    }

    #[test]
    fn only_times_that_spread_far_are_logarithmic() {
        let time = |values: &[f64]| words(Unit::Milliseconds, values);
        assert_eq!(time(&[4.0, 100.0]), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(
            time(&[4.0, 150.0]),
            ["2", "5", "10", "20", "50", "100", "200"]
        );
        assert_eq!(time(&[0.0, 150.0]), ["0", "50", "100", "150"]);
        assert_eq!(time(&[0.02, 300.0]), ["0.1", "1", "10", "100"]);
        assert!(!YAxis::of(&panel(Unit::PerSecond, &[4.0, 1500.0])).log);
    }

    #[test]
    fn an_interval_does_not_flatten_the_rest() {
        let mut wide = panel(Unit::PerSecond, &[90.0, 100.0]);
        wide.points[1].high = Some(10_000.0);
        let axis = YAxis::of(&wide);
        assert!((axis.high - 150.0).abs() < HAIR);
        assert!(axis.place(10_000.0) > 1.0);
    }

    #[test]
    fn the_sizes_tried_are_the_ticks_while_they_fit() {
        let mut chart = Chart {
            panels: vec![panel(Unit::PerSecond, &[1.0; 24])],
            ..Chart::default()
        };
        let axis = XAxis::of(&chart).unwrap();
        assert!(axis.log);
        assert_eq!(axis.ticks(|t| t.len() <= 24).len(), 24);
        assert_eq!(axis.ticks(|t| t.len() <= 6), [1, 2, 4, 8, 16, 24]);
        let apart = |t: &[u32]| {
            t.windows(2)
                .all(|pair| f64::from(pair[1]) >= 1.4 * f64::from(pair[0]))
        };
        assert_eq!(axis.ticks(apart), [1, 2, 4, 8, 16, 24]);
        assert!(axis.place(1.0).abs() < HAIR);
        assert!((axis.place(f64::from(24_f32).sqrt()) - 0.5).abs() < HAIR);

        chart.panels[0].points.drain(..19);
        let axis = XAxis::of(&chart).unwrap();
        assert!(!axis.log);
        let apart = |t: &[u32]| t.windows(2).all(|pair| pair[1] - pair[0] > 1);
        assert_eq!(axis.ticks(apart), [20, 22, 24]);
        assert_eq!(axis.ticks(|_| false), Vec::<u32>::new());

        chart.marks.push(Mark {
            x: 1000,
            label: "now: 1000".to_owned(),
            kind: MarkKind::Present,
        });
        assert!(XAxis::of(&chart).unwrap().log);
    }

    #[test]
    fn without_a_value_there_is_no_chart() {
        let nothing = Chart {
            panels: vec![panel(Unit::PerSecond, &[f64::NAN, -1.0, f64::INFINITY])],
            ..Chart::default()
        };
        assert_eq!(XAxis::of(&nothing), None);
        assert_eq!(XAxis::of(&Chart::default()), None);
    }
}
