//! Statements by their share of the window's execution time, and their full texts.

use crate::analyze::conclusions::{Conclusions, Statement};
use crate::report::doc::{Block, Cell, Column, Section, Table, Tone};
use crate::report::format::{self, age, bytes, count, count_i64, duration, number, percent};

use super::{plan_tree, reason};

/// Statements in the table; the JSON has all.
const ROWS: usize = 15;

/// Statements whose full text and plan are printed.
const TEXTS: usize = 5;

/// The list.
pub(super) fn statements(c: &Conclusions) -> Section {
    const TITLE: &str = "Statements";
    let Some(statements) = &c.statements else {
        return Section::nothing(
            TITLE,
            reason(c, "pg_stat_statements", "pg_stat_statements was not read."),
        );
    };
    let mut section = Section::new(TITLE).source(source(c));
    if statements.is_empty() {
        let hidden = c.statements_coverage.as_ref().map_or(0, |c| c.hidden_rows);
        section.dim(if hidden == 0 {
            format!("No statement ran {}.", within(c))
        } else {
            format!(
                "No statement that this role may see ran {}; {} hidden.",
                within(c),
                format::plural(
                    hidden,
                    "statement of other roles is",
                    "statements of other roles are"
                )
            )
        });
        return section;
    }
    let mut table = Table::new([
        Column::word("Id"),
        Column::number("Share"),
        Column::number("Total"),
        Column::number("Calls"),
        Column::number("Mean"),
        Column::number("Stddev").drop(3),
        Column::number("Rows/call").drop(2),
        Column::number("Planning")
            .drop(7)
            .absent("track_planning is off"),
        Column::number("Cache hit").drop(4),
        Column::number("Read time")
            .drop(6)
            .absent("track_io_timing is off"),
        Column::number("Temp").drop(5),
        Column::number("WAL").drop(8),
        Column::cut("Statement"),
    ]);
    for (i, statement) in statements.iter().take(ROWS).enumerate() {
        table.row(row(i, statement));
    }
    section.table(table);
    notes(c, statements, &mut section);
    leaders(c, statements, &mut section);
    section
}

/// What a key of the JSON is called here.
fn resource(key: &str) -> &str {
    match key {
        "shared_blks_read" => "blocks read",
        "blk_read_ms" => "time of reading blocks",
        "shared_blks_dirtied" => "blocks dirtied",
        "temp_blks_written" => "temporary files",
        "wal_bytes" => "write-ahead log",
        "total_plan_ms" => "planning",
        "stddev_exec_ms" => "variation",
        other => other,
    }
}

fn amount(key: &str, s: &Statement) -> Cell {
    match key {
        "shared_blks_read" => Cell::new(blocks(s.shared_blks_read)),
        "blk_read_ms" => Cell::known(s.blk_read_ms, duration),
        "shared_blks_dirtied" => Cell::new(blocks(s.shared_blks_dirtied)),
        "temp_blks_written" => Cell::new(blocks(s.temp_blks_written)),
        "wal_bytes" => Cell::new(bytes(u64::try_from(s.wal_bytes).unwrap_or(0))),
        "total_plan_ms" => Cell::known(s.total_plan_ms, duration),
        "stddev_exec_ms" => Cell::known(s.stddev_exec_ms, |ms| format!("± {}", duration(ms))),
        _ => Cell::new(""),
    }
}

/// Who takes most of what is not time.
fn leaders(c: &Conclusions, statements: &[Statement], section: &mut Section) {
    let mut table = Table::new([
        Column::word("Most"),
        Column::word("Id"),
        Column::number("Share"),
        Column::number("Amount"),
        Column::cut("Statement"),
    ]);
    for leader in &c.statement_leaders {
        let place = statements.iter().position(|s| {
            s.query_id == leader.query_id && s.user == leader.user && s.database == leader.database
        });
        let Some(place) = place else { continue };
        table.row([
            Cell::new(resource(&leader.resource)),
            Cell::new(format!("S{}", place + 1)),
            Cell::new(percent(leader.share_ratio)),
            amount(&leader.resource, &statements[place]),
            Cell::code(format::one_line(&statements[place].query)),
        ]);
    }
    if !table.rows.is_empty() {
        section.heading("By other resources");
        section.table(table);
    }
}

/// What the numbers are, and of which time.
fn source(c: &Conclusions) -> String {
    let Some(since) = &c.run.since else {
        return "pg_stat_statements, difference over the window; measured".to_owned();
    };
    match (&since.statements_reset_at, since.statements_ms) {
        (Some(reset), Some(ms)) => format!(
            "pg_stat_statements, counted since it was reset {} ago, {}; measured",
            age(ms),
            format::moment(reset)
        ),
        _ => "pg_stat_statements, counted since it was reset, the time of which this version does \
            not tell: rates are not measured"
            .to_owned(),
    }
}

fn within(c: &Conclusions) -> &'static str {
    if c.run.since.is_some() {
        "since the counters were reset"
    } else {
        "in the window"
    }
}

