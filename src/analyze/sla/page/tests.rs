//! Page targets on what Lighthouse and web-vitals really wrote.

use super::*;
use crate::analyze::conclusions::{Conclusions, SlaRow, SlaStatus};
use crate::analyze::pages;
use crate::analyze::sla::{Sla, SlaFacts, conclude, row};
use crate::import::{ImportFile, import};
use crate::record::run::Host;

const MOBILE: &str = "lighthouse-12.8.2/mobile.json.gz";
const DESKTOP: &str = "lighthouse-12.8.2/desktop.json.gz";
const BEACONS: &str = "web-vitals-6.2.3/beacons.ndjson";

fn of(files: &[&str]) -> Vec<Page> {
    let read = |file: &&str| crate::fixtures::bytes(&format!("load/{file}"));
    let bytes: Vec<Vec<u8>> = files.iter().map(read).collect();
    let files = bytes.iter().map(|b| ImportFile::of_bytes("page", b));
    pages::conclude(&import(files.collect()).unwrap().pages)
}

fn rows(pages: Vec<Page>, sla: &str) -> Vec<SlaRow> {
    let mut all: Conclusions =
        serde_json::from_str(include_str!("../../../../fixtures/conclusions/full.json")).unwrap();
    all.pages = pages;
    let host = Host::default();
    let facts = SlaFacts {
        host: &host,
        replay: None,
    };
    conclude(&all, facts, &Sla::parse(sla).unwrap())
}

fn value(measured: &Measured) -> (f64, &str) {
    match measured {
        Measured::Value(value, Some(note)) => (*value, note),
        other => panic!("{other:?}"),
    }
}

