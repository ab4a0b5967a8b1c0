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
    for page in c.pages.iter().take(PAGES) {
        section.text(headline(page));
        section.table(metrics(page));
        if !page.scores.is_empty() {
            let scores: Vec<String> = page
                .scores
                .iter()
                .map(|(name, score)| format!("{name} {score:.0}"))
                .collect();
            section.text(format!("Scores of 100: {}.", scores.join(", ")));
        }
        for warning in &page.warnings {
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
    format!("{}{device}: {views}, {tool}.", page.page)
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
