//! Every rule has a file, a place in the list and a page, and nothing else has.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes a test's helpers for ordinary code"
)]

use std::collections::BTreeSet;
use std::path::Path;

use dbperf::analyze::plans::insights::INSIGHTS;
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

fn on_plans() -> BTreeSet<String> {
    INSIGHTS.iter().map(|rule| rule.id.to_owned()).collect()
}

#[test]
fn every_rule_has_a_page_and_every_page_a_rule() {
    let all = listed().union(&on_plans()).cloned().collect();
    assert_eq!(names("docs/rules", ".md"), all);
}

#[test]
fn every_rule_on_plans_has_a_file_and_every_file_a_rule() {
    let mut files = names("src/analyze/plans/insights", ".rs");
    for helper in [
        "list",
        "look",
        "memory",
        "mod",
        "remark",
        "statistics",
        "testing",
    ] {
        assert!(
            files.remove(helper),
            "{helper} is gone: take it off this list"
        );
    }
    assert_eq!(files, on_plans());
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
        "plan-insights",
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
    for rule in listed().union(&on_plans()) {
        let page = std::fs::read_to_string(folder.join(format!("{rule}.md"))).unwrap();
        assert!(page.starts_with(&format!("# {rule}\n")), "{rule}");
        for part in ["Severity", "Condition", "Needs", "Traps", "Cure", "Undo"] {
            assert!(page.contains(&format!("**{part}")), "{rule}: no {part}");
        }
    }
}
