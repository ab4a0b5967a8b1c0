//! Findings: one rule per file, each a pure function of facts.
//!
//! Nothing is measured or rendered here. A rule whose facts are absent is not evaluated and says
//! which fact it lacks; it never stays quiet for want of looking. Every rule has a page of its name
//! in `docs/rules/`, and every threshold is in [`thresholds`].
//!
//! To add a rule: a file with a `RULE`, its `mod` and list lines here, and its page.

mod autovacuum_settings;
mod continuity;
mod draft;
mod facts;
mod index_verdict;
mod list;
mod permit_wait;
mod plan_insights;
mod remedies;
pub mod text;
pub mod thresholds;
mod waits;

mod autovacuum_behind;
mod autovacuum_off;
mod bloated_index;
mod blocking_tree;
mod buffer_contention;
mod chatty_statement;
mod client_waits;
mod connection_churn;
mod connections_near_limit;
mod constraint_not_validated;
mod cpu_saturated;
mod database_saturated;
mod default_memory;
mod disk_cost_default;
mod driver_saturated;
mod duplicate_index;
mod durability_off;
mod fleet_over_budget;
mod hot_updates_blocked;
mod idle_in_transaction;
mod index_unused_by_workload;
mod index_write_overhead;
mod invalid_index;
mod io_timing_off;
mod jit_heavy;
mod jit_on_oltp;
mod lease_held_idle;
mod lock_logging_off;
mod lock_manager_contention;
mod lock_waits;
mod long_transaction;
mod lookup_per_row;
mod low_hit_ratio;
mod many_connections_per_core;
mod missing_fk_index;
mod missing_index;
mod missing_limit;
mod no_idle_timeout;
mod old_minor;
mod pgss_missing;
mod pgss_outdated;
mod planning_heavy;
mod pool_oversized;
mod pool_too_small;
mod pooler_queueing;
mod rarely_used_index;
mod read_bound_statement;
mod read_waits;
mod redundant_prefix_index;
mod replay_paused;
mod replica_disconnected;
mod replica_lag_bytes;
mod replica_lag_grows;
mod requested_checkpoints;
mod restart_pending;
mod rollback_share;
mod select_star;
mod seq_scan_heavy_table;
mod sequence_exhaustion;
mod sessions_lost;
mod slot_at_risk;
mod slot_retains_wal;
mod slow_statement;
mod stale_statistics;
mod standby_conflicts;
mod statement_cache_thrash;
mod statement_dominates_time;
mod statement_variants;
mod statements_evicted;
mod sync_replica_waits;
mod table_bloat;
mod temp_spill;
mod unbounded_offset;
mod unstable_statement;
mod unused_index;
mod wal_heavy;
mod wal_sync_waits;
mod workers_short;
mod wraparound_risk;
mod xmin_horizon_held;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod testing_replication;

pub use facts::Facts;
pub use list::RULES;

use std::collections::BTreeSet;

use super::conclusions::{Finding, NotEvaluated};
use super::plans::insights::INSIGHTS;

/// What a rule came to for one subject.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The condition holds.
    Fired(Finding),
    /// The facts are there and the condition does not hold.
    Quiet,
    /// The condition holds, but for a reason that makes it harmless.
    Suppressed(String),
    /// A fact is missing: its name, and how to get it.
    NotEvaluated(String),
}

/// What a rule's function returns: an outcome per subject, or the one fact without which nothing
/// can be said at all.
type Judgement = Result<Vec<Outcome>, String>;

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Name, such as `slow-statement`; also the name of its page.
    pub id: &'static str,
    judge: fn(&Facts<'_>) -> Judgement,
}

impl Rule {
    /// Evaluates the rule; at least one outcome.
    #[must_use]
    pub fn evaluate(&self, facts: &Facts<'_>) -> Vec<Outcome> {
        match (self.judge)(facts) {
            Err(missing) => vec![Outcome::NotEvaluated(missing)],
            Ok(outcomes) if outcomes.is_empty() => vec![Outcome::Quiet],
            Ok(outcomes) => outcomes,
        }
    }
}

