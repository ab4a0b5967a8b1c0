//! The sizes that were tried: a chart of them and a table.

use crate::analyze::conclusions::{Estimate, Pool, Recommendation, Scaling, SweepPoint};
use crate::report::chart::{Chart, CurvePoint, Mark, MarkKind, Panel, Point, Unit};
use crate::report::doc::{Block, Cell, Column, Section, Table};
use crate::report::format::{duration, percent, rate};

/// Pieces of a curve between two sizes.
const CURVE_STEPS: u32 = 8;

/// Throughput and 99th percentile of the response time over pool size, with the recommended size and the one that
/// is in use; `None` without a sweep.
#[must_use]
pub fn chart(pool: &Pool) -> Option<Chart> {
    if pool.sweep.is_empty() {
        return None;
    }
    Some(Chart {
        title: "Throughput and p99 over pool size".to_owned(),
        x_label: "pool size".to_owned(),
        panels: vec![throughputs(pool), response_times(&pool.sweep)],
        marks: marks(pool),
    })
}

/// With the intervals of what was measured, and the law that was fitted.
fn throughputs(pool: &Pool) -> Panel {
    let points = pool.sweep.iter().map(|p| Point {
        x: p.pool_size,
        y: Some(p.throughput_per_sec),
        low: p.throughput_error_per_sec.map(|e| p.throughput_per_sec - e),
        high: p.throughput_error_per_sec.map(|e| p.throughput_per_sec + e),
    });
    Panel {
        title: "Throughput".to_owned(),
        unit: Unit::PerSecond,
        points: points.collect(),
        curve: curve(pool),
    }
}

/// The law that was fitted, between the sizes too: it bends there, which a straight line on a log scale does not
/// show. The interval is known at the sizes; between two of them it is as wide, for its height, as they are.
fn curve(pool: &Pool) -> Vec<CurvePoint> {
    let sweep = pool.sweep.iter();
    let fitted: Vec<(f64, Estimate)> = sweep
        .filter_map(|p| Some((f64::from(p.pool_size), p.fitted_per_sec?)))
        .collect();
    let law = pool.scaling.as_ref().and_then(Law::of);
    let mut curve = Vec::new();
    for (at, (x, here)) in fitted.iter().enumerate() {
        let (low, high) = (Some(here.low), Some(here.high));
        curve.push(CurvePoint {
            x: *x,
            y: here.value,
            low,
            high,
        });
        let next = fitted.get(at + 1);
        if let (Some(law), Some((to, there))) = (&law, next)
            && here.value > 0.0
            && there.value > 0.0
        {
            curve.extend((1..CURVE_STEPS).map(|step| {
                let way = f64::from(step) / f64::from(CURVE_STEPS);
                let x = x * (to / x).powf(way);
                let y = law.throughput(x);
                let between = |of: fn(&Estimate) -> f64| {
                    let (from, to) = (of(here) / here.value, of(there) / there.value);
                    Some(y * (from + (to - from) * way))
                };
                let (low, high) = (between(|e| e.low), between(|e| e.high));
                CurvePoint { x, y, low, high }
            }));
        }
    }
    curve
}

/// The Universal Scalability Law with its parameters.
struct Law {
    lambda: f64,
    sigma: f64,
    kappa: f64,
}

impl Law {
    fn of(scaling: &Scaling) -> Option<Self> {
        Some(Self {
            lambda: scaling.lambda_per_sec?.value,
            sigma: scaling.sigma_ratio?.value,
            kappa: scaling.kappa_ratio?.value,
        })
    }

    /// λn ÷ (1 + σ(n − 1) + κn(n − 1)).
    fn throughput(&self, n: f64) -> f64 {
        self.lambda * n / (1.0 + self.sigma * (n - 1.0) + self.kappa * n * (n - 1.0))
    }
}

fn response_times(sweep: &[SweepPoint]) -> Panel {
    let points = sweep.iter().map(|p| Point {
        x: p.pool_size,
        // No response takes no time: a zero says that there was none.
        y: Some(p.p99_ms).filter(|ms| *ms > 0.0),
        low: None,
        high: None,
    });
    Panel {
        title: "p99 of response times".to_owned(),
        unit: Unit::Milliseconds,
        points: points.collect(),
        curve: Vec::new(),
    }
}

