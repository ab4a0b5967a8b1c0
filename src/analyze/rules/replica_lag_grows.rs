//! `replica-lag-grows`: a standby falls further behind all the time.

use crate::analyze::conclusions::Severity;
use crate::analyze::figures::{bytes, duration};
use crate::record::Millis;
use crate::stats::student_t_quantile;

use super::draft::Draft;
use super::replica_lag_bytes::{behind_over_time, harmless, positions};
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "replica-lag-grows",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let window = facts.run.replication.as_ref();
    let window = window.ok_or_else(|| facts.missing("pg_stat_replication"))?;
    if window.primary.is_empty() {
        return Err("the primary's position in the WAL was not read".to_owned());
    }
    let standbys = positions(window);
    let outcomes = standbys.iter().map(|(name, positions)| {
        let behind = behind_over_time(&window.primary, positions);
        outcome(facts, name, &behind)
    });
    Ok(outcomes.collect())
}

fn outcome(facts: &Facts<'_>, name: &str, behind: &[(Millis, u64)]) -> Outcome {
    let Some(growth) = growth(behind) else {
        return Outcome::NotEvaluated(format!(
            "the standby {name} was read {} times, too few for a trend; at least {} are needed \
             (a longer --window)",
            behind.len(),
            t::LAG_TREND_PARTS * t::LAG_TREND_READINGS
        ));
    };
    let last = behind.last().map_or(0, |(_, bytes)| *bytes);
    let grown = growth.low * facts.window_sec();
    if growth.low <= 0.0 || grown < t::LAG_GROWTH_BYTES || (last as f64) < t::LAG_GROWTH_BYTES {
        return Outcome::Quiet;
    }
    if let Some(reason) = harmless(facts, name) {
        return Outcome::Suppressed(reason);
    }
    let states = facts.conclusions.replication.iter();
    let mut states = states.flat_map(|r| &r.standbys).filter(|s| s.name == name);
    let catch_up = states.next().and_then(|s| s.catch_up_sec);
    let catch_up = match catch_up {
        Some(sec) => format!(
            "with no more writes it would catch up in {}",
            duration(sec * 1000.0)
        ),
        None => "at the rates that were seen it does not catch up".to_owned(),
    };
    Draft::new(RULE.id, Severity::Warning)
        .about("standby", name)
        .title(&format!(
            "standby {name} falls behind by {}/s",
            bytes(whole(growth.per_sec))
        ))
        .detail(format!(
            "Between {}/s and {}/s with 95 % confidence, over the whole window; {} behind at its \
             end, {catch_up}",
            bytes(whole(growth.low)),
            bytes(whole(growth.high)),
            bytes(last)
        ))
        .note(
            "find what is slow: the network (sent_lsn behind), the standby's disk (flush_lsn \
             behind) or replay, which is one process and waits for queries there that hold old \
             rows; a bulk load ends by itself. Fewer bytes help too: larger max_wal_size, \
             wal_compression, smaller batches",
        )
        .fire(facts)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "negative rates are shown as none"
)]
fn whole(per_sec: f64) -> u64 {
    per_sec.max(0.0).round() as u64
}

/// Bytes per second, with its 95 % interval.
struct Growth {
    per_sec: f64,
    low: f64,
    high: f64,
}

/// The slope through the means of equal parts of the readings: neighbouring readings are far from
/// independent, means of long parts nearly are (batch means).
fn growth(behind: &[(Millis, u64)]) -> Option<Growth> {
    let parts = t::LAG_TREND_PARTS;
    let size = behind.len() / parts;
    if size < t::LAG_TREND_READINGS {
        return None;
    }
    let means: Vec<(f64, f64)> = behind
        .chunks_exact(size)
        .take(parts)
        .map(|part| {
            let n = part.len() as f64;
            let at: f64 = part.iter().map(|(at, _)| at.secs()).sum();
            let bytes: f64 = part.iter().map(|(_, bytes)| *bytes as f64).sum();
            (at / n, bytes / n)
        })
        .collect();
    let n = means.len() as f64;
    let mean_at = means.iter().map(|(at, _)| at).sum::<f64>() / n;
    let mean_bytes = means.iter().map(|(_, bytes)| bytes).sum::<f64>() / n;
    let spread: f64 = means.iter().map(|(at, _)| (at - mean_at).powi(2)).sum();
    if spread <= 0.0 {
        return None;
    }
    let together = means
        .iter()
        .map(|(at, b)| (at - mean_at) * (b - mean_bytes));
    let per_sec = together.sum::<f64>() / spread;
    let rest = means
        .iter()
        .map(|(at, b)| (b - mean_bytes - per_sec * (at - mean_at)).powi(2));
    let error = (rest.sum::<f64>() / (n - 2.0) / spread).sqrt();
    let half = error * student_t_quantile(0.975, n - 2.0)?;
    Some(Growth {
        per_sec,
        low: per_sec - half,
        high: per_sec + half,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::conclusions::StandbyVerdict;
    use crate::analyze::rules::testing::Case;
    use crate::analyze::rules::testing_replication::{asked, replicated, standby};

    const MIB: u64 = 1 << 20;

    fn case(behind: &[u64]) -> Case {
        let states = vec![standby("s1", StandbyVerdict::Streaming)];
        replicated(states, vec![asked("s1", behind)])
    }

    #[test]
    fn a_steady_growth_is_found_with_its_rate() {
        let growing: Vec<u64> = (0..60).map(|i| 20 * MIB + i * MIB).collect();
        let finding = case(&growing).the_finding(&RULE);
        assert_eq!(finding.title, "standby s1 falls behind by 1.00 MiB/s");
        assert!(
            finding.detail.contains("79.0 MiB behind"),
            "{}",
            finding.detail
        );
    }

    #[test]
    fn a_wave_and_a_shrinking_lag_are_no_growth() {
        let wave: Vec<u64> = (0..60).map(|i| 20 * MIB + (i % 12) * MIB).collect();
        case(&wave).assert_quiet(&RULE);
        let shrinking: Vec<u64> = (0..60).map(|i| 100 * MIB - i * MIB).collect();
        case(&shrinking).assert_quiet(&RULE);
        let little: Vec<u64> = (0..60).map(|i| i * 1024).collect();
        case(&little).assert_quiet(&RULE);
    }

    #[test]
    fn a_short_window_has_no_trend() {
        assert!(case(&[MIB; 20]).missing_fact(&RULE).contains("20 times"));
    }
}
