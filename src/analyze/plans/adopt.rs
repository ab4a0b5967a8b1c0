//! Which statement of a run a plan from a log is of.

use crate::record::plan::{ExplainedPlan, PlanRecord};
use crate::record::statements::{StatementDelta, StatementWindow};
use crate::record::{QueryId, Run};

/// What became of the plans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Statements of the run that got a plan.
    pub statements: u64,
    /// Executions that the logs have of them; one for a plan that is no log's.
    pub executions: u64,
    /// Plans of statements that did not run in the window, or not in this database.
    pub others: u64,
}

/// Adds the plans of a log to the statements of a run: by the id that the plan tells, else by the parse tree. Of one
/// statement the first plan is taken; a log's plans begin with the slowest.
pub fn adopt(run: &mut Run, plans: Vec<ExplainedPlan>) -> Adopted {
    let mut adopted = Adopted::default();
    let mut records: Vec<PlanRecord> = Vec::new();
    for given in plans {
        let Some(query_id) = statement_of(run, &given) else {
            adopted.others += 1;
            continue;
        };
        adopted.executions += given.logged.as_ref().map_or(1, |logged| logged.count);
        if records.iter().all(|record| record.query_id != query_id) {
            adopted.statements += 1;
            records.push(PlanRecord {
                query_id,
                mode: given.mode,
                plan: given.plan,
                error: None,
            });
        }
    }
    run.plans.extend(records);
    adopted
}

/// The statement of the window that it is a plan of. A log may hold those of other databases.
fn statement_of(run: &Run, given: &ExplainedPlan) -> Option<QueryId> {
    let (server, window) = (run.server.as_ref()?, run.statements.as_ref()?);
    let databases = given.logged.as_ref().map(|logged| &logged.databases);
    let elsewhere = databases.is_some_and(|d| !d.is_empty() && !d.contains(&server.database));
    if elsewhere {
        return None;
    }
    let here = |delta: &&StatementDelta| delta.key.dbid == server.database_oid;
    let by_id = window
        .deltas
        .iter()
        .filter(here)
        .find(|delta| Some(delta.key.queryid) == given.query_id);
    let by_tree = || {
        let same = window.deltas.iter().filter(here);
        let same = same.filter(|delta| is_tree_of(window, delta, given.fingerprint.as_deref()));
        // Of several ids of one statement that with the most time is told.
        same.max_by(|a, b| {
            let times = (a.counters.total_exec_time.0, b.counters.total_exec_time.0);
            times.0.total_cmp(&times.1)
        })
    };
    by_id.or_else(by_tree).map(|delta| delta.key.queryid)
}

fn is_tree_of(window: &StatementWindow, delta: &StatementDelta, fingerprint: Option<&str>) -> bool {
    let text = window.texts.get(&delta.key.queryid.0);
    let known = text.and_then(|text| text.fingerprint.as_deref());
    known.is_some() && known == fingerprint
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::analyze::fixture::{delta, run, statement_window};
    use crate::record::Millis;
    use crate::record::plan::{LoggedExecutions, PlanMode};

    fn given(query_id: Option<i64>, fingerprint: &str, database: &str) -> ExplainedPlan {
        ExplainedPlan {
            source: None,
            query_id: query_id.map(QueryId),
            fingerprint: Some(fingerprint.to_owned()),
            text: None,
            parameter_types: Vec::new(),
            logged: Some(LoggedExecutions {
                count: 3,
                total: Millis(30.0),
                databases: BTreeSet::from([database.to_owned()]),
                ..LoggedExecutions::default()
            }),
            mode: PlanMode::Analyzed,
            plan: Some(json!({"Plan": {}})),
            error: None,
            notes: Vec::new(),
        }
    }

    /// Two ids of the tree `a`, the second with more time, and one of the tree `b` elsewhere.
    fn watched() -> Run {
        let mut run = run();
        let mut elsewhere = delta(3, 10, 900.0);
        elsewhere.key.dbid = 6;
        let deltas = vec![delta(1, 10, 100.0), delta(2, 10, 200.0), elsewhere];
        let mut window = statement_window(deltas);
        for (id, tree) in [(1, "a"), (2, "a"), (3, "b")] {
            window.texts.get_mut(&id).unwrap().fingerprint = Some(tree.to_owned());
        }
        run.statements = Some(window);
        run
    }

    fn database() -> String {
        watched().server.unwrap().database
    }

    #[test]
    fn the_id_says_which_statement_it_is_and_else_the_tree() {
        let mut run = watched();
        let by_tree = given(None, "a", &database());
        let by_id = given(Some(1), "a", &database());
        let adopted = adopt(&mut run, vec![by_tree, by_id]);
        let expected = Adopted {
            statements: 2,
            executions: 6,
            others: 0,
        };
        assert_eq!(adopted, expected);
        let ids: Vec<i64> = run.plans.iter().map(|p| p.query_id.0).collect();
        assert_eq!(ids, [2, 1]);
    }

    #[test]
    fn of_one_statement_the_first_is_taken() {
        let mut run = watched();
        let mut slower = given(Some(1), "a", &database());
        slower.plan = Some(json!({"Plan": {"slowest": true}}));
        let adopted = adopt(
            &mut run,
            vec![slower.clone(), given(Some(1), "a", &database())],
        );
        assert_eq!((adopted.statements, adopted.executions), (1, 6));
        assert_eq!(run.plans[0].plan, slower.plan);
    }

    #[test]
    fn what_ran_elsewhere_or_is_unknown_is_counted_and_left_out() {
        let mut run = watched();
        let others = [
            given(Some(1), "a", "another"),
            given(Some(9), "c", &database()),
            given(Some(3), "b", &database()),
        ];
        let adopted = adopt(&mut run, others.to_vec());
        assert_eq!((adopted.statements, adopted.others), (0, 3));
        assert!(run.plans.is_empty());
        run.statements = None;
        let adopted = adopt(&mut run, vec![given(Some(1), "a", &database())]);
        assert_eq!(adopted.others, 1);
    }
}
