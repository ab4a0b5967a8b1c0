//! A chart as a picture that stands alone: no script, no font and nothing else to load.

mod frame;
mod write;

use crate::report::format::number;

use super::axis::{XAxis, YAxis};
use super::model::{Chart, Drawn, Sign};
use frame::Frame;
use write::{add, escape, fitting, letters, text};

/// Colours are told apart by their lightness too, and every kind of thing has its own form.
const STYLE: &str = include_str!("svg/style.css");

/// Units of the view box, which scales to any size.
const WIDTH: f64 = 760.0;
const MARGIN: f64 = 24.0;
const LINE: f64 = 18.0;

/// The chart as an SVG document, light or dark as the reader's screen is. It ends in a line break.
///
/// Labels may hold anything: they are cleaned, cut at their room and escaped; the description for screen readers has
/// the values in words.
#[must_use]
pub fn svg(chart: &Chart) -> String {
    let mut body = String::new();
    let out = &mut body;
    let mut top = MARGIN + LINE;
    let title = fitting(&chart.title, WIDTH - 2.0 * MARGIN, 1.3);
    add(
        out,
        format_args!(
            "<text class=\"strong\" x=\"{MARGIN}\" y=\"{}\" font-size=\"16\">{title}</text>\n",
            top - 4.0
        ),
    );
    if let Some(x) = XAxis::of(chart) {
        let axes: Vec<YAxis> = chart.panels.iter().map(YAxis::of).collect();
        let labels = axes.iter().flat_map(|axis| &axis.ticks);
        let gutter = labels.map(|(_, words)| letters(words)).fold(0.0, f64::max);
        for (panel, y) in chart.panels.iter().zip(&axes) {
            let frame = Frame {
                x: &x,
                y,
                left: MARGIN + gutter + 8.0,
                top: 0.0,
            };
            top = frame.panel(chart, panel, top + 8.0, out);
        }
        legend(chart, top + LINE, out);
        top += 2.0 * LINE;
    } else {
        add(
            out,
            format_args!(
                "<text x=\"{MARGIN}\" y=\"{}\">Not drawn: no value was measured.</text>\n",
                top + LINE
            ),
        );
        top += 2.0 * LINE;
    }
    let height = top + MARGIN - 8.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"dbperf\" role=\"img\" width=\"{WIDTH}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {WIDTH} {height:.0}\">\n\
         <title>{}</title>\n<desc>{}</desc>\n<style>{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{height:.0}\"/>\n{body}</svg>\n",
        escape(&chart.title),
        escape(&description(chart))
    )
}

fn legend(chart: &Chart, y: f64, out: &mut String) {
    let mut x = MARGIN;
    for (sign, words) in chart.signs() {
        let (middle, end) = (y - 4.0, x + 20.0);
        match sign {
            Sign::Point => add(
                out,
                format_args!(
                    "<circle class=\"point\" cx=\"{:.1}\" cy=\"{middle:.1}\" r=\"4.5\"/>\n",
                    x + 10.0
                ),
            ),
            Sign::Interval => add(
                out,
                format_args!(
                    "<path class=\"bar\" d=\"M{0:.1} {1:.1}h8m-4 0v12m-4 0h8\"/>\n",
                    x + 6.0,
                    middle - 6.0
                ),
            ),
            Sign::Joint | Sign::Fit => {
                let class = if sign == Sign::Fit { "fit" } else { "joint" };
                add(
                    out,
                    format_args!(
                        "<line class=\"{class}\" x1=\"{x:.1}\" y1=\"{middle:.1}\" x2=\"{end:.1}\" y2=\"{middle:.1}\"/>\n"
                    ),
                );
            }
            Sign::Band => add(
                out,
                format_args!(
                    "<rect class=\"band\" x=\"{x:.1}\" y=\"{:.1}\" width=\"20\" height=\"12\"/>\n",
                    middle - 6.0
                ),
            ),
        }
        text(out, "", "start", (end + 6.0, y), words);
        x = end + 6.0 + letters(words) + 18.0;
    }
}

/// The chart in words.
fn description(chart: &Chart) -> String {
    let mut words = String::new();
    for panel in &chart.panels {
        let values: Vec<String> = panel.drawn_points().iter().flatten().map(value).collect();
        let values = if values.is_empty() {
            "not measured".to_owned()
        } else {
            values.join(", ")
        };
        add(
            &mut words,
            format_args!("{} by {}: {values}. ", panel.caption(false), chart.x_label),
        );
    }
    for mark in &chart.marks {
        add(&mut words, format_args!("{}. ", mark.label));
    }
    words
}

fn value(point: &Drawn) -> String {
    let interval = if point.has_interval() {
        format!(" ({} to {})", number(point.low), number(point.high))
    } else {
        String::new()
    };
    format!("{} at {:.0}{interval}", number(point.y), point.x)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{fitted, measured};
    use super::*;

    #[test]
    fn a_fit_as_a_picture() {
        insta::assert_snapshot!(svg(&fitted()));
    }

    #[test]
    fn points_as_a_picture() {
        let mut chart = measured();
        chart.panels[1].points[3].y = None;
        insta::assert_snapshot!(svg(&chart));
    }

    #[test]
    fn labels_are_only_text_and_nothing_is_loaded() {
        let mut chart = measured();
        chart.title = "<script>alert(1)</script>\u{1b}[31m & \"x\"\u{ffff}".to_owned();
        chart.marks[0].label = "</text><image href=\"http://e/\"/>".to_owned();
        let picture = svg(&chart);
        assert!(
            picture.contains(
                "<title>&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;x&quot;</title>"
            )
        );
        for word in ["<script", "<image", "url(", "@import", "<a "] {
            assert!(!picture.contains(word), "{word}");
        }
        // The name of the format is the only address, and it is no link.
        assert_eq!(
            picture
                .replace("href=&quot;http://e/", "")
                .matches("://")
                .count(),
            1
        );
    }

    #[test]
    fn without_a_value_it_says_so() {
        let picture = svg(&Chart::default());
        assert!(picture.contains("Not drawn: no value was measured."));
    }
}