/// The recommended size, and the replayed one where it is another.
fn marks(pool: &Pool) -> Vec<Mark> {
    let mut marks = Vec::new();
    let chosen = pool.recommendation.as_ref();
    if let Some(advice) = chosen {
        marks.push(Mark {
            x: advice.pool_size,
            label: chosen_label(advice),
            kind: MarkKind::Chosen,
        });
    }
    let present = pool.sweep.iter().find(|point| point.present);
    let replayed = || pool.replay.as_ref().map(|replay| replay.pool_size);
    let now = present.map(|point| point.pool_size).or_else(replayed);
    if let Some(size) = now.filter(|size| chosen.is_none_or(|advice| advice.pool_size != *size)) {
        marks.push(Mark {
            x: size,
            label: format!("now: {size}"),
            kind: MarkKind::Present,
        });
    }
    marks
}

fn chosen_label(advice: &Recommendation) -> String {
    match (advice.pool_size_low, advice.pool_size_high) {
        (Some(low), Some(high)) if low != high => {
            format!("chosen: {} ({low} to {high})", advice.pool_size)
        }
        _ => format!("chosen: {}", advice.pool_size),
    }
}

/// Adds the sizes that were tried, if any were.
pub(super) fn add(pool: &Pool, section: &mut Section) {
    let Some(chart) = chart(pool) else {
        return;
    };
    section.heading("Sizes tried (measured)");
    section.blocks.push(Block::Chart(chart));
    let mut table = Table::new([
        Column::number("Size"),
        Column::number("Throughput"),
        Column::number("p50"),
        Column::number("p99"),
        Column::number("Wait p99"),
        Column::number("Statements"),
        Column::number("Database busy"),
        Column::word("Mainly"),
    ]);
    for point in &pool.sweep {
        table.row([
            Cell::new(point.pool_size.to_string()),
            Cell::new(rate(point.throughput_per_sec)),
            Cell::new(duration(point.p50_ms)),
            Cell::new(duration(point.p99_ms)),
            Cell::new(duration(point.wait_p99_ms)),
            Cell::new(duration(point.statements_ms)),
            Cell::known(point.db_busy_ratio, percent),
            Cell::known(point.main_wait.as_deref(), str::to_owned),
        ]);
    }
    section.table(table);
    if let Some(scaling) = &pool.scaling {
        section.dim(law(scaling));
    }
}