/// Evaluates every rule. Findings come with the most time given back first, those without a number
/// last, the more severe first among equals; a doubt about the measurement itself comes before all
/// others. Rules that could not be decided are named once for each missing fact.
#[must_use]
pub fn evaluate(facts: &Facts<'_>) -> (Vec<Finding>, Vec<NotEvaluated>) {
    let mut findings = Vec::new();
    let mut missing = BTreeSet::new();
    let mut note = |rule, outcomes: Vec<Outcome>| {
        for outcome in outcomes {
            match outcome {
                Outcome::Fired(finding) => findings.push(finding),
                Outcome::NotEvaluated(reason) => {
                    missing.insert((rule, reason));
                }
                Outcome::Quiet | Outcome::Suppressed(_) => {}
            }
        }
    };
    for rule in RULES {
        note(rule.id, rule.evaluate(facts));
    }
    for rule in INSIGHTS {
        let mut outcomes = plan_insights::evaluate(rule, facts);
        // Where a rule of the same name judges the table itself, that one says what could not be looked at.
        if RULES.iter().any(|table| table.id == rule.id) {
            outcomes.retain(|o| !matches!(o, Outcome::NotEvaluated(_)));
        }
        note(rule.id, outcomes);
    }
    plan_insights::leave_out_covered(&mut findings);
    sort(&mut findings);
    let not_evaluated = missing.into_iter().map(|(rule, reason)| NotEvaluated {
        rule: rule.to_owned(),
        reason,
    });
    (findings, not_evaluated.collect())
}

/// Puts findings into their order.
pub(super) fn sort(findings: &mut [Finding]) {
    findings.sort_by(order);
}

fn order(a: &Finding, b: &Finding) -> std::cmp::Ordering {
    let doubt = |f: &Finding| f.subject.kind == "driver";
    let saves = |f: &Finding| f.saves_ms_per_sec.unwrap_or(-1.0);
    doubt(b)
        .cmp(&doubt(a))
        .then(saves(b).total_cmp(&saves(a)))
        .then(b.severity.cmp(&a.severity))
        .then_with(|| (&a.rule, &a.subject.name).cmp(&(&b.rule, &b.subject.name)))
}

#[cfg(test)]
mod tests {
    use super::testing::Case;
    use super::*;
    use crate::analyze::conclusions::{Evidence, Remediation, Severity, Subject};

    #[test]
    fn without_facts_nothing_is_quiet() {
        let mut case = Case::new();
        case.run.server = None;
        case.run.life.clear();
        for rule in RULES {
            for outcome in case.outcomes(rule) {
                assert!(
                    matches!(outcome, Outcome::NotEvaluated(_)),
                    "{} came to {outcome:?} without any fact",
                    rule.id
                );
            }
        }
        let (findings, not_evaluated) = evaluate(&case.facts());
        assert!(findings.is_empty());
        // Each once, by name: a table and the plans on it may have a rule of the same name.
        let all = RULES.iter().map(|r| r.id);
        let all: BTreeSet<_> = all.chain(INSIGHTS.iter().map(|r| r.id)).collect();
        let named: BTreeSet<_> = not_evaluated.iter().map(|n| n.rule.as_str()).collect();
        assert_eq!(named, all);
        assert_eq!(not_evaluated.len(), all.len());
    }

    #[test]
    fn names_are_unique_and_sorted_findings_are_stable() {
        let names: BTreeSet<_> = RULES.iter().map(|r| r.id).collect();
        assert_eq!(names.len(), RULES.len());
        let finding = |kind: &str, saves, severity| Finding {
            rule: "r".to_owned(),
            severity,
            evidence: Evidence::Measured,
            title: String::new(),
            detail: String::new(),
            subject: Subject {
                kind: kind.to_owned(),
                name: "n".to_owned(),
            },
            saves_ms_per_sec: saves,
            remediation: Remediation::default(),
        };
        let mut all = [
            finding("d", None, Severity::Info),
            finding("c", None, Severity::Critical),
            finding("b", Some(1.0), Severity::Info),
            finding("a", Some(9.0), Severity::Info),
            finding("driver", None, Severity::Info),
        ];
        all.sort_by(order);
        let kinds: Vec<_> = all.iter().map(|f| f.subject.kind.as_str()).collect();
        assert_eq!(kinds, ["driver", "a", "b", "c", "d"]);
    }
}
