//! Every relative link leads somewhere, and every page can be reached.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::pages::{self, Page};

/// Targets of links, without those of other sites.
fn links(page: &Page) -> Vec<String> {
    let prose = page.prose();
    prose
        .split("](")
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap().to_owned())
        .filter(|target| !target.contains("://"))
        .collect()
}

/// `docs/commands/../map.md` without the detour.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            assert!(tidy.pop(), "{} leaves the repository", path.display());
        } else {
            tidy.push(part);
        }
    }
    tidy
}

/// The page and the heading that a link leads to.
fn target(page: &Page, link: &str) -> (PathBuf, Option<String>) {
    let (file, heading) = match link.split_once('#') {
        Some((file, heading)) => (file, Some(heading.to_owned())),
        None => (link, None),
    };
    let folder = page.path.parent().unwrap();
    let path = if file.is_empty() {
        page.path.clone()
    } else {
        tidy(&folder.join(file))
    };
    (path, heading)
}

/// The anchor of a heading, as the usual renderers make it.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter(kept)
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn has_heading(path: &Path, wanted: &str) -> bool {
    let text = pages::page(path).prose();
    let mut headings = text.lines().filter(|line| line.starts_with('#'));
    headings.any(|heading| anchor(heading) == wanted)
}

#[test]
fn relative_links_lead_somewhere() {
    let (mut followed, mut broken) = (0, Vec::new());
    for page in pages::all() {
        for link in links(&page) {
            let (path, heading) = target(&page, &link);
            let there = pages::root().join(&path).exists();
            if !there || heading.is_some_and(|heading| !has_heading(&path, &heading)) {
                broken.push(format!("{}: {link}", page.path.display()));
            }
            followed += 1;
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(followed > 50, "only {followed} links were followed");
}

#[test]
fn the_index_names_every_page() {
    let index = pages::page("docs/README.md");
    let named: BTreeSet<PathBuf> = links(&index)
        .iter()
        .map(|link| target(&index, link).0)
        .collect();
    let pages = pages::all().into_iter().map(|p| p.path);
    let missing: Vec<PathBuf> = pages
        .filter(|p| *p != index.path && !named.contains(p))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn anchors_are_those_of_the_usual_renderers() {
    assert_eq!(
        anchor("### Closed loops hide waiting"),
        "closed-loops-hide-waiting"
    );
    assert_eq!(anchor("## CPU\\* is not CPU"), "cpu-is-not-cpu");
}
