//! Indexes to change, and indexes that would help.

use crate::analyze::conclusions::{
    Conclusions, Index, IndexVerdict, MissingIndex, MissingIndexKind, WriteBytesBasis,
};
use crate::report::doc::{Block, Cell, Column, Item, Section, Table};
use crate::report::format::{self, age, bytes, count_i64, number, percent, rate};

use super::{proofs, reason};

fn verdict(verdict: IndexVerdict) -> &'static str {
    match verdict {
        IndexVerdict::Keep => "keep",
        IndexVerdict::DropUnused => "unused",
        IndexVerdict::DropDuplicate => "duplicate",
        IndexVerdict::DropRedundant => "redundant",
        IndexVerdict::InvalidRebuild => "invalid",
    }
}

/// Every index that should not simply be kept.
pub(super) fn indexes(c: &Conclusions) -> Section {
    const TITLE: &str = "Indexes";
    let Some(indexes) = &c.indexes else {
        return Section::nothing(
            TITLE,
            reason(c, "pg_stat_user_indexes", "the indexes were not read."),
        );
    };
    let mut section = Section::new(TITLE).source(source(c));
    let (keep, change): (Vec<&Index>, Vec<&Index>) = indexes
        .iter()
        .partition(|i| i.verdict == IndexVerdict::Keep);
    if !change.is_empty() {
        let scans = Column::number("Scans");
        let scans = match c.run.since {
            Some(_) => scans.absent("no window: those since the reset are told"),
            None => scans,
        };
        let mut table = Table::new([
            Column::name("Index"),
            Column::name("Table").drop(2),
            Column::number("Size"),
            scans,
            Column::number("Since reset").drop(3),
            Column::number("Writes")
                .drop(1)
                .absent("the writes of their tables were not read"),
            Column::word("Verdict"),
            Column::word("Evidence"),
            Column::prose("Why"),
        ]);
        for index in &change {
            table.row([
                Cell::code(index.index.clone()),
                Cell::code(format!("{}.{}", index.schema, index.table)),
                Cell::known(index.size_bytes, bytes),
                Cell::known(index.scans, count_i64),
                Cell::known(index.scans_total, count_i64),
                writes(index),
                Cell::new(verdict(index.verdict)),
                Cell::new(format::evidence(index.evidence)),
                Cell::new(match &index.proof {
                    Some(proof) => format!("{}; {}", index.reason, proofs::line(proof)),
                    None => index.reason.clone(),
                }),
            ]);
        }
        section.table(table);
    }
    section.dim(format!(
        "{} kept.",
        format::plural(keep.len() as u64, "index is", "indexes are")
    ));
    let most_written = most_written(&keep);
    if let Some(table) = most_written {
        section.dim("Those that are written most:");
        section.table(table);
    }
    let shown = indexes.iter().filter_map(|i| i.entries_per_sec);
    if shown.clone().any(|entries| entries > 0.0) {
        section.dim(HOW_WRITES);
    }
    // The recommendations carry the SQL; without them it stands here.
    if c.findings.is_none() {
        let items: Vec<Item> = change.iter().filter_map(|i| remedy(i)).collect();
        if !items.is_empty() {
            section.blocks.push(Block::Items(items));
        }
    }
    section
}

/// Kept indexes that are shown for what they write; the document has all of them.
const MOST_WRITTEN: usize = 5;
const HOW_WRITES: &str = "Writes: entries for inserted rows and for updates that are not HOT, at most \
    those of a partial index; their bytes are estimated by the widths of the columns or, marked ~, by \
    the size of the index over its entries. WAL: these bytes over all that was logged, so at least \
    this part is the index's.";

/// Entries per second, and their bytes.
fn writes(index: &Index) -> Cell {
    let bytes = index.write_bytes_per_sec.map(|n| {
        let mark = match index.write_bytes_basis {
            Some(WriteBytesBasis::IndexSize) => "~",
            _ => "",
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate of bytes, not negative"
        )]
        let shown = bytes(n.round() as u64);
        format!(", {mark}{shown}/s")
    });
    Cell::known(index.entries_per_sec, |entries| {
        let bytes = bytes.as_deref().filter(|_| entries > 0.0);
        format!("{}{}", rate(entries), bytes.unwrap_or_default())
    })
}

/// The kept indexes that cost their tables most; nothing where nothing is written.
fn most_written(keep: &[&Index]) -> Option<Table> {
    let cost = |index: &Index| index.write_bytes_per_sec.or(index.entries_per_sec);
    let mut written: Vec<&Index> = keep
        .iter()
        .copied()
        .filter(|index| cost(index).is_some_and(|cost| cost > 0.0))
        .collect();
    written.sort_by(|a, b| {
        let by_cost = cost(b).unwrap_or(0.0).total_cmp(&cost(a).unwrap_or(0.0));
        by_cost.then_with(|| (&a.schema, &a.index).cmp(&(&b.schema, &b.index)))
    });
    let mut table = Table::new([
        Column::name("Index"),
        Column::name("Table").drop(2),
        Column::number("Size"),
        Column::number("Scans").absent("no window: those since the reset are told"),
        Column::number("Since reset").drop(3),
        Column::number("Writes"),
        Column::number("WAL")
            .drop(1)
            .absent("the log was not measured"),
    ]);
    for index in written.into_iter().take(MOST_WRITTEN) {
        table.row([
            Cell::code(index.index.clone()),
            Cell::code(format!("{}.{}", index.schema, index.table)),
            Cell::known(index.size_bytes, bytes),
            Cell::known(index.scans, count_i64),
            Cell::known(index.scans_total, count_i64),
            writes(index),
            Cell::known(index.wal_ratio, percent),
        ]);
    }
    (!table.rows.is_empty()).then_some(table)
}

