//! The fixture of web-vitals against its table of truth, and damaged beacons.

use crate::import::{ImportFile, import};
use crate::record::pages::{PageEvidence, PageResult};

const BEACONS: &str = include_str!("../../../fixtures/load/web-vitals-6.2.3/beacons.ndjson");

fn read(text: &str) -> Result<Vec<PageResult>, String> {
    let file = ImportFile::of_bytes("beacons.ndjson", text.as_bytes());
    import(vec![file])
        .map(|all| all.pages)
        .map_err(|error| error.to_string())
}

#[test]
fn views_of_each_page_become_their_75th_percentile() {
    let pages = read(BEACONS).unwrap();
    let names: Vec<&str> = pages.iter().map(|p| p.page.as_str()).collect();
    assert_eq!(names, ["/", "/next"]);
    for name in ["cls", "fcp", "inp", "lcp", "ttfb"] {
        let views: u64 = pages.iter().map(|p| p.metrics[name].views).sum();
        assert_eq!(views, 10, "{name}");
        for page in &pages {
            // The values of the file by hand: one line for each view.
            let mut values: Vec<f64> = BEACONS
                .lines()
                .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
                .filter(|v| v["page"] == page.page.as_str() && v["name"] == name.to_uppercase())
                .map(|v| v["value"].as_f64().unwrap())
                .collect();
            values.sort_by(f64::total_cmp);
            let quarters = 3 * (values.len() - 1);
            let (below, part) = (quarters / 4, (quarters % 4) as f64 / 4.0);
            let next = values.get(below + 1).unwrap_or(&values[below]);
            let wanted = values[below] + (next - values[below]) * part;
            assert!((page.metrics[name].value - wanted).abs() < 1e-9);
        }
    }
    assert!(
        pages
            .iter()
            .all(|p| p.evidence == PageEvidence::Field && p.tool == "web-vitals")
    );
    assert!(
        pages[0]
            .loaded_at
            .unwrap()
            .to_string()
            .starts_with("2026-11-23T09:4")
    );
}

fn beacon(name: &str, value: &str, id: &str, more: &str) -> String {
    format!(
        "{{\"name\":\"{name}\",\"value\":{value},\"rating\":\"good\",\"delta\":1,\"id\":\"{id}\"{more}}}"
    )
}

#[test]
fn the_last_value_of_a_view_counts_and_a_list_reads_the_same() {
    let beacons = [
        beacon(
            "INP",
            "40",
            "v1",
            ",\"url\":\"https://a.example/x?token=secret\",\"device\":\"mobile\"",
        ),
        beacon(
            "INP",
            "90",
            "v1",
            ",\"url\":\"https://a.example/x?other\",\"device\":\"mobile\"",
        ),
        beacon("FID", "3", "v2", ""),
        beacon("LCP", "-1", "v3", ""),
    ];
    let lines = read(&beacons.join("\n")).unwrap();
    let list = read(&format!("[{}]", beacons.join(","))).unwrap();
    assert_eq!(lines, list);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].page, "https://a.example/x");
    assert_eq!(lines[0].form_factor.as_deref(), Some("mobile"));
    let inp = &lines[0].metrics["inp"];
    assert_eq!((inp.value, inp.views), (90.0, 1));
    let warnings = lines[0].warnings.join("\n");
    assert!(
        warnings.contains("1 beacons have another name")
            && warnings.contains("1 beacons have a negative value"),
        "{warnings}"
    );
    let nowhere = read(&beacon("LCP", "5", "v1", "")).unwrap();
    assert_eq!(nowhere[0].page, "all pages");
}

#[test]
fn damaged_beacons_are_told_with_their_line() {
    let cut = read(&BEACONS[..BEACONS.len() - 10]).unwrap_err();
    assert!(
        cut.contains("is cut off: line 50 ends in the middle"),
        "{cut}"
    );
    let first = BEACONS.lines().next().unwrap();
    let foreign = read(&format!("{first}\n{{\"metric\":1}}\n")).unwrap_err();
    assert!(
        foreign.contains("line 2: missing field `name`")
            && foreign.contains("a beacon of web-vitals"),
        "{foreign}"
    );
    let text = read(&format!(
        "{first}\n{}\n",
        beacon("LCP", "\"fast\"", "v", "")
    ))
    .unwrap_err();
    assert!(
        text.contains("line 2") && text.contains("invalid type"),
        "{text}"
    );
    let unknown = read(&beacon("FID", "3", "v2", "")).unwrap_err();
    assert!(
        unknown.contains("key `name`: no metric that is known"),
        "{unknown}"
    );
}
