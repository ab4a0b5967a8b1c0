//! Statements that somebody asked about, without a window: what their plans say.

use super::conclude::{coverage_row, run_info, server_info};
use super::conclusions::{Conclusions, ExplainedStatement, LoggedPlans, SCHEMA_VERSION};
use super::plans;
use crate::record::Run;
use crate::record::plan::{ExplainedPlan, LoggedExecutions};

/// Concludes the plans of `asked`, in their order. Of the run only the server, its settings and the facts of its
/// tables and indexes are needed; all of them may be absent.
#[must_use]
pub fn explained(run: &Run, asked: &[ExplainedPlan]) -> Conclusions {
    Conclusions {
        schema_version: SCHEMA_VERSION,
        run: run_info(run),
        server: run.server.as_ref().map(server_info),
        coverage: run.coverage.iter().map(coverage_row).collect(),
        explained: Some(asked.iter().map(|plan| statement(run, plan)).collect()),
        ..Conclusions::empty()
    }
}

fn statement(run: &Run, asked: &ExplainedPlan) -> ExplainedStatement {
    ExplainedStatement {
        source: asked.source.clone(),
        query_id: asked.query_id.map(|id| id.to_string()),
        fingerprint: asked.fingerprint.clone(),
        query: asked.text.clone(),
        parameter_types: asked.parameter_types.clone(),
        logged: asked.logged.as_ref().map(logged),
        plan: plans::read(asked.mode, asked.plan.as_ref(), asked.error.as_ref(), run),
        notes: asked.notes.clone(),
    }
}

fn logged(executions: &LoggedExecutions) -> LoggedPlans {
    LoggedPlans {
        count: executions.count,
        total_ms: executions.total.0,
        max_ms: executions.longest.0,
        slowest_at: executions.longest_at.map(|at| at.to_string()),
        databases: executions.databases.iter().cloned().collect(),
        shapes: executions.shapes,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::analyze::fixture;
    use crate::record::QueryId;
    use crate::record::plan::PlanMode;

    #[test]
    fn a_statement_without_a_window_claims_no_counter() {
        let asked = ExplainedPlan {
            source: None,
            query_id: Some(QueryId(-7)),
            fingerprint: None,
            text: Some("SELECT 1".to_owned()),
            parameter_types: Vec::new(),
            logged: None,
            mode: PlanMode::Custom,
            plan: Some(
                json!({"Plan": {"Node Type": "Result", "Total Cost": 0.01, "Plan Rows": 1, "Plan Width": 4}}),
            ),
            error: None,
            notes: Vec::new(),
        };
        let conclusions = explained(&fixture::run(), &[asked]);
        let json = serde_json::to_value(&conclusions).unwrap();
        let statement = &json["statements"][0];
        assert_eq!(statement["query_id"], "-7");
        assert_eq!(statement["plan"]["nodes"][0]["label"], "Result");
        assert!(statement.get("calls").is_none() && json.get("findings").is_none());
    }
}
