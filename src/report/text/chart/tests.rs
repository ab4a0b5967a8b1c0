//! What charts look like at every width, and that no value can break them.

use proptest::prelude::*;

use super::render;
use crate::report::chart::testing::{fitted, measured, points};
use crate::report::chart::{Chart, Mark, MarkKind, Panel, Point, Unit};
use crate::report::render::Style;
use crate::report::text::layout::width;

fn style(color: bool, unicode: bool) -> Style {
    Style {
        width: 0,
        color,
        unicode,
    }
}

/// The chart as the text renderer indents it at a width of the terminal.
fn drawn(chart: &Chart, terminal: usize) -> String {
    let lines = render(chart, terminal - 2, style(false, true));
    let lines: Vec<String> = lines
        .iter()
        .map(|l| format!("  {l}").trim_end().to_owned())
        .collect();
    format!("\n{}", lines.join("\n"))
}

#[test]
fn a_fit_at_80_columns() {
    insta::assert_snapshot!(drawn(&fitted(), 80));
}

#[test]
fn a_fit_at_120_columns() {
    insta::assert_snapshot!(drawn(&fitted(), 120));
}

#[test]
fn a_fit_at_200_columns() {
    insta::assert_snapshot!(drawn(&fitted(), 200));
}

#[test]
fn a_fit_in_colour() {
    let lines = render(&fitted(), 78, style(true, true)).join("\n");
    insta::assert_snapshot!(lines.replace('\u{1b}', "␛"));
}

#[test]
fn without_unicode_everything_is_ascii() {
    let lines = render(&fitted(), 78, style(false, false)).join("\n");
    assert!(lines.is_ascii());
    insta::assert_snapshot!(format!("\n{lines}"));
}

#[test]
fn points_without_a_fit_and_with_a_gap() {
    let mut chart = measured();
    chart.panels[1].points[3].y = None;
    insta::assert_snapshot!(drawn(&chart, 80));
}

#[test]
fn odd_values() {
    let one = |name: &str, unit, values: &[(u32, f64)]| Chart {
        title: name.to_owned(),
        x_label: "pool size".to_owned(),
        panels: vec![Panel {
            title: match unit {
                Unit::PerSecond => "Throughput".to_owned(),
                Unit::Milliseconds => "p99".to_owned(),
            },
            unit,
            points: points(values),
            curve: Vec::new(),
        }],
        marks: Vec::new(),
    };
    let charts = [
        one("One point", Unit::PerSecond, &[(8, 412.0)]),
        one(
            "Equal values",
            Unit::Milliseconds,
            &[(1, 20.0), (2, 20.0), (3, 20.0)],
        ),
        one("Zero", Unit::PerSecond, &[(1, 0.0), (2, 0.0), (3, 0.0)]),
        one(
            "Far apart",
            Unit::Milliseconds,
            &[(1, 0.08), (10, 4.0), (100, 90.0), (1000, 12_000.0)],
        ),
        one(
            "Nothing",
            Unit::PerSecond,
            &[(1, f64::NAN), (2, f64::INFINITY), (3, -1.0)],
        ),
    ];
    let all: Vec<String> = charts.iter().map(|c| drawn(c, 80)).collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn long_labels_are_cut_and_do_not_meet() {
    let mut chart = measured();
    chart.title = "Durchsatz ".repeat(20);
    chart.x_label = "größe des vorrats 漢字 ".repeat(9);
    chart.panels[0].title = "漢字".repeat(60);
    chart.marks[0].label = format!("chosen\u{1b}[31m: {}", "8".repeat(200));
    insta::assert_snapshot!(drawn(&chart, 80));
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        0.0..5000.0_f64,
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(0.0),
        Just(f64::MIN_POSITIVE),
        Just(1e12),
    ]
}

fn any_panel() -> impl Strategy<Value = Panel> {
    let some = || proptest::option::of(any_value());
    let x = || prop_oneof![0..40_u32, any::<u32>()];
    let point =
        (x(), some(), some(), some()).prop_map(|(x, y, low, high)| Point { x, y, low, high });
    let at = prop_oneof![0.0..40.0_f64, any_value()];
    let curve = (at, any_value(), some(), some())
        .prop_map(|(x, y, low, high)| crate::report::chart::CurvePoint { x, y, low, high });
    let unit = prop_oneof![Just(Unit::PerSecond), Just(Unit::Milliseconds)];
    (
        "\\PC{0,90}",
        unit,
        proptest::collection::vec(point, 0..9),
        proptest::collection::vec(curve, 0..9),
    )
        .prop_map(|(title, unit, points, curve)| Panel {
            title,
            unit,
            points,
            curve,
        })
}

fn any_chart() -> impl Strategy<Value = Chart> {
    let kind = prop_oneof![Just(MarkKind::Chosen), Just(MarkKind::Present)];
    let mark =
        (any::<u32>(), "\\PC{0,90}", kind).prop_map(|(x, label, kind)| Mark { x, label, kind });
    (
        "\\PC{0,90}",
        "\\PC{0,90}",
        proptest::collection::vec(any_panel(), 0..3),
        proptest::collection::vec(mark, 0..3),
    )
        .prop_map(|(title, x_label, panels, marks)| Chart {
            title,
            x_label,
            panels,
            marks,
        })
}

proptest! {
    #[test]
    fn no_chart_is_wider_than_its_room_or_holds_what_is_no_number(
        chart in any_chart(),
        room in 58_usize..200,
        unicode in any::<bool>(),
    ) {
        for line in render(&chart, room, style(false, unicode)) {
            prop_assert!(width(&line) <= room, "{line}");
            prop_assert_eq!(line.trim_end(), &line);
        }
        let svg = crate::report::svg(&chart);
        for word in ["NaN", "inf"] {
            let drawn = svg.lines().filter(|l| !l.contains("<text") && !l.contains("<title") && !l.contains("<desc"));
            prop_assert!(drawn.into_iter().all(|l| !l.contains(word)), "{svg}");
        }
    }
}