fn reason(measured: &Measured) -> &str {
    match measured {
        Measured::Missing(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_metric_is_met_or_missed_by_the_number_of_the_report() {
    // What the report holds by `jq`, and a limit on each side of it.
    let lighthouse = [
        ("first_paint_ms", 106.0),
        ("fcp_ms", 872.578),
        ("lcp_ms", 872.578),
        ("cls", 0.037_935_348_658_989_45),
        ("ttfb_ms", 465.0),
        ("load_ms", 85.0),
        ("tti_ms", 872.578),
    ];
    // 75th percentiles by hand: the middle of the fifth and sixth of seven views of `/`; `/next` has three.
    let web_vitals = [
        ("fcp_ms", 132.0),
        ("lcp_ms", 132.0),
        ("cls", 0.012_947_976_112_365_723),
        ("inp_ms", 76.0),
        ("ttfb_ms", 15.700_000_000_186_265),
    ];
    let files = [(MOBILE, &lighthouse[..]), (BEACONS, &web_vitals[..])];
    for (file, truths) in files {
        for (key, truth) in truths {
            let status = |limit: f64| {
                let sla = format!("[page]\n{key} = {limit}");
                rows(of(&[file]), &sla)[0].status
            };
            assert_eq!(status(truth * 1.000_001), SlaStatus::Pass, "{file} {key}");
            assert_eq!(status(*truth), SlaStatus::Fail, "{file} {key}");
        }
    }
}

#[test]
fn a_score_is_met_at_its_limit_and_the_lowest_decides() {
    let mut pages = of(&[MOBILE, DESKTOP]);
    pages[1].scores.insert("performance".to_owned(), 58.0);
    let status = |limit: u8| {
        let sla = format!("[page]\nlighthouse_score = {limit}");
        rows(pages.clone(), &sla)[0].status
    };
    assert_eq!(status(58), SlaStatus::Pass);
    assert_eq!(status(59), SlaStatus::Fail);
    let measured = score(&pages, "performance");
    let (lowest, note) = value(&measured);
    assert_eq!(Some(lowest), Some(58.0));
    assert_eq!(
        note,
        "worst of 2 loads: one load of http://127.0.0.1:8077/ by lighthouse, desktop; of times that are modelled for \
         a slower device or network, not observed"
    );
}

#[test]
fn the_worst_page_and_kind_of_device_is_named_with_its_basis() {
    let pages = of(&[DESKTOP, MOBILE]);
    let measured = metric(&pages, "fcp");
    let (worst, note) = value(&measured);
    assert_eq!(Some(worst), Some(872.578));
    assert_eq!(
        note,
        "worst of 2 loads: one load of http://127.0.0.1:8077/ by lighthouse, mobile; modelled for a slower device or \
         network, not observed"
    );
    // The browser was as fast as this machine when its first paint was taken.
    let measured = metric(&pages, "first_paint");
    let (worst, note) = value(&measured);
    assert_eq!(Some(worst), Some(106.0));
    assert!(note.ends_with(
        "observed without the slower device or network that the paints are modelled for"
    ));
    // Nothing is modelled with --throttling-method=provided.
    let provided = of(&["lighthouse-12.8.2/both.report.json.gz"]);
    for name in ["fcp", "load"] {
        let measured = metric(&provided, name);
        let (_, note) = value(&measured);
        assert_eq!(
            note,
            "one load of http://127.0.0.1:8077/next by lighthouse, mobile"
        );
    }
}

#[test]
fn real_users_decide_where_they_tell_a_metric_and_only_there() {
    let pages = of(&[MOBILE, DESKTOP, BEACONS]);
    let measured = metric(&pages, "fcp");
    let (users, note) = value(&measured);
    assert_eq!(Some(users), Some(132.0));
    assert_eq!(
        note,
        "75th percentile of 7 views of / by real users; 2 loads under control not counted beside real users; 1 page \
         of real users with fewer than 4 views left out"
    );
    let measured = metric(&pages, "tti");
    assert_eq!(Some(value(&measured).0), Some(872.578));
    let measured = metric(&pages, "inp");
    assert_eq!(Some(value(&measured).0), Some(76.0));
}

#[test]
fn of_several_pages_of_real_users_the_worst_decides() {
    let mut pages = of(&[BEACONS]);
    let next = &mut pages[1];
    next.form_factor = Some("mobile".to_owned());
    for number in &mut next.metrics {
        number.views = 4;
    }
    next.metrics
        .iter_mut()
        .find(|m| m.name == "lcp")
        .unwrap()
        .value = 3000.0;
    let measured = metric(&pages, "lcp");
    let (worst, note) = value(&measured);
    assert_eq!(Some(worst), Some(3000.0));
    assert_eq!(
        note,
        "worst of 2 pages: 75th percentile of 4 views of /next by real users, mobile"
    );
}

#[test]
fn views_too_few_for_their_percentile_leave_the_target_to_the_lab_or_open() {
    let mut pages = of(&[BEACONS]);
    pages.remove(0);
    assert_eq!(
        reason(&metric(&pages, "lcp")),
        "3 views of a page by real users are too few for the 75th percentile; it takes 4"
    );
    pages.extend(of(&[MOBILE]));
    let measured = metric(&pages, "lcp");
    let (lab, note) = value(&measured);
    assert_eq!(Some(lab), Some(872.578));
    assert!(note.ends_with("; 1 page of real users with fewer than 4 views left out"));
}

#[test]
fn what_no_file_has_is_not_measured_with_what_would_tell_it() {
    let absent = |files: &[&str], name: &str| reason(&metric(&of(files), name)).to_owned();
    assert!(absent(&[MOBILE], "inp").contains("beacons of web-vitals tell it"));
    for name in ["first_paint", "load", "tti"] {
        assert!(
            absent(&[BEACONS], name).ends_with("web-vitals does not"),
            "{name}"
        );
    }
    assert!(absent(&[], "lcp").contains("give a Lighthouse report or beacons"));
    assert!(reason(&score(&of(&[BEACONS]), "performance")).contains("category `performance`"));

    let mut pages = of(&[MOBILE, DESKTOP]);
    for page in &mut pages {
        page.metrics.retain(|m| m.name != "fcp");
    }
    assert!(reason(&metric(&pages, "fcp")).contains("or beacons of web-vitals tell it"));
    pages[0]
        .warnings
        .push("Lighthouse could not measure fcp".to_owned());
    assert_eq!(
        reason(&metric(&pages, "fcp")),
        "Lighthouse could not measure it on http://127.0.0.1:8077/"
    );
    let row = rows(pages, "[page]\nfcp_ms = 1500").remove(0);
    assert_eq!((row.status, row.actual), (SlaStatus::NotMeasured, None));
}

#[test]
fn a_page_without_the_number_is_counted_beside_those_with_it() {
    let mut pages = of(&[MOBILE, DESKTOP]);
    pages[0].metrics.retain(|m| m.name != "lcp");
    let measured = metric(&pages, "lcp");
    let (desktop, note) = value(&measured);
    assert_eq!(Some(desktop), Some(253.6019));
    assert!(note.ends_with("; 1 other without this number"), "{note}");
}

#[test]
fn a_layout_shift_is_shown_to_the_thousandth() {
    let rows = rows(of(&[MOBILE]), "[page]\ncls = 0.1");
    assert_eq!(
        row(&rows, "page CLS").unwrap().actual.as_deref(),
        Some("0.038")
    );
}
