//! Pages as a browser saw them.

use super::load::sentence;
use crate::analyze::conclusions::{Conclusions, Page, PageNumber};
use crate::report::doc::{Cell, Column, Section, Table};
use crate::report::format::{count, duration};

/// Pages that are shown; the JSON has all.
const PAGES: usize = 20;

/// All pages.
pub(super) fn pages(c: &Conclusions) -> Section {
    let mut section = Section::new("Pages");
    // What is true of all pages of a file is said once, below the last of them.
    let shown = &c.pages[..c.pages.len().min(PAGES)];
    for (place, page) in shown.iter().enumerate() {
        section.heading(headline(page));
        section.table(metrics(page));
        if !page.scores.is_empty() {
            let scores: Vec<String> = page
                .scores
                .iter()
                .map(|(name, score)| format!("{name} {score:.0}"))
                .collect();
            section.text(format!("Scores of 100: {}.", scores.join(", ")));
        }
        let next = shown.get(place + 1);
        let goes_on = next.is_some_and(|n| n.file == page.file && n.warnings == page.warnings);
        for warning in page.warnings.iter().filter(|_| !goes_on) {
            section.dim(sentence(warning));
        }
    }
    if c.pages.len() > PAGES {
        section.dim(format!(
            "{} more pages are in the JSON.",
            c.pages.len() - PAGES
        ));
    }
    section
}

fn headline(page: &Page) -> String {
    let tool = match &page.version {
        Some(version) => format!("{} {version}", page.tool),
        None => page.tool.clone(),
    };
    let device = page
        .form_factor
        .as_ref()
        .map_or_else(String::new, |d| format!(", {d}"));
    let views = if page.evidence == "lab" {
        "one load"
    } else {
        "real users"
    };
    format!("{}{device}: {views}, {tool}", page.page)
}

fn metrics(page: &Page) -> Table {
    let mut table = Table::new([
        Column::word("Metric"),
        Column::number("Value"),
        Column::number("Views"),
        Column::word("Basis"),
    ]);
    for metric in &page.metrics {
        let basis = if metric.modelled {
            "modelled"
        } else {
            "observed"
        };
        table.row([
            Cell::new(words(&metric.name).to_owned()),
            Cell::new(value(metric)),
            Cell::new(count(metric.views)),
            Cell::new(basis),
        ]);
    }
    table
}

fn value(metric: &PageNumber) -> String {
    if metric.unit == "ms" {
        duration(metric.value)
    } else {
        format!("{:.3}", metric.value)
    }
}

fn words(name: &str) -> &str {
    match name {
        "network_rtt" => "Round trip to the server",
        "server_response" => "Response of the server",
        "ttfb" => "Time to first byte (TTFB)",
        "first_paint" => "First paint",
        "fcp" => "First contentful paint (FCP)",
        "lcp" => "Largest contentful paint (LCP)",
        "speed_index" => "Speed index",
        "tbt" => "Total blocking time (TBT)",
        "tti" => "Time to interactive (TTI)",
        "load" => "Load",
        "inp" => "Interaction to next paint (INP)",
        "cls" => "Cumulative layout shift (CLS)",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Format, Style, render};

    fn page(name: &str, file: &str) -> Page {
        Page {
            tool: "web-vitals".to_owned(),
            version: None,
            file: file.to_owned(),
            evidence: "field".to_owned(),
            page: name.to_owned(),
            form_factor: None,
            loaded_at: None,
            metrics: vec![PageNumber {
                name: "cls".to_owned(),
                value: 0.1,
                unit: String::new(),
                views: 7,
                modelled: false,
            }],
            scores: std::collections::BTreeMap::new(),
            warnings: vec!["what is true of the file".to_owned()],
        }
    }

    #[test]
    fn what_is_true_of_a_file_is_said_once() {
        let full = include_str!("../../../fixtures/conclusions/full.json");
        let mut all: Conclusions = serde_json::from_str(full).unwrap();
        all.pages = vec![page("/", "a"), page("/next", "a"), page("/", "b")];
        let text = render(&all, Format::Text, &Style::default()).unwrap();
        let text = String::from_utf8(text).unwrap();
        let said: Vec<usize> = text
            .match_indices("What is true of the file.")
            .map(|(at, _)| at)
            .collect();
        let next = text.find("/next: real users, web-vitals").unwrap();
        assert_eq!(said.len(), 2, "{text}");
        assert!(next < said[0], "{text}");
    }
}
