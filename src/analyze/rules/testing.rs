//! Helpers of the rules' tests. They refuse vague ones: a finding is looked at as a whole.

use crate::analyze::conclusions::{
    Conclusions, DatabaseTime, Finding, Pool, RunInfo, SCHEMA_VERSION, Statement, Summary,
    WaitShare,
};
use crate::analyze::{fixture, missing_indexes, statements};
use crate::record::Run;
use crate::record::statements::StatementDelta;

use super::{Facts, Outcome, Rule};

/// A run with its conclusions.
pub(super) struct Case {
    pub(super) run: Run,
    pub(super) conclusions: Conclusions,
}

impl Case {
    /// Nothing was read.
    pub(super) fn new() -> Self {
        Self::of(fixture::run())
    }

    /// A run with what statements and missing indexes conclude from it.
    pub(super) fn of(run: Run) -> Self {
        let mut case = Self {
            conclusions: empty(&run),
            run,
        };
        case.conclude();
        case
    }

    /// Concludes again after the run was changed.
    pub(super) fn conclude(&mut self) {
        let (list, coverage) = statements::conclude(&self.run);
        let known: &[Statement] = list.as_deref().unwrap_or_default();
        self.conclusions.missing_indexes = missing_indexes::conclude(&self.run, known);
        self.conclusions.statements = list;
        self.conclusions.statements_coverage = coverage;
    }

    /// A window of 60 s with these statements.
    pub(super) fn with_statements(deltas: Vec<StatementDelta>) -> Self {
        let mut run = fixture::run();
        run.statements = Some(fixture::statement_window(deltas));
        Self::of(run)
    }

    pub(super) fn facts(&self) -> Facts<'_> {
        Facts::new(&self.run, &self.conclusions)
    }

    pub(super) fn outcomes(&self, rule: &Rule) -> Vec<Outcome> {
        rule.evaluate(&self.facts())
    }

    /// All findings of a rule, each checked for form.
    pub(super) fn fired(&self, rule: &Rule) -> Vec<Finding> {
        let outcomes = self.outcomes(rule).into_iter();
        let fired = outcomes.filter_map(|outcome| match outcome {
            Outcome::Fired(finding) => Some(finding),
            _ => None,
        });
        let fired: Vec<Finding> = fired.collect();
        for finding in &fired {
            assert_eq!(finding.rule, rule.id);
            assert!(!finding.title.is_empty() && !finding.title.contains('\n'));
            assert!(
                finding.detail.contains("Window: 60 s"),
                "{}",
                finding.detail
            );
            assert!(!finding.subject.kind.is_empty() && !finding.subject.name.is_empty());
            let remedy = &finding.remediation;
            assert!(
                remedy.sql.is_some() || remedy.note.is_some(),
                "no cure is offered"
            );
        }
        fired
    }

    /// The one finding of a rule.
    pub(super) fn the_finding(&self, rule: &Rule) -> Finding {
        let mut fired = self.fired(rule);
        assert_eq!(fired.len(), 1, "{:?}", self.outcomes(rule));
        fired.remove(0)
    }

    /// The facts are there and nothing is wrong.
    #[track_caller]
    pub(super) fn assert_quiet(&self, rule: &Rule) {
        let outcomes = self.outcomes(rule);
        assert!(
            outcomes.iter().all(|o| *o == Outcome::Quiet),
            "{outcomes:?}"
        );
    }

    /// The reason why the rule could not be decided.
    #[track_caller]
    pub(super) fn missing_fact(&self, rule: &Rule) -> String {
        let outcomes = self.outcomes(rule);
        let [Outcome::NotEvaluated(reason)] = outcomes.as_slice() else {
            panic!("expected NotEvaluated, got {outcomes:?}");
        };
        reason.clone()
    }

    /// The reason why the rule was suppressed.
    #[track_caller]
    pub(super) fn suppressed(&self, rule: &Rule) -> String {
        let outcomes = self.outcomes(rule);
        let found = outcomes.iter().find_map(|outcome| match outcome {
            Outcome::Suppressed(reason) => Some(reason.clone()),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("expected Suppressed, got {outcomes:?}"))
    }
}

fn empty(run: &Run) -> Conclusions {
    Conclusions {
        schema_version: SCHEMA_VERSION,
        run: RunInfo {
            run_id: run.meta.run_id.clone(),
            started_at: run.meta.started_at.to_string(),
            ended_at: run.meta.ended_at.to_string(),
            window_ms: run.meta.window.0,
            since: None,
            dbperf_version: String::new(),
            command: String::new(),
            interrupted: false,
            lab: run.meta.lab,
            load_command: None,
        },
        server: None,
        coverage: Vec::new(),
        disturbances: Vec::new(),
        overhead: None,
        database_time: None,
        breakdown: None,
        statements: None,
        statement_leaders: Vec::new(),
        explained: None,
        statements_coverage: None,
        indexes: None,
        missing_indexes: None,
        proofs: None,
        table_advice: None,
        pool: None,
        replication: None,
        health: None,
        capture: None,
        seed: None,
        fidelity: None,
        load: None,
        traces: Vec::new(),
        pages: Vec::new(),
        findings: None,
        not_evaluated: None,
        sla: None,
        checklist: None,
    }
}

