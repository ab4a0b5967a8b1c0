//! Pools under the same load in turns.

use crate::analyze::conclusions::{ComparedPool, Conclusions, PoolComparison};
use crate::report::doc::{Cell, Column, Section, Table, Tone};
use crate::report::format::{count, duration, percent, rate};

/// The comparison, where there is one.
pub(super) fn of(c: &Conclusions) -> Option<&PoolComparison> {
    c.pool.as_ref()?.comparison.as_ref()
}

/// The section.
pub(super) fn pools(c: &Conclusions) -> Section {
    const TITLE: &str = "Pools compared";
    let Some(found) = of(c) else {
        return Section::nothing(TITLE, "Not measured: one pool was replayed through.");
    };
    let mut section = Section::new(TITLE).source(format!(
        "{} blocks of {} for each pool, in turns; verdicts by {}",
        found.rounds,
        duration(found.block_ms),
        judge(found)
    ));
    table(found, &mut section);
    verdicts(found, &mut section);
    noise(found, &mut section);
    section
}

fn judge(found: &PoolComparison) -> &'static str {
    match found.judged_by.as_str() {
        "throughput" => "throughput",
        _ => "the median response time",
    }
}

fn table(found: &PoolComparison, section: &mut Section) {
    let mut table = Table::new([
        Column::word("Pool"),
        Column::number("Throughput"),
        Column::number("p50"),
        Column::number("p99"),
        Column::number("Wait p99"),
        Column::number("Connect").drop(3),
        Column::number("Recycle").drop(2),
        Column::number("CPU/request").drop(1),
        Column::number("CPU").drop(5),
        Column::number("Failed").drop(4),
        Column::word("Verdict"),
    ]);
    for pool in &found.pools {
        table.row([
            Cell::new(pool.name.clone()),
            Cell::known(pool.throughput_per_sec, rate),
            Cell::known(pool.p50_ms, duration),
            Cell::known(pool.p99_ms, duration),
            Cell::known(pool.permit_wait_p99_ms, duration),
            some(pool, pool.connect_mean_ms),
            some(pool, pool.recycle_mean_ms),
            Cell::known(pool.driver_cpu_ms_per_request, duration),
            Cell::known(pool.driver_cpu_ratio, percent),
            Cell::new(count(pool.failures)),
            verdict(found, pool),
        ]);
    }
    section.table(table);
    section.dim(
        "Connect and recycle are means, connections of a new pool included; CPU is that of the driver's busiest thread.",
    );
}

/// A mean of what need not happen at all.
fn some(pool: &ComparedPool, mean: Option<f64>) -> Cell {
    match mean {
        None if pool.blocks > 0 => Cell::new("none").tone(Tone::Dim),
        mean => Cell::known(mean, duration),
    }
}

fn verdict(found: &PoolComparison, pool: &ComparedPool) -> Cell {
    match pool.verdict.as_deref() {
        Some("faster") => Cell::new("faster").tone(Tone::Good),
        Some("slower") => Cell::new("slower").tone(Tone::Warn),
        Some(other) => Cell::new(other).tone(Tone::Dim),
        None if found.reference.as_ref() == Some(&pool.name) => {
            Cell::new("reference").tone(Tone::Dim)
        }
        None if pool.blocks == 0 => Cell::new("failed").tone(Tone::Bad),
        None => Cell::new("none").tone(Tone::Dim),
    }
}

/// Every verdict in words, with its interval.
fn verdicts(found: &PoolComparison, section: &mut Section) {
    for pool in &found.pools {
        let change = pool
            .changes
            .iter()
            .find(|change| change.metric == found.judged_by);
        if let (Some(change), Some(reference)) = (change, &found.reference) {
            section.text(format!(
                "{} against {reference}: {} {} (95 % interval {} to {}; chance alone gives up to {} in 19 of 20 \
                 cases): {}.",
                pool.name,
                judge(found),
                signed(change.ratio),
                signed(change.low_ratio),
                signed(change.high_ratio),
                percent(change.threshold_ratio),
                change.verdict.as_deref().unwrap_or("no verdict"),
            ));
        }
        if let Some(reason) = &pool.reason {
            section.text(format!("{}: {reason}", pool.name));
        }
    }
}

fn noise(found: &PoolComparison, section: &mut Section) {
    section.dim(match found.noise_ratio {
        Some(noise) => format!(
            "Noise floor: two blocks of one pool in a row usually differ by {} ({} pairs).",
            percent(noise),
            found.noise_pairs
        ),
        None => "Noise floor: not measured, no two blocks of the first pool lie side by side."
            .to_owned(),
    });
    if let Some(reference) = &found.reference {
        section.dim(format!(
            "What this report says of load, breakdown and pool beside this is of {reference} alone."
        ));
    }
    section.dim("A difference counts from 5 %, or from what chance gives where that is more.");
}

/// `+12 %` for 1.12.
fn signed(ratio: f64) -> String {
    format!("{:+.1} %", (ratio - 1.0) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::conclusions::{Pool, PoolChange};
    use crate::report::{Format, Style, render};

    fn pool(name: &str) -> ComparedPool {
        ComparedPool {
            name: name.to_owned(),
            blocks: 10,
            requests: 1000,
            failures: 0,
            throughput_per_sec: Some(100.0),
            p50_ms: Some(1.0),
            p99_ms: Some(2.0),
            permit_wait_p99_ms: Some(0.0),
            acquire_mean_ms: Some(0.1),
            connect_mean_ms: None,
            recycle_mean_ms: None,
            driver_cpu_ratio: Some(0.25),
            driver_cpu_ms_per_request: Some(0.05),
            verdict: None,
            reason: None,
            changes: Vec::new(),
        }
    }

    #[test]
    fn every_pool_has_its_verdict_or_the_reason_for_none() {
        let slower = ComparedPool {
            verdict: Some("slower".to_owned()),
            changes: vec![PoolChange {
                metric: "throughput".to_owned(),
                pairs: 10,
                ratio: 0.8,
                low_ratio: 0.75,
                high_ratio: 0.86,
                threshold_ratio: 0.031,
                verdict: Some("slower".to_owned()),
            }],
            ..pool("other")
        };
        let broken = ComparedPool {
            blocks: 0,
            throughput_per_sec: None,
            reason: Some("cannot connect".to_owned()),
            ..pool("broken")
        };
        let mut conclusions = Conclusions::empty();
        conclusions.pool = Some(Pool {
            observed: None,
            replay: None,
            recommendation: None,
            no_recommendation: None,
            sweep: Vec::new(),
            scaling: None,
            pgbouncer: None,
            comparison: Some(PoolComparison {
                reference: Some("mine".to_owned()),
                judged_by: "throughput".to_owned(),
                block_ms: 1000.0,
                rounds: 10,
                noise_ratio: Some(0.012),
                noise_pairs: 5,
                pools: vec![pool("mine"), slower, broken],
            }),
        });
        for width in [80, 120] {
            let style = Style {
                width,
                ..Style::default()
            };
            let text = render(&conclusions, Format::Text, &style).unwrap();
            let text = String::from_utf8(text).unwrap();
            let words: Vec<&str> = text.split_whitespace().collect();
            let words = words.join(" ");
            for wanted in [
                "reference",
                "-20.0 % (95 % interval -25.0 % to -14.0 %; chance alone gives up to 3.1 %",
                "slower.",
                "broken: cannot connect",
                "usually differ by 1.2 % (5 pairs)",
            ] {
                assert!(words.contains(wanted), "{wanted}\n{text}");
            }
        }
    }
}
