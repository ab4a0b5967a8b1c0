//! The fixtures of Lighthouse against what they say themselves, and damaged reports.

use std::io::Read as _;

use serde_json::Value;

use crate::import::{ImportFile, import};
use crate::record::pages::{PageEvidence, PageResult};

fn bytes(name: &str) -> Vec<u8> {
    crate::fixtures::bytes(&format!("load/lighthouse-12.8.2/{name}"))
}

fn text(name: &str) -> String {
    let mut text = String::new();
    let packed = bytes(name);
    let mut packed = flate2::read::GzDecoder::new(packed.as_slice());
    packed.read_to_string(&mut text).unwrap();
    text
}

fn read(bytes: &[u8]) -> Result<PageResult, String> {
    let file = ImportFile::of_bytes("report.json", bytes);
    let mut all = import(vec![file]).map_err(|error| error.to_string())?;
    assert_eq!(all.pages.len(), 1);
    Ok(all.pages.remove(0))
}

fn value(page: &PageResult, name: &str) -> (f64, bool) {
    let metric = &page.metrics[name];
    assert_eq!(metric.views, 1);
    (metric.value, metric.modelled)
}

#[test]
fn every_metric_is_that_of_its_audit() {
    let audits = [
        ("fcp", "first-contentful-paint"),
        ("lcp", "largest-contentful-paint"),
        ("tbt", "total-blocking-time"),
        ("tti", "interactive"),
        ("speed_index", "speed-index"),
        ("cls", "cumulative-layout-shift"),
        ("server_response", "server-response-time"),
        ("network_rtt", "network-rtt"),
    ];
    for file in ["mobile.json.gz", "desktop.json.gz", "both.report.json.gz"] {
        let report: Value = serde_json::from_str(&text(file)).unwrap();
        let page = read(&bytes(file)).unwrap();
        assert_eq!(page.metrics.len(), audits.len() + 3);
        for (name, audit) in audits {
            let wanted = report["audits"][audit]["numericValue"].as_f64().unwrap();
            let found = value(&page, name).0;
            assert!((found - wanted).abs() < 1e-12, "{file} {name}");
        }
        assert_eq!(
            (page.tool.as_str(), page.version.as_deref()),
            ("lighthouse", Some("12.8.2"))
        );
        assert_eq!(page.evidence, PageEvidence::Lab);
        assert!((page.scores["performance"] - 100.0).abs() < 1e-12);
    }
}

#[test]
fn simulated_times_are_modelled_and_the_servers_is_not() {
    let page = read(&bytes("mobile.json.gz")).unwrap();
    assert_eq!(value(&page, "fcp"), (872.578, true));
    assert_eq!(value(&page, "ttfb"), (465.0, true));
    assert_eq!(value(&page, "server_response"), (15.462, false));
    assert_eq!(value(&page, "load"), (85.0, false));
    assert_eq!(value(&page, "first_paint"), (106.0, false));
    assert!(!value(&page, "cls").1);
    assert_eq!(
        (page.page.as_str(), page.form_factor.as_deref()),
        ("http://127.0.0.1:8077/", Some("mobile"))
    );
    assert_eq!(
        page.loaded_at.unwrap().to_string(),
        "2026-11-23T09:42:55.673Z"
    );
    assert!(
        page.warnings
            .iter()
            .any(|w| w == "observed on this machine: fcp 106 ms, lcp 106 ms, speed_index 125 ms"),
        "{:?}",
        page.warnings
    );
    let provided = read(&bytes("both.report.json.gz")).unwrap();
    assert_eq!(value(&provided, "fcp"), (71.806, false));
    assert_eq!(value(&provided, "ttfb"), (14.0, false));
    assert_eq!(provided.warnings, Vec::<String>::new());
}

#[test]
fn a_score_is_the_number_that_lighthouse_shows() {
    for hundredths in 0..=100 {
        let report = serde_json::json!({
            "audits": { "interactive": { "numericValue": 1.0 } },
            "categories": { "performance": { "score": f64::from(hundredths) / 100.0 } },
            "lighthouseVersion": "12.8.2",
            "requestedUrl": "http://a/",
        });
        let page = read(report.to_string().as_bytes()).unwrap();
        assert_eq!(page.scores.get("performance"), Some(&f64::from(hundredths)));
    }
}

#[test]
fn the_query_string_of_an_address_is_not_kept() {
    let report = text("mobile.json.gz").replace(
        "\"finalDisplayedUrl\": \"http://127.0.0.1:8077/\"",
        "\"finalDisplayedUrl\": \"http://127.0.0.1:8077/a?token=secret#b\"",
    );
    assert_eq!(
        read(report.as_bytes()).unwrap().page,
        "http://127.0.0.1:8077/a"
    );
}

#[test]
fn the_words_of_lighthouse_have_addresses_without_query() {
    let words = "Your test URL (http://shop/login?token=CANARY(1)&next=/) was redirected to \
                 https://shop/#CANARY. Really? Try [/orders?key=CANARY] directly.";
    let report = |more: &str| {
        format!(
            r#"{{"lighthouseVersion":"12","finalUrl":"http://shop/login",
                "audits":{{"first-contentful-paint":{{"numericValue":9}}}},{more}}}"#
        )
    };
    let page = report(&format!(r#""runWarnings":["{words}"]"#));
    let page = read(page.as_bytes()).unwrap();
    let told = page.warnings.last().unwrap();
    assert_eq!(
        told,
        "Your test URL (http://shop/login) was redirected to https://shop/. Really? Try [/orders] directly."
    );
    let failed = report(&format!(r#""runtimeError":{{"message":"{words}"}}"#));
    let refused = read(failed.as_bytes()).unwrap_err();
    assert!(
        refused.contains("(http://shop/login) was") && !refused.contains("CANARY"),
        "{refused}"
    );
}

#[test]
fn what_cannot_be_read_is_told() {
    let text = text("mobile.json.gz");
    let refused = |text: &str| read(text.as_bytes()).unwrap_err();
    let cut = refused(&text[..text.len() / 2]);
    assert!(cut.contains("`report.json` is cut off"), "{cut}");
    let mixed = refused(&format!("{text}{text}"));
    assert!(
        mixed.contains("trailing characters") && mixed.contains("one report of Lighthouse"),
        "{mixed}"
    );
    let failed = refused(
        r#"{"lighthouseVersion":"12","runtimeError":{"code":"NO_FCP","message":"no paint"},"audits":{}}"#,
    );
    assert!(
        failed.contains("key `runtimeError`: NO_FCP no paint"),
        "{failed}"
    );
    let empty = refused(r#"{"lighthouseVersion":"12","requestedUrl":"http://a","audits":{}}"#);
    assert!(empty.contains("key `audits`"), "{empty}");
    let nowhere = refused(r#"{"lighthouseVersion":"12","audits":{}}"#);
    assert!(nowhere.contains("key `finalDisplayedUrl`"), "{nowhere}");
    let csv = import(vec![ImportFile::of_bytes(
        "both.report.csv",
        &bytes("both.report.csv"),
    )])
    .unwrap_err();
    let words = csv.to_string();
    assert!(
        words.contains("`both.report.csv` is the CSV of Lighthouse, which is not read")
            && words.contains("--output=json"),
        "{words}"
    );
    let no_audit = text.replace(
        "\"scoreDisplayMode\": \"numeric\"",
        "\"scoreDisplayMode\": \"error\"",
    );
    let page = read(no_audit.as_bytes()).unwrap();
    assert!(!page.metrics.contains_key("fcp"));
    assert!(
        page.warnings
            .iter()
            .any(|w| w == "Lighthouse could not measure fcp")
    );
}