/// 600 samples with these waits: class, event (empty for none), share, error.
pub(super) fn database_time(aas: f64, waits: &[(&str, &str, f64, f64)]) -> DatabaseTime {
    let wait = |(class, event, share, error): &(&str, &str, f64, f64)| WaitShare {
        wait_class: (*class).to_owned(),
        wait_event: (!event.is_empty()).then(|| (*event).to_owned()),
        share_ratio: *share,
        share_error_ratio: *error,
        backend_sec: share * aas * 60.0,
    };
    DatabaseTime {
        samples: 600,
        average_active_sessions: aas,
        busy_connections: aas,
        by_wait_class: waits.iter().map(wait).collect(),
    }
}

/// A pool section without anything in it.
pub(super) fn pool() -> Pool {
    Pool {
        observed: None,
        replay: None,
        recommendation: None,
        no_recommendation: None,
        pgbouncer: None,
        sweep: Vec::new(),
        scaling: None,
        comparison: None,
    }
}

/// A summary with every quantile at `ms`.
pub(super) fn summary(count: u64, ms: f64) -> Summary {
    Summary {
        count,
        mean: ms,
        p50: ms,
        p95: ms,
        p99: ms,
        p999: ms,
        max: ms,
    }
}

/// A client session in a state.
pub(super) fn session(pid: i32, state: &str) -> crate::record::activity::SessionSample {
    crate::record::activity::SessionSample {
        pid,
        leader_pid: None,
        datname: Some("app".to_owned()),
        usename: Some("app".to_owned()),
        application_name: "web".to_owned(),
        backend_type: "client backend".to_owned(),
        state: Some(state.to_owned()),
        wait_event_type: None,
        wait_event: None,
        query_id: None,
        query_start: None,
        xact_start: None,
        state_change: None,
        blocked_by: Vec::new(),
        tags: std::collections::BTreeMap::new(),
        text: None,
    }
}

/// A replay with a pool of 4 (6000 acquires, waits of 9 ms, leases of 20 ms) and a recommendation
/// of 8 with this verdict.
pub(super) fn pool_case(verdict: &str) -> Case {
    use crate::analyze::conclusions::{Evidence, Expected, Recommendation, ReplayPool};
    let mut case = Case::new();
    let mut pool = pool();
    pool.replay = Some(ReplayPool {
        pool: "replay".to_owned(),
        pool_size: 4,
        clients: 16,
        acquires: 6_000,
        immediate: 1_000,
        waited: 5_000,
        timed_out: 0,
        cancelled: 0,
        failed: 0,
        permit_wait_ms: Some(summary(6_000, 9.0)),
        connect_ms: None,
        recycle_ms: None,
        lease_ms: Some(summary(6_000, 20.0)),
        held_idle_ratio: Some(0.1),
        utilisation_ratio: Some(0.99),
    });
    pool.recommendation = Some(Recommendation {
        pool_size: 8,
        pool_size_low: None,
        pool_size_high: None,
        instances: 1,
        connections_total: 8,
        evidence: Evidence::Estimated,
        target: "wait p95 < 1 ms".to_owned(),
        expected: Expected {
            throughput_per_sec: None,
            p99_ms: None,
            wait_p99_ms: None,
        },
        verified: None,
        verdict: verdict.to_owned(),
        reasons: vec!["because of the numbers".to_owned()],
        fleet: None,
        pooler: None,
        settings: Vec::new(),
        no_settings: None,
    });
    case.conclusions.pool = Some(pool);
    case
}

/// One standby, `s1`, 80 MiB behind, with this verdict; no slots were read.
pub(super) fn replication_case(verdict: crate::analyze::conclusions::StandbyVerdict) -> Case {
    use crate::analyze::conclusions::{Basis, Lag, Replication, StandbyState};
    let mut case = Case::new();
    case.run.replication = Some(crate::record::replication::ReplicationWindow::default());
    case.conclusions.replication = Some(Replication {
        standbys: vec![StandbyState {
            name: "s1".to_owned(),
            state: None,
            verdict,
            basis: Basis::Measured,
            lag_ms: Lag::default(),
            lag_bytes: Some(80 << 20),
            catch_up_sec: None,
            note: None,
        }],
        slots: Vec::new(),
    });
    case
}
