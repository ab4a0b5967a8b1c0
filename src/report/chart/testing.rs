//! Charts for tests.

use super::model::{Chart, CurvePoint, Mark, MarkKind, Panel, Point, Unit};

/// Points without intervals.
pub(in crate::report) fn points(values: &[(u32, f64)]) -> Vec<Point> {
    let points = values.iter().map(|(x, y)| Point {
        x: *x,
        y: Some(*y),
        low: None,
        high: None,
    });
    points.collect()
}

/// A sweep that was measured, without a fit.
pub(in crate::report) fn measured() -> Chart {
    let throughput = [
        (1, 412.0),
        (2, 815.0),
        (4, 1540.0),
        (8, 2620.0),
        (16, 2910.0),
        (32, 2480.0),
    ];
    let p99 = [
        (1, 161.0),
        (2, 81.0),
        (4, 44.1),
        (8, 27.9),
        (16, 29.5),
        (32, 41.0),
    ];
    let panel = |title: &str, unit, values| Panel {
        title: title.to_owned(),
        unit,
        points: points(values),
        curve: Vec::new(),
    };
    let mark = |x, label: &str, kind| Mark {
        x,
        label: label.to_owned(),
        kind,
    };
    Chart {
        title: "Throughput and p99 over pool size".to_owned(),
        x_label: "pool size".to_owned(),
        panels: vec![
            panel("Throughput", Unit::PerSecond, &throughput),
            panel("p99", Unit::Milliseconds, &p99),
        ],
        marks: vec![
            mark(10, "chosen: 10 (8 to 12)", MarkKind::Chosen),
            mark(20, "now: 20", MarkKind::Present),
        ],
    }
}

/// The same sweep with intervals and the Universal Scalability Law through its throughput.
pub(in crate::report) fn fitted() -> Chart {
    let mut chart = measured();
    for (point, error) in chart.panels[0]
        .points
        .iter_mut()
        .zip([10.0, 30.0, 90.0, 260.0, 310.0, 420.0])
    {
        point.low = point.y.map(|y| y - error);
        point.high = point.y.map(|y| y + error);
    }
    let law = |n: f64| 420.0 * n / (1.0 + 0.032 * (n - 1.0) + 0.0032 * n * (n - 1.0));
    chart.panels[0].curve = (0..=62)
        .map(|i| {
            let x = (f64::from(i) / 62.0 * 5.0).exp2();
            let y = law(x);
            CurvePoint {
                x,
                y,
                low: Some(y * (1.0 - 0.02 - 0.004 * x)),
                high: Some(y * (1.0 + 0.02 + 0.004 * x)),
            }
        })
        .collect();
    chart
}
