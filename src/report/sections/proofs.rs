//! What was tried: made, measured in turns with and without, and undone.

use crate::analyze::conclusions::{
    Conclusions, Evidence, Proof, ProofSide, ProofVerdict, Proofs, Tried,
};
use crate::report::doc::{Block, Cell, Column, Item, Section, Table, Tone};
use crate::report::format::{self, bytes, duration, number, rate};

/// The section.
pub(super) fn proofs(c: &Conclusions) -> Section {
    const TITLE: &str = "What was tried";
    let Some(found) = &c.proofs else {
        return Section::nothing(TITLE, "Not measured: no change was tried (--prove does).");
    };
    let quiet = if found.quiet {
        ", a checkpoint before each, autovacuum off"
    } else {
        ""
    };
    let mut section = Section::new(TITLE).source(format!(
        "each change by itself: blocks of {} with and without it in turns, after {} of warm-up{quiet}; then undone",
        duration(found.block_ms),
        duration(found.block_warmup_ms)
    ));
    if found.tried.is_empty() {
        section.text("Nothing was tried.");
    } else {
        table(found, &mut section);
        let items = found.tried.iter().map(item).collect();
        section.blocks.push(Block::Items(items));
    }
    left_out(found, &mut section);
    if found.interrupted {
        section.text("It was interrupted: what had begun was undone, and the rest was not tried.");
    }
    section
}

fn table(found: &Proofs, section: &mut Section) {
    let mut table = Table::new([
        Column::name("Change"),
        Column::number("Before"),
        Column::number("After"),
        Column::number("Change of mean"),
        Column::number("95 % interval").drop(1),
        Column::number("Throughput").drop(4),
        Column::number("Execution").drop(3),
        Column::number("WAL/call").drop(2),
        Column::number("Bytes"),
        Column::word("Verdict"),
    ]);
    for tried in &found.tried {
        let proof = &tried.proof;
        let mean = |side: Option<ProofSide>| Cell::known(side.map(|s| s.mean_ms), duration);
        let sides = proof.before.zip(proof.after);
        let both = |value: &dyn Fn(ProofSide) -> Option<f64>, show: fn(f64) -> String| {
            let known = sides.and_then(|(a, b)| value(a).zip(value(b)));
            Cell::known(known, |(a, b)| format!("{} → {}", show(a), show(b)))
        };
        table.row([
            Cell::code(name(tried)),
            mean(proof.before),
            mean(proof.after),
            Cell::known(proof.interval, |i| signed(i.ratio)),
            Cell::known(proof.interval, |i| {
                format!("{} to {}", signed(i.low_ratio), signed(i.high_ratio))
            }),
            both(&|side| Some(side.throughput_per_sec), rate),
            both(&|side| side.exec_ms_per_call, duration),
            both(&|side| side.wal_bytes_per_call, |b| {
                format!("{} B", number(b))
            }),
            Cell::known(proof.bytes, signed_bytes),
            verdict(proof),
        ]);
    }
    section.table(table);
    section.dim(
        "Before and After are mean response times of all requests; Execution and WAL are per statement that the server executed.",
    );
}

fn item(tried: &Tried) -> Item {
    let proof = &tried.proof;
    let mut lines = vec![("", Cell::new(format!("{}.", proof.reason)))];
    let operations = proof.operations.iter().filter_map(|o| {
        let interval = o.interval?;
        Some(format!(
            "{} {} ({} to {})",
            o.name,
            signed(interval.ratio),
            signed(interval.low_ratio),
            signed(interval.high_ratio)
        ))
    });
    let operations: Vec<String> = operations.take(OPERATIONS_SHOWN).collect();
    if proof.operations.len() > 1 && !operations.is_empty() {
        let others = proof.operations.len() - operations.len();
        let more = if others > 0 {
            format!(", {others} more")
        } else {
            String::new()
        };
        lines.push((
            "",
            Cell::new(format!("By operation: {}{more}.", operations.join(", "))),
        ));
    }
    let mut facts = Vec::new();
    facts.extend(
        proof
            .build_ms
            .map(|ms| format!("built in {}", duration(ms))),
    );
    facts.extend(
        proof
            .index_scans
            .map(|n| format!("scanned {} times", format::count_i64(n))),
    );
    facts.extend(format::gives_back(proof.saves_ms_per_sec, Evidence::Proved));
    if !facts.is_empty() {
        lines.push(("", Cell::new(facts.join(" · ")).tone(Tone::Dim)));
    }
    for sql in &tried.left_sql {
        lines.push(("left behind, undo", Cell::code(sql.clone()).tone(Tone::Bad)));
    }
    Item {
        mark: Some(verdict(proof)),
        title: Cell::code(name(tried)),
        lines,
    }
}

