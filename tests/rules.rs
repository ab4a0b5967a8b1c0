//! Every rule has a file, a place in the list and a page, and nothing else has.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes a test's helpers for ordinary code"
)]

use std::collections::BTreeSet;
use std::path::Path;

use dbperf::analyze::rules::RULES;

/// Names of the files with this ending in a folder of the repository, with `-` for `_`.
fn names(folder: &str, ending: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = folder.read_dir().unwrap().map(Result::unwrap);
    let names = entries.filter_map(|e| {
        let name = e.file_name().into_string().unwrap();
        name.strip_suffix(ending).map(|name| name.replace('_', "-"))
    });
    names.collect()
}

fn listed() -> BTreeSet<String> {
    RULES.iter().map(|rule| rule.id.to_owned()).collect()
}

#[test]
fn every_rule_has_a_page_and_every_page_a_rule() {
    assert_eq!(names("docs/rules", ".md"), listed());
}

#[test]
fn every_rule_has_a_file_and_every_file_a_rule() {
    let mut files = names("src/analyze/rules", ".rs");
    let helpers = [
        "autovacuum-settings",
        "continuity",
        "draft",
        "facts",
        "index-verdict",
        "list",
        "mod",
        "permit-wait",
        "remedies",
        "testing",
        "testing-replication",
        "text",
        "thresholds",
        "waits",
    ];
    for helper in helpers {
        assert!(
            files.remove(helper),
            "{helper} is gone: take it off this list"
        );
    }
    assert_eq!(files, listed());
}

#[test]
fn every_page_says_what_a_reader_needs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules");
    for rule in RULES {
        let page = std::fs::read_to_string(folder.join(format!("{}.md", rule.id))).unwrap();
        assert!(page.starts_with(&format!("# {}\n", rule.id)), "{}", rule.id);
        for part in ["Severity", "Condition", "Needs", "Traps", "Cure", "Undo"] {
            assert!(
                page.contains(&format!("**{part}")),
                "{}: no {part}",
                rule.id
            );
        }
    }
}
