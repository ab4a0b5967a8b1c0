//! Every fixture against every importer.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes these helpers for ordinary code; in a test a failed step is a failed test"
)]

use std::fs;

use dbperf::import::{ImportFile, recognised};

/// Files beside the results of a tool: what made them, and what is true of them.
fn is_beside(name: &str) -> bool {
    const ENDS: [&str; 14] = [
        ".md",
        ".js",
        ".py",
        ".lua",
        ".yml",
        ".jmx",
        ".html",
        "-stdout.txt",
        "-done.json",
        "-stderr.txt",
        "/body.json",
        "truth.json",
        "urls.txt",
        "siegerc",
    ];
    // A report of Gatling has a script that is known and refused.
    let refused = name.ends_with("/stats.js");
    !refused && ENDS.iter().any(|end| name.ends_with(end))
}

/// All fixtures by path and contents.
fn fixtures() -> Vec<(String, Vec<u8>)> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/load");
    let mut files = Vec::new();
    for folder in fs::read_dir(root).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            files.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    assert!(files.len() > 50, "{files:?}");
    files
}

#[test]
fn exactly_one_importer_recognises_each_fixture() {
    for (name, bytes) in fixtures() {
        let labels = recognised(ImportFile::of_bytes(&name, &bytes));
        let labels = labels.unwrap_or_else(|e| {
            assert!(is_beside(&name), "{name}: {e}");
            Vec::new()
        });
        let wanted = usize::from(!is_beside(&name));
        assert_eq!(labels.len(), wanted, "{name}: {labels:?}");
    }
}
