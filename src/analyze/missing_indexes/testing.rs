//! A run whose planner was asked about the table `tasks`, and a planner that knows its answers.

use serde_json::{Value, json};

use crate::analyze::fixture::{delta, statement_window};
use crate::record::plan::{PlanMode, PlanRecord};
use crate::record::what_if::{ColumnStats, Trial, TriedIndex, WhatIf, WhatIfMethod};
use crate::record::{Bytes, QueryId, Run};

use super::Questions;

/// What every statement costs without an index.
pub(super) const WITHOUT: f64 = 2_000.0;

/// A plan that reads all of `tasks` under a condition and keeps so many rows.
pub(super) fn scan(id: i64, filter: Option<&str>, rows: f64) -> PlanRecord {
    let mut node = json!({
        "Node Type": "Seq Scan", "Schema": "public", "Relation Name": "tasks", "Alias": "tasks",
        "Output": ["id"], "Total Cost": WITHOUT, "Plan Rows": rows, "Plan Width": 4,
    });
    if let Some(filter) = filter {
        node["Filter"] = Value::from(filter);
    }
    PlanRecord {
        query_id: QueryId(id),
        mode: PlanMode::Generic,
        plan: Some(json!({"Plan": node})),
        error: None,
    }
}

/// What the planner knows of a column of `tasks`: that many different values, and no page that is visible to all.
pub(super) fn column(name: &str, n_distinct: f32) -> ColumnStats {
    ColumnStats {
        attrelid: 1,
        attname: name.to_owned(),
        attnum: 0,
        attlen: None,
        attalign: None,
        bytewise: None,
        relallvisible: 0,
        n_distinct: Some(n_distinct),
        null_frac: Some(0.0),
        avg_width: Some(4),
    }
}

/// The question, before the planner was asked. Each statement took six seconds of the run's minute.
pub(super) fn question(run: &mut Run, statements: Vec<PlanRecord>) -> WhatIf {
    let deltas = statements.iter().map(|s| delta(s.query_id.0, 100, 6_000.0));
    run.statements = Some(statement_window(deltas.collect()));
    WhatIf {
        method: WhatIfMethod::Hypopg("1.4.1".to_owned()),
        statements,
        columns: vec![column("a", 100.0), column("b", 1_000.0)],
        indexes: Vec::new(),
        trials: Vec::new(),
        max_bytes: None,
        cut_short: None,
    }
}

/// Asks a planner that takes the cheapest index by definition for each statement, until nothing is left to ask. What
/// `refused` names cannot be created.
pub(super) fn ask(
    run: &Run,
    mut what_if: WhatIf,
    costs: &[(i64, &str, f64)],
    refused: &str,
) -> WhatIf {
    let open = what_if.clone();
    let mut questions = Questions::of(run, &open);
    let definitions = questions.definitions();
    let tried = definitions.iter().map(|definition| TriedIndex {
        definition: definition.clone(),
        size_bytes: Some(Bytes(100 * 8192)),
        refused: (definition == refused).then(|| "no".to_owned()),
    });
    what_if.indexes = tried.collect();
    questions.tried(&what_if.indexes);
    for _ in 0..1_000 {
        let asks = questions.next();
        if asks.is_empty() {
            return what_if;
        }
        for ask in asks {
            let there = ask.indexes.iter().flat_map(|i| {
                let known = costs.iter().filter(|(id, ..)| *id == ask.query_id.0);
                let same = known.filter(|(_, definition, _)| *definition == definitions[*i]);
                same.map(|(.., cost)| (*i, *cost))
            });
            let best = there.min_by(|a, b| a.1.total_cmp(&b.1));
            let trial = Trial {
                query_id: ask.query_id,
                indexes: ask.indexes.clone(),
                total_cost: best.map_or(WITHOUT, |(_, cost)| cost),
                page_cost: None,
                used: best.map(|(i, _)| i).into_iter().collect(),
            };
            questions.answered(&trial);
            what_if.trials.push(trial);
        }
    }
    panic!("it asks without end");
}
