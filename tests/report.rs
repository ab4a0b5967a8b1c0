//! Reports of a hand-written document: what they look like, how wide they are, and that nothing in
//! them can do harm.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may fail loudly, its helpers too"
)]

use dbperf::analyze::conclusions::{Conclusions, SCHEMA_VERSION};
use dbperf::analyze::sla::{Sla, SlaFacts};
use dbperf::analyze::{checklist, sla};
use dbperf::record::run::Host;
use dbperf::report::{Format, Style, render, schema};
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

const FULL: &str = include_str!("../fixtures/conclusions/full.json");

fn full() -> Conclusions {
    let mut conclusions: Conclusions = serde_json::from_str(FULL).unwrap();
    let host = Host {
        cores: Some(4),
        server_is_local: true,
        cpu_busy_ratio: Some(0.83),
        memory_used_ratio: Some(0.41),
        ..Host::default()
    };
    let facts = SlaFacts {
        host: &host,
        replay: None,
    };
    conclusions.sla = Some(sla::conclude(&conclusions, facts, &Sla::default()));
    conclusions.checklist = Some(checklist::conclude(&conclusions));
    conclusions
}

/// A document in which nothing was measured.
fn empty() -> Conclusions {
    let whole: Value = serde_json::from_str(FULL).unwrap();
    let bare = serde_json::json!({ "schema_version": SCHEMA_VERSION, "run": whole["run"] });
    serde_json::from_value(bare).unwrap()
}

fn text(conclusions: &Conclusions, style: Style) -> String {
    String::from_utf8(render(conclusions, Format::Text, &style).unwrap()).unwrap()
}

fn plain(width: u16) -> Style {
    Style {
        width,
        color: false,
        unicode: true,
    }
}

/// Replaces every string in the document by a hostile one that keeps its beginning.
fn hostile() -> Conclusions {
    fn spoil(value: &mut Value, key: &str) {
        const FIXED: [&str; 8] = [
            "severity",
            "evidence",
            "verdict",
            "basis",
            "kind",
            "holds",
            "judged_by",
            "write_bytes_basis",
        ];
        match value {
            Value::String(text) if !FIXED.contains(&key) && key != "part" && key != "status" => {
                text.push_str(
                    "\u{1b}[31m\u{1b}]0;pwned\u{7}\r\nnext|`col`umn <script>alert(1)</script>\t漢字漢字漢字\
                     \u{202e}evil\u{200b}\u{9b}2J👩‍👩‍👧 é́́ ",
                );
                text.push_str(&"loooong".repeat(40));
            }
            Value::Array(all) => all.iter_mut().for_each(|v| spoil(v, key)),
            Value::Object(map) => map.iter_mut().for_each(|(k, v)| spoil(v, k)),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(full()).unwrap();
    spoil(&mut value, "");
    serde_json::from_value(value).unwrap()
}

fn assert_fits(report: &str, width: u16) {
    for line in report.lines() {
        let columns = line.width();
        assert!(columns <= usize::from(width), "{columns} columns: {line}");
        assert_eq!(line, line.trim_end(), "trailing blanks");
    }
}

#[test]
fn looks_at_80_columns() {
    insta::assert_snapshot!(text(&full(), plain(80)));
}

#[test]
fn looks_at_120_columns() {
    insta::assert_snapshot!(text(&full(), plain(120)));
}

#[test]
fn looks_at_200_columns() {
    insta::assert_snapshot!(text(&full(), plain(200)));
}

#[test]
fn looks_in_markdown() {
    let bytes = render(&full(), Format::Markdown, &Style::default()).unwrap();
    insta::assert_snapshot!(String::from_utf8(bytes).unwrap());
}

#[test]
fn looks_when_nothing_was_measured() {
    insta::assert_snapshot!(text(&empty(), plain(100)));
}

#[test]
fn no_line_is_wider_than_asked() {
    for width in [60, 72, 80, 100, 120, 160, 200] {
        for unicode in [true, false] {
            let style = Style {
                width,
                color: false,
                unicode,
            };
            assert_fits(&text(&full(), style), width);
            assert_fits(&text(&hostile(), style), width);
            assert_fits(&text(&empty(), style), width);
        }
    }
}

#[test]
fn colour_only_repeats_what_the_words_say() {
    let style = Style {
        color: true,
        ..plain(120)
    };
    let coloured = text(&full(), style);
    assert!(coloured.contains("\u{1b}[1;31mCRITICAL"));
    let mut bare = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        bare.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    bare.push_str(rest);
    let trimmed: Vec<&str> = bare.lines().map(str::trim_end).collect();
    let plain = text(&full(), plain(120));
    assert_eq!(trimmed, plain.lines().collect::<Vec<_>>());
}

#[test]
fn nothing_from_a_server_can_steer_a_terminal() {
    for unicode in [true, false] {
        let style = Style {
            unicode,
            ..plain(100)
        };
        let report = text(&hostile(), style);
        for c in report.chars() {
            assert!(c == '\n' || !c.is_control(), "{c:?}");
            assert!(!matches!(c, '\u{202a}'..='\u{202e}' | '\u{200b}'..='\u{200f}'));
        }
    }
    let json = render(&hostile(), Format::Json, &Style::default()).unwrap();
    let json = String::from_utf8(json).unwrap();
    assert!(json.chars().all(|c| c == '\n' || !c.is_control()));
}

/// A line of Markdown without its code spans, which end at the next run of as many backticks.
fn without_code_spans(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(start) = rest.find('`') {
        if rest[..start].ends_with('\\') {
            out.push_str(&rest[..=start]);
            rest = &rest[start + 1..];
            continue;
        }
        out.push_str(&rest[..start]);
        let fence = rest[start..].chars().take_while(|c| *c == '`').count();
        let mut at = start + fence;
        loop {
            let next = at + rest[at..].find('`').expect("a code span ends");
            let run = rest[next..].chars().take_while(|c| *c == '`').count();
            at = next + run;
            if run == fence {
                break;
            }
        }
        rest = &rest[at..];
    }
    out + rest
}

#[test]
fn nothing_from_a_server_is_markup() {
    let bytes = render(&hostile(), Format::Markdown, &Style::default()).unwrap();
    let markdown = String::from_utf8(bytes).unwrap();
    let mut fenced = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        // Outside of code spans no HTML is left.
        let outside = without_code_spans(line);
        assert!(!outside.contains("<script"), "{line}");
        assert!(!line.contains('\u{1b}'));
    }
    let columns = |line: &str| line.replace("\\|", "").matches('|').count();
    let mut header = 0;
    for line in markdown.lines() {
        if line.starts_with('|') {
            if header == 0 {
                header = columns(line);
            }
            assert_eq!(columns(line), header, "{line}");
        } else {
            header = 0;
        }
    }
}

#[test]
fn without_unicode_our_own_signs_are_ascii() {
    let style = Style {
        unicode: false,
        ..plain(120)
    };
    let report = text(&full(), style);
    let odd: Vec<char> = report.chars().filter(|c| !c.is_ascii()).collect();
    assert!(odd.is_empty(), "{odd:?}");
}

#[test]
fn an_empty_document_never_says_zero() {
    let report = text(&empty(), plain(100));
    assert!(report.contains("Not measured: without a load, activity samples or statement"));
    assert!(report.matches("Not measured").count() > 12, "{report}");
    for zero in [" 0 ms", " 0 %", "0/s", "None found", "kept."] {
        assert!(!report.contains(zero), "{zero}");
    }
}

#[test]
fn a_part_of_a_document_shows_its_own_sections_only() {
    let mut lag = empty();
    lag.replication = full().replication;
    let report = text(&lag, plain(100));
    assert!(report.contains("Replication"));
    assert!(!report.contains("Statements"), "{report}");
    assert!(!report.contains("Where the time goes"), "{report}");
}

#[test]
fn json_is_the_contract() {
    let schema: Value = serde_json::from_slice(&schema().unwrap()).unwrap();
    assert!(schema.get("$id").is_none());
    let validator = jsonschema::validator_for(&schema).unwrap();
    for conclusions in [full(), empty(), hostile()] {
        let bytes = render(&conclusions, Format::Json, &Style::default()).unwrap();
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&document)
            .map(|e| format!("{} at {}", e, e.instance_path))
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
        let back: Conclusions = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(back, conclusions);
    }
    assert!(!validator.is_valid(&serde_json::json!({ "schema_version": 1 })));
}