/// What the law of scalability says of the sizes.
fn law(scaling: &Scaling) -> String {
    let Scaling {
        lambda_per_sec: Some(lambda),
        sigma_ratio: Some(sigma),
        kappa_ratio: Some(kappa),
        ..
    } = scaling
    else {
        let reason = scaling.reason.as_deref().unwrap_or("not fitted");
        return format!("No law of scalability was fitted: {reason}.");
    };
    let end = match (&scaling.peak, &scaling.reason) {
        (Some(peak), _) => format!(
            "most throughput with {} connections ({:.0} to {:.0})",
            peak.pool_size, peak.pool_size_low, peak.pool_size_high
        ),
        (None, Some(reason)) => reason.clone(),
        (None, None) => "no peak seen".to_owned(),
    };
    format!(
        "Universal Scalability Law: one connection does {} ({} to {}), contention {} ({} to {}), cost among \
         connections {} ({} to {}); {end}.",
        rate(lambda.value),
        rate(lambda.low),
        rate(lambda.high),
        percent(sigma.value),
        percent(sigma.low),
        percent(sigma.high),
        percent(kappa.value),
        percent(kappa.low),
        percent(kappa.high),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::conclusions::Conclusions;
    use crate::report::{Format, Style, markdown_with_picture, render};

    const FULL: &str = include_str!("../../../fixtures/conclusions/full.json");

    /// The hand-written document with more sizes than it has.
    fn swept() -> Conclusions {
        let mut conclusions: Conclusions = serde_json::from_str(FULL).unwrap();
        let pool = conclusions.pool.as_mut().unwrap();
        let like = pool.sweep[0].clone();
        let sizes = [
            (4, 200.5, 212.0),
            (8, 371.0, 130.0),
            (16, 548.0, 0.0),
            (24, 530.0, 141.0),
        ];
        let point = |(pool_size, throughput_per_sec, p99_ms)| SweepPoint {
            pool_size,
            throughput_per_sec,
            p99_ms,
            ..like.clone()
        };
        pool.sweep = sizes.map(point).to_vec();
        conclusions
    }

    fn shown(conclusions: &Conclusions, format: Format, style: Style) -> String {
        String::from_utf8(render(conclusions, format, &style).unwrap()).unwrap()
    }

    #[test]
    fn two_sizes_are_a_picture_but_no_drawing() {
        let mut swept = swept();
        swept.pool.as_mut().unwrap().sweep.truncate(2);
        assert!(chart(swept.pool.as_ref().unwrap()).is_some());
        for format in [Format::Text, Format::Markdown] {
            let drawn = shown(&swept, format, Style::default());
            assert!(
                drawn.contains("Sizes tried") && !drawn.contains('●'),
                "{drawn}"
            );
        }
        let page = String::from_utf8(markdown_with_picture(&swept, "a.svg")).unwrap();
        assert!(page.contains("\n![Throughput and p99 over pool size](a.svg)\n"));
        swept.pool.as_mut().unwrap().sweep.clear();
        assert_eq!(chart(swept.pool.as_ref().unwrap()), None);
    }

    #[test]
    fn the_chosen_size_and_the_present_one_are_marked() {
        let mut pool = swept().pool.unwrap();
        let labels = |pool: &Pool| -> Vec<String> {
            let marks = chart(pool).unwrap().marks;
            marks.into_iter().map(|mark| mark.label).collect()
        };
        assert_eq!(labels(&pool), ["chosen: 12 (10 to 14)", "now: 4"]);
        pool.sweep
            .iter_mut()
            .for_each(|point| point.present = false);
        pool.replay.as_mut().unwrap().pool_size = 12;
        assert_eq!(labels(&pool), ["chosen: 12 (10 to 14)"]);
        pool.recommendation = None;
        assert_eq!(labels(&pool), ["now: 12"]);
    }

    #[test]
    fn the_law_bends_between_the_sizes() {
        let mut pool = swept().pool.unwrap();
        let estimate = |value: f64| Estimate {
            value,
            low: value * 0.9,
            high: value * 1.2,
        };
        pool.scaling = Some(Scaling {
            lambda_per_sec: Some(estimate(60.0)),
            sigma_ratio: Some(estimate(0.05)),
            kappa_ratio: Some(estimate(0.001)),
            ..Scaling::default()
        });
        let law = Law::of(pool.scaling.as_ref().unwrap()).unwrap();
        for point in &mut pool.sweep {
            point.fitted_per_sec = Some(estimate(law.throughput(f64::from(point.pool_size))));
        }
        let drawn = curve(&pool);
        assert_eq!(drawn.len(), 3 * 8 + 1);
        for point in drawn {
            assert!((point.y - law.throughput(point.x)).abs() < 1e-9);
            assert!((point.low.unwrap() / point.y - 0.9).abs() < 1e-9);
            assert!((point.high.unwrap() / point.y - 1.2).abs() < 1e-9);
        }
        pool.sweep[1].fitted_per_sec = None;
        pool.scaling = None;
        assert_eq!(curve(&pool).len(), 3);
    }

    #[test]
    fn a_time_of_nothing_is_a_gap() {
        let drawn = chart(&swept().pool.unwrap()).unwrap();
        assert_eq!(drawn.panels[0].points[2].y, Some(548.0));
        assert_eq!(drawn.panels[1].points[2].y, None);
    }

    #[test]
    fn text_and_markdown_draw_it_and_json_does_not() {
        const TITLE: &str = "Throughput and p99 over pool size";
        let swept = swept();
        let text = shown(&swept, Format::Text, Style::default());
        assert!(text.contains(&format!("Sizes tried (measured)\n  {TITLE}\n")));
        assert!(text.contains("┃ chosen: 12 (10 to 14)"));
        assert!(text.contains("only joins them\n\n  Size  Throughput"));
        let markdown = shown(&swept, Format::Markdown, Style::default());
        assert!(markdown.contains(&format!("\n```text\n{TITLE}\n")));
        assert!(!shown(&swept, Format::Json, Style::default()).contains(TITLE));
    }

    #[test]
    fn a_report_with_a_chart_fits_and_is_ascii_where_it_must_be() {
        for width in [60, 80, 120, 200] {
            let style = Style {
                width,
                unicode: false,
                color: false,
            };
            let text = shown(&swept(), Format::Text, style);
            assert!(text.is_ascii());
            let widest = text.lines().map(str::len).max();
            assert!(widest <= Some(usize::from(width)), "{text}");
        }
    }
}
