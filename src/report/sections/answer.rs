//! The first screen: what to doubt, where the time goes, what gives it back.

use crate::analyze::conclusions::{Basis, Breakdown, Conclusions, Finding, PartKind, TimePart};
use crate::analyze::summary::{self, basis_word};
use crate::report::doc::{Bar, Block, Cell, Item, Section, Tone};
use crate::report::format::{self, NOT_MEASURED, bytes, count, duration, percent};

/// What, where and when.
pub(in crate::report) fn head(c: &Conclusions) -> Vec<String> {
    let run = &c.run;
    let mut words = vec![
        format!("dbperf {}", run.dbperf_version),
        format!("run {}", run.run_id),
    ];
    // Of an imported file neither need be known.
    let mut when = Vec::new();
    if run.window_ms > 0.0 {
        when.push(duration(run.window_ms));
    }
    if run.since.is_some() {
        when.push(format!(
            "counters read once, {}",
            format::moment(&run.started_at)
        ));
    } else if !run.started_at.is_empty() {
        when.push(format!("from {}", format::moment(&run.started_at)));
    }
    if !when.is_empty() {
        words.push(when.join(" "));
    }
    let mut lines = vec![words.join(" · ")];
    if let Some(server) = &c.server {
        let mut facts = vec![
            format!("PostgreSQL {}", server.version),
            format!("database {}", server.database),
        ];
        facts.extend(server.size_bytes.map(bytes));
        facts.push(format!("at {}", server.address));
        if run.lab {
            facts.push("a throwaway lab".to_owned());
        }
        if server.in_recovery {
            facts.push("a standby".to_owned());
        }
        lines.push(facts.join(" · "));
    }
    lines
}

/// What one has to know before reading any number.
pub(in crate::report) fn doubts(c: &Conclusions) -> Vec<String> {
    summary::conclude(c).doubts
}

/// The answer.
pub(super) fn answer(c: &Conclusions) -> Section {
    let answer = summary::conclude(c);
    let mut section = Section::new("Where the time goes");
    section
        .blocks
        .push(Block::Text(Cell::new(answer.headline).tone(Tone::Strong)));
    if let Some(breakdown) = c.breakdown.as_ref().filter(|b| b.total.requests > 0) {
        bars(&mut section, breakdown);
    }
    for sentence in answer.because {
        section.text(sentence);
    }
    section.heading("What gives it back");
    if answer.top.is_empty() {
        section.text(match &c.findings {
            None => "Not measured: the findings were not evaluated.",
            Some(_) => "Nothing that was evaluated calls for a change.",
        });
    } else {
        let items = answer.top.iter().map(|f| short_item(f)).collect();
        section.blocks.push(Block::Items(items));
    }
    section
}

fn bars(section: &mut Section, breakdown: &Breakdown) {
    let mut parts: Vec<&TimePart> = breakdown.total.parts.iter().collect();
    // Largest first, what is unattributed last, as what is left over.
    parts.sort_by(|a, b| {
        let last = |p: &TimePart| p.part == PartKind::Unattributed;
        last(a).cmp(&last(b)).then(
            b.share_ratio
                .unwrap_or(-1.0)
                .total_cmp(&a.share_ratio.unwrap_or(-1.0)),
        )
    });
    section
        .blocks
        .push(Block::Bars(parts.into_iter().map(bar).collect()));
    section.dim(format!(
        "Mean {} over {} requests ({}).",
        duration(breakdown.total.mean_ms),
        count(breakdown.total.requests),
        breakdown.source
    ));
}

fn bar(part: &TimePart) -> Bar {
    let known = part.basis != Basis::NotMeasured;
    let share = part.share_ratio.filter(|_| known);
    let basis = match (part.basis, part.low_ratio, part.high_ratio) {
        (Basis::Inferred, Some(low), Some(high)) => {
            format!("inferred, {} to {}", percent(low), percent(high))
        }
        (basis, ..) => basis_word(basis).to_owned(),
    };
    Bar {
        label: part_name(part.part).to_owned(),
        share,
        figures: [
            share.map_or_else(String::new, percent),
            part.mean_ms
                .filter(|_| known)
                .map_or_else(String::new, duration),
            if known {
                basis
            } else {
                NOT_MEASURED.to_owned()
            },
        ],
    }
}

/// A part's name in a table.
pub(super) fn part_name(part: PartKind) -> &'static str {
    match part {
        PartKind::DbExec => "database",
        PartKind::PoolWait => "pool wait",
        PartKind::Network => "network",
        PartKind::App => "application",
        PartKind::Unattributed => "unattributed",
    }
}

fn short_item(finding: &Finding) -> Item {
    let evidence = format::evidence(finding.evidence);
    let worth = match format::gives_back(finding.saves_ms_per_sec, finding.evidence) {
        Some(words) => format!("{words} ({evidence})"),
        None => format!("{evidence}; what it gives back was not measured"),
    };
    let mut lines = vec![("", Cell::new(worth).tone(Tone::Dim))];
    if let Some(sql) = &finding.remediation.sql {
        lines.push(("do", Cell::code(sql.clone())));
    } else if let Some(note) = &finding.remediation.note {
        lines.push(("do", Cell::new(note.clone())));
    }
    Item {
        mark: Some(format::severity(finding.severity)),
        title: Cell::new(finding.title.clone()).tone(Tone::Strong),
        lines,
    }
}