#[test]
fn a_number_that_is_not_finite_is_null() {
    let mut odd = full();
    odd.load.as_mut().unwrap().total.mean_ms = Some(f64::NAN);
    odd.load.as_mut().unwrap().total.p50_ms = Some(f64::INFINITY);
    let bytes = render(&odd, Format::Json, &Style::default()).unwrap();
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(document["load"]["total"]["mean_ms"], Value::Null);
    assert_eq!(document["load"]["total"]["p50_ms"], Value::Null);
}

#[test]
fn the_first_screen_answers() {
    for width in [80, 120, 200] {
        let report = text(&full(), plain(width));
        let lines: Vec<&str> = report.lines().collect();
        let first = lines[..40].join("\n");
        assert!(first.contains("Waiting for a connection takes 74 % of a request"));
        assert!(first.contains("CREATE INDEX CONCURRENTLY ON public.tasks"));
        assert!(first.contains("gives back up to 1.72 s per second of load (estimated)"));
        let next = lines.iter().position(|l| l.starts_with("Summary")).unwrap();
        assert!(
            next <= 40,
            "the answer takes {next} lines at {width} columns"
        );
    }
}

#[test]
fn doubts_come_before_everything() {
    let mut doubtful = full();
    doubtful.load.as_mut().unwrap().driver_saturated = Some(true);
    doubtful
        .disturbances
        .push("pg_stat_statements was reset in the window.".to_owned());
    let report = text(&doubtful, plain(100));
    let at = |words: &str| report.find(words).unwrap();
    assert!(at("WARNING  The load driver was the limit") < at("Where the time goes"));
    assert!(at("WARNING  pg_stat_statements was reset") < at("Where the time goes"));
    assert!(at("WARNING  Incomplete: explain was read in part") < at("Where the time goes"));
}
