//! A plan as text: one line per node, indented by depth.

use super::account::{Account, Visit};
use super::tree::Node;

/// Expressions of a node that explain its cost, in the order EXPLAIN prints them.
const CONDITIONS: &[&str] = &[
    "Index Cond",
    "Recheck Cond",
    "Hash Cond",
    "Merge Cond",
    "Join Filter",
    "One-Time Filter",
    "Filter",
];

/// One line per node: what it is, what it was expected to return, what it did, and its conditions.
pub(super) fn render(account: &Account<'_>) -> String {
    let lines: Vec<String> = account.visits.iter().map(line).collect();
    lines.join("\n")
}

fn line(visit: &Visit<'_>) -> String {
    let mut facts = vec![
        format!("cost {:.0}", visit.node.total_cost),
        format!("rows {:.0}", visit.estimated_rows),
    ];
    if let (Some(rows), Some(actual)) = (visit.actual_rows, visit.node.actual) {
        facts.push(format!("actual {rows:.0}"));
        if actual.loops > 1.0 {
            facts.push(format!("loops {:.0}", actual.loops));
        }
    } else if visit.node.fields.contains_key("Actual Loops") {
        facts.push("never executed".to_owned());
    }
    if let Some(own) = visit.own_ms {
        facts.push(format!("own {own:.2} ms"));
    }
    let conditions: String = conditions(visit.node)
        .iter()
        .flat_map(|condition| ["  ", condition])
        .collect();
    let line = format!(
        "{}{}  ({}){conditions}",
        "  ".repeat(visit.depth),
        visit.node.label(),
        facts.join(", ")
    );
    line.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// What a node looks for or sorts by, such as `Filter: (status = $1)`.
pub(super) fn conditions(node: &Node) -> Vec<String> {
    let list = |key: &str| {
        let keys = node.fields.get(key)?.as_array()?;
        let keys: Vec<&str> = keys.iter().filter_map(|k| k.as_str()).collect();
        (!keys.is_empty()).then(|| format!("{key}: {}", keys.join(", ")))
    };
    let conditions = CONDITIONS.iter().filter_map(|key| {
        let text = node.text(key)?;
        Some(format!("{key}: {text}"))
    });
    list("Sort Key").into_iter().chain(conditions).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::analyze::plans::tree::PlanTree;

    #[test]
    fn a_node_is_a_line_without_control_characters() {
        let plan = json!({"Plan": {
            "Node Type": "Limit", "Total Cost": 12.3, "Plan Rows": 5, "Plan Width": 8,
            "Actual Rows": 5, "Actual Loops": 1, "Actual Total Time": 3.25,
            "Plans": [{
                "Node Type": "Seq Scan", "Relation Name": "ta\u{1b}[31msks", "Total Cost": 1200.0,
                "Plan Rows": 50, "Plan Width": 8, "Filter": "(a =\n $1)",
                "Actual Rows": 4, "Actual Loops": 2, "Actual Total Time": 1.5
            }]
        }});
        let tree = PlanTree::read(&plan).unwrap();
        assert_eq!(
            render(&Account::of(&tree)),
            "Limit  (cost 12, rows 5, actual 5, own 0.25 ms)\n  Seq Scan on ta[31msks  \
             (cost 1200, rows 50, actual 4, loops 2, own 3.00 ms)  Filter: (a =  $1)"
        );
    }
}