/// Operations that are told one by one, those that changed most.
const OPERATIONS_SHOWN: usize = 4;

fn left_out(found: &Proofs, section: &mut Section) {
    if found.left_out.is_empty() {
        return;
    }
    section.heading("Not tried");
    let mut table = Table::new([Column::cut("Change"), Column::prose("Why")]);
    for left in &found.left_out {
        table.row([Cell::code(left.sql.clone()), Cell::new(left.reason.clone())]);
    }
    section.table(table);
}

/// `+ tasks (a)` or `- tasks_a_idx`.
fn name(tried: &Tried) -> String {
    match &tried.index {
        Some(index) => format!("drop {}.{index}", tried.schema),
        None => format!(
            "index on {}.{} ({})",
            tried.schema,
            tried.table,
            tried.columns.join(", ")
        ),
    }
}

fn verdict(proof: &Proof) -> Cell {
    match proof.verdict {
        ProofVerdict::Proved => Cell::new("proved").tone(Tone::Good),
        ProofVerdict::NoGain => Cell::new("no gain").tone(Tone::Dim),
        ProofVerdict::Worse => Cell::new("worse").tone(Tone::Bad),
        ProofVerdict::Undecided => Cell::new("undecided").tone(Tone::Warn),
    }
}

/// `-89 %` for 0.11.
fn signed(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    let digits = usize::from(percent.abs() < 9.95);
    format!("{percent:+.digits$} %")
}

fn signed_bytes(size: i64) -> String {
    let sign = if size < 0 { "-" } else { "+" };
    format!("{sign}{}", bytes(size.unsigned_abs()))
}

/// A proof in one line, for the sections of what was tried.
pub(super) fn line(proof: &Proof) -> String {
    let word = match proof.verdict {
        ProofVerdict::Proved => "proved",
        ProofVerdict::NoGain => "tried, no gain",
        ProofVerdict::Worse => "tried, worse",
        ProofVerdict::Undecided => "tried, undecided",
    };
    format!("{word}: {}", proof.reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Format, Style, render};

    fn full() -> Conclusions {
        serde_json::from_str(include_str!("../../../fixtures/conclusions/full.json")).unwrap()
    }

    fn text(c: &Conclusions) -> String {
        let style = Style {
            width: 200,
            color: false,
            unicode: true,
        };
        String::from_utf8(render(c, Format::Text, &style).unwrap()).unwrap()
    }

    #[test]
    fn what_was_tried_stands_with_its_numbers_and_what_was_not_with_its_reason() {
        let shown = text(&full());
        for part in [
            "What was tried",
            "index on public.tasks (initiative_id, status)",
            "-82 %",
            "proved",
            "drop public.plans_workspace_idx2",
            "Not tried",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }

    #[test]
    fn what_could_not_be_undone_stands_with_its_sql() {
        let mut all = full();
        let left = "DROP INDEX CONCURRENTLY public.dbperf_x;".to_owned();
        all.proofs.as_mut().unwrap().tried[0].left_sql = vec![left.clone()];
        let shown = text(&all);
        assert!(
            shown.contains("left behind") && shown.contains(&left),
            "{shown}"
        );
    }

    #[test]
    fn small_changes_have_a_decimal() {
        assert_eq!(signed(0.11), "-89 %");
        assert_eq!(signed(1.034), "+3.4 %");
        assert_eq!(signed_bytes(-2048), "-2.00 KiB");
    }
}