/// Where the numbers come from, and of which time they are where there was no window.
fn source(c: &Conclusions) -> String {
    let counted = c.run.since.as_ref().map(|since| {
        let ago = since.database_ms.map(|ms| format!(" {} ago", age(ms)));
        let unknown = ", at a time that the server does not tell";
        let ago = ago.unwrap_or_else(|| unknown.to_owned());
        format!(", counted since the statistics were reset{ago}")
    });
    format!(
        "pg_stat_user_indexes and the catalogue{}; dbperf changes nothing",
        counted.unwrap_or_default()
    )
}

fn remedy(index: &Index) -> Option<Item> {
    let sql = index.remediation_sql.clone()?;
    let mut lines = vec![("do", Cell::code(sql))];
    lines.extend(
        index
            .undo_sql
            .clone()
            .map(|undo| ("undo", Cell::code(undo))),
    );
    Some(Item {
        mark: None,
        title: Cell::new(format!("{} {}", verdict(index.verdict), index.index)),
        lines,
    })
}

/// Indexes that would help.
pub(super) fn missing(c: &Conclusions) -> Section {
    const TITLE: &str = "Missing indexes";
    let Some(missing) = &c.missing_indexes else {
        return Section::nothing(
            TITLE,
            reason(c, "pg_index", "neither the catalogue nor plans were read."),
        );
    };
    if missing.is_empty() {
        let planned = c.statements.iter().flatten();
        let read = planned
            .filter_map(|s| s.plan.as_ref())
            .any(|p| p.text.is_some());
        return Section::nothing(
            TITLE,
            if read {
                "None found: every foreign key has an index, and no plan that was read asks for one."
            } else {
                "Every foreign key has an index. Not measured: whether a statement asks for one, \
                 because no plan was read."
            },
        );
    }
    let mut section =
        Section::new(TITLE).source("foreign keys of the catalogue and conditions of the plans");
    let items = missing.iter().map(item).collect();
    section.blocks.push(Block::Items(items));
    section
}

fn item(m: &MissingIndex) -> Item {
    let from = match m.kind {
        MissingIndexKind::ForeignKey => "foreign key",
        MissingIndexKind::Candidate => "plan",
    };
    let mut facts = vec![from.to_owned(), format::evidence(m.evidence).to_owned()];
    facts.extend(format::gives_back(m.saves_ms_per_sec, m.evidence));
    match (m.cost_before, m.cost_after) {
        (Some(before), Some(after)) => {
            facts.push(format!("plan cost {} → {}", number(before), number(after)));
        }
        (Some(before), None) => facts.push(format!(
            "plan cost {} without it, not measured with it",
            number(before)
        )),
        _ => {}
    }
    facts.extend(m.size_bytes.map(|b| format!("about {}", bytes(b))));
    let mut lines = vec![
        ("", Cell::new(facts.join(" · "))),
        ("", Cell::new(m.reason.clone())),
    ];
    lines.extend(
        m.proof
            .as_ref()
            .map(|proof| ("", Cell::new(proofs::line(proof)))),
    );
    if m.judged_by.is_some() {
        lines.push(("helps", Cell::new(helped(m))));
        lines.push(("costs", Cell::new(written(m))));
    }
    lines.push(("do", Cell::code(m.create_sql.clone())));
    Item {
        mark: None,
        title: Cell::new(format!(
            "{}.{} ({}){}{}",
            m.schema,
            m.table,
            m.columns.join(", "),
            if m.include.is_empty() {
                String::new()
            } else {
                format!(" including {}", m.include.join(", "))
            },
            m.predicate
                .as_ref()
                .map_or_else(String::new, |p| format!(" where {p}"))
        )),
        lines,
    }
}

/// Statements named in one line; the document has all of them.
const NAMED: usize = 4;

fn helped(m: &MissingIndex) -> String {
    let mut named: Vec<String> = m
        .helps
        .iter()
        .take(NAMED)
        .map(|h| match h.saves_ms_per_sec {
            Some(saves) => format!("{} ({} ms/s)", h.query, number(saves)),
            None => h.query.clone(),
        })
        .collect();
    if m.helps.len() > NAMED {
        named.push(format!("and {} more", m.helps.len() - NAMED));
    }
    named.join("; ")
}

fn written(m: &MissingIndex) -> String {
    let time = m
        .costs_ms_per_sec
        .map_or_else(String::new, |ms| format!("about {} ms/s: ", number(ms)));
    let Some(most) = m.costs.first() else {
        return match m.costs_ms_per_sec {
            Some(ms) if ms > 0.0 => format!("{time}by what no statement tells"),
            _ => "no statement that was seen writes to it".to_owned(),
        };
    };
    let others = match m.costs.len() - 1 {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let entries = most
        .entries_per_sec
        .map_or_else(String::new, |n| format!(" ({} entries/s)", number(n)));
    format!("{time}{} writes to it{entries}{others}", most.query)
}