fn row(i: usize, s: &Statement) -> Vec<Cell> {
    let mark = if s.statistics_reset { "*" } else { "" };
    let calls = s.calls.max(0) as f64;
    let per_call = |n: i64| (calls > 0.0).then(|| n as f64 / calls);
    let touched = s.shared_blks_hit.saturating_add(s.shared_blks_read);
    // No block touched: there is no ratio, which is not the same as not measured.
    let hit = if touched > 0 {
        Cell::new(percent(s.shared_blks_hit as f64 / touched as f64))
    } else {
        Cell::new("no block")
    };
    vec![
        Cell::new(format!("S{}{mark}", i + 1)),
        Cell::known(s.share_ratio, percent),
        Cell::new(duration(s.total_exec_ms)),
        Cell::new(count_i64(s.calls)),
        Cell::known(s.mean_exec_ms, duration),
        Cell::known(s.stddev_exec_ms, duration),
        Cell::known(per_call(s.rows), number),
        Cell::known(s.total_plan_ms, duration),
        hit,
        Cell::known(s.blk_read_ms, duration),
        Cell::new(blocks(s.temp_blks_written)),
        Cell::new(bytes(u64::try_from(s.wal_bytes).unwrap_or(0))),
        Cell::code(format::one_line(&s.query)),
    ]
}

/// Blocks of 8 KiB, PostgreSQL's default `block_size`, as a size.
fn blocks(n: i64) -> String {
    bytes(u64::try_from(n).unwrap_or(0).saturating_mul(8192))
}

fn notes(c: &Conclusions, statements: &[Statement], section: &mut Section) {
    if statements.len() > ROWS {
        let rest: f64 = statements[ROWS..]
            .iter()
            .filter_map(|s| s.share_ratio)
            .sum();
        section.dim(format!(
            "{} more statements make up {} of execution time; the JSON has them.",
            count((statements.len() - ROWS) as u64),
            percent(rest)
        ));
    }
    if statements.iter().take(ROWS).any(|s| s.statistics_reset) {
        section.dim("* reset or evicted in the window: a part of its numbers is missing.");
    }
    let several = several_ids(statements);
    if !several.is_empty() {
        section.dim(several);
    }
    let Some(coverage) = &c.statements_coverage else {
        return;
    };
    let mut words = vec![format!(
        "In total {} of execution in {} calls of {} entries",
        duration(coverage.total_exec_ms),
        count_i64(coverage.calls),
        count(coverage.entries),
    )];
    if c.run.since.is_none() {
        words.push(format!(
            "counters continuous over {} of the window",
            percent(coverage.covered_ratio)
        ));
    }
    if let Some(ratio) = coverage.exec_over_active_ratio {
        words.push(format!(
            "{} of pg_stat_database.active_time",
            percent(ratio)
        ));
    }
    if coverage.evicted > 0 {
        let entries = format::plural(coverage.evicted, "entry", "entries");
        words.push(format!("{entries} evicted"));
    }
    if coverage.hidden_rows > 0 {
        words.push(format!(
            "{} hidden from this role",
            count(coverage.hidden_rows)
        ));
    }
    section.dim(format!("{}.", words.join("; ")));
}

/// Which of the listed statements PostgreSQL keeps under several ids; empty if none.
fn several_ids(statements: &[Statement]) -> String {
    let listed = statements.iter().take(ROWS).enumerate();
    let several = listed.filter(|(_, s)| s.query_ids.len() > 1);
    let words: Vec<String> = several
        .map(|(i, s)| format!("S{} of {}", i + 1, s.query_ids.len()))
        .collect();
    if words.is_empty() {
        return String::new();
    }
    format!(
        "Several ids of one parse tree are one statement here: {}.",
        words.join(", ")
    )
}

/// Full texts and plans of the first statements.
pub(super) fn texts(c: &Conclusions) -> Section {
    const TITLE: &str = "Statement texts and plans";
    let statements = c.statements.as_deref().unwrap_or_default();
    if statements.is_empty() {
        return Section::nothing(TITLE, "No statement to show.");
    }
    let mut section = Section::new(TITLE);
    for (i, s) in statements.iter().take(TEXTS).enumerate() {
        let who: Vec<&str> = [s.user.as_deref(), s.database.as_deref()]
            .into_iter()
            .flatten()
            .collect();
        let inside = if s.toplevel == Some(false) {
            ", inside a function"
        } else {
            ""
        };
        let who = if who.is_empty() {
            String::new()
        } else {
            format!(", {}", who.join(" on "))
        };
        let more = match s.query_ids.len() {
            0 | 1 => String::new(),
            n => format!(
                " and {}",
                format::plural(n as u64 - 1, "more id", "more ids")
            ),
        };
        section.heading(format!(
            "S{} · queryid {}{more}{who}{inside}",
            i + 1,
            s.query_id
        ));
        section
            .blocks
            .push(Block::Text(Cell::code(format::one_line(&s.query))));
        if let Some(plan) = &s.plan {
            match (&plan.text, &plan.error) {
                (Some(text), _) => {
                    section.dim(format!("Plan ({}):", plan.text_ref));
                    section.blocks.push(match plan_tree::tree(plan) {
                        Some(tree) => Block::Tree(tree),
                        None => Block::Code(text.clone()),
                    });
                }
                (None, Some(error)) => section.dim(format!("No plan: {error}")),
                (None, None) => {}
            }
        }
    }
    if statements.len() > TEXTS {
        section.blocks.push(Block::Text(
            Cell::new("The JSON has the texts of all statements.").tone(Tone::Dim),
        ));
    }
    section
}
