//! The nodes of a plan as they are reported: what each did by itself.

use crate::analyze::conclusions::PlanNode;
use crate::analyze::figures::{amount, bytes};

use super::account::{Account, Visit};
use super::text;
use super::tree::Node;

/// Bytes of a kilobyte, in which EXPLAIN gives memory and disk.
const KILOBYTE: f64 = 1024.0;

/// All nodes, in the order EXPLAIN prints.
pub(super) fn list(account: &Account<'_>) -> Vec<PlanNode> {
    let total = account.total_ms().filter(|total| *total > 0.0);
    let own = |keys: &[&str]| own_counts(account, keys);
    let hit = own(&["Shared Hit Blocks"]);
    let read = own(&["Shared Read Blocks"]);
    let temp = own(&["Temp Read Blocks", "Temp Written Blocks"]);
    // One name up to 16, one for each kind of block from 17 on.
    let io = own(&["I/O Read Time", "Shared I/O Read Time"]);
    let visits = account.visits.iter().enumerate();
    visits
        .map(|(i, visit)| {
            let (estimated, actual) = rows(visit);
            PlanNode {
                depth: visit.depth,
                parent: visit.parent,
                label: visit.node.label(),
                subplan_name: visit.node.subplan_name.clone(),
                conditions: text::conditions(visit.node),
                details: details(visit.node),
                total_cost: visit.node.total_cost,
                cost_ratio: visit.cost_ratio,
                estimated_rows: estimated,
                actual_rows: actual,
                rows_off_factor: actual.and_then(|actual| off(visit, estimated, actual)),
                loops: visit.node.actual.map(|a| a.loops),
                never_executed: visit.node.actual.is_none()
                    && visit.node.fields.contains_key("Actual Loops"),
                elapsed_ms: visit.elapsed_ms,
                own_ms: visit.own_ms,
                own_ratio: visit.own_ms.zip(total).map(|(own, total)| own / total),
                shared_hit_blocks: hit[i],
                shared_read_blocks: read[i],
                temp_blocks: temp[i],
                io_read_ms: io[i],
            }
        })
        .collect()
}

/// Expected and actual rows of all executions together.
fn rows(visit: &Visit<'_>) -> (f64, Option<f64>) {
    let actual = visit.actual_rows.map(|rows| rows * visit.executions);
    (visit.estimated_rows * visit.executions, actual)
}

/// How far off the estimate was; `None` where it is none of the node's own, or where fewer rows came because the node
/// was stopped.
fn off(visit: &Visit<'_>, estimated: f64, actual: f64) -> Option<f64> {
    let (estimated, actual) = (estimated.max(1.0), actual.max(1.0));
    let stopped = visit.may_stop_early && actual < estimated;
    let judged = visit.has_own_estimate() && !stopped;
    judged.then(|| (estimated / actual).max(actual / estimated))
}

/// What each node counted by itself under keys whose numbers hold those of everything that ran inside: blocks and
/// their times, which EXPLAIN gives for all loops and processes together. `None` where a node has none of the keys.
fn own_counts(account: &Account<'_>, keys: &[&str]) -> Vec<Option<f64>> {
    let counted = |node: &Node| {
        let found: Vec<f64> = keys.iter().filter_map(|key| node.number(key)).collect();
        (!found.is_empty()).then(|| found.iter().sum::<f64>())
    };
    let visits = &account.visits;
    let mut own: Vec<Option<f64>> = visits.iter().map(|v| counted(v.node)).collect();
    for visit in visits {
        let Some(inside) = counted(visit.node) else {
            continue;
        };
        for (user, part) in &visit.ran_in {
            if let Some(own) = &mut own[*user] {
                *own -= inside * part;
            }
        }
    }
    own.into_iter()
        .map(|own| own.map(|own| own.max(0.0)))
        .collect()
}

/// What a node tells beside its rows, time and blocks.
fn details(node: &Node) -> Vec<String> {
    let mut details = Vec::new();
    let kilobytes = |key: &str| node.number_with_workers(key).map(in_bytes);
    if let Some(method) = node.text("Sort Method") {
        let place = node.text("Sort Space Type").unwrap_or("Memory");
        let space = kilobytes("Sort Space Used").unwrap_or_default();
        details.push(format!("Sort Method: {method}  {place}: {space}"));
    }
    let removed = [
        "Rows Removed by Filter",
        "Rows Removed by Join Filter",
        "Rows Removed by Index Recheck",
    ];
    let loops = node.actual.map_or(1.0, |a| a.loops);
    for key in removed {
        if let Some(rows) = node.number(key).filter(|rows| *rows > 0.0) {
            // EXPLAIN has it per loop.
            details.push(format!("{key}: {}", amount(rows * loops)));
        }
    }
    if let Some(batches) = node.number("Hash Batches").filter(|n| *n > 1.0) {
        let memory = kilobytes("Peak Memory Usage").unwrap_or_default();
        details.push(format!(
            "Hash Batches: {}  Memory: {memory}",
            amount(batches)
        ));
    }
    if let Some(disk) = node.number_with_workers("Disk Usage").filter(|n| *n > 0.0) {
        let batches = node.number_with_workers("HashAgg Batches").unwrap_or(1.0);
        details.push(format!(
            "HashAgg Batches: {}  Disk: {}",
            amount(batches),
            in_bytes(disk)
        ));
    }
    if let Some(lossy) = node
        .number_with_workers("Lossy Heap Blocks")
        .filter(|n| *n > 0.0)
    {
        let exact = node.number_with_workers("Exact Heap Blocks").unwrap_or(0.0);
        details.push(format!(
            "Heap Blocks: exact={} lossy={}",
            amount(exact),
            amount(lossy)
        ));
    }
    if let Some(misses) = node.number_with_workers("Cache Misses") {
        let hits = node.number_with_workers("Cache Hits").unwrap_or(0.0);
        details.push(format!(
            "Hits: {}  Misses: {}",
            amount(hits),
            amount(misses)
        ));
    }
    let plain = [
        "Heap Fetches",
        "Index Searches",
        "Subplans Removed",
        "Workers Planned",
        "Workers Launched",
    ];
    for key in plain {
        if let Some(value) = node.number(key).filter(|n| *n > 0.0) {
            details.push(format!("{key}: {}", amount(value)));
        }
    }
    if let Some(launched) = node.number("Workers Launched").filter(|n| *n <= 0.0) {
        details.push(format!("Workers Launched: {launched:.0}"));
    }
    details
}

fn in_bytes(kilobytes: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a size of the server's"
    )]
    let size = (kilobytes.max(0.0) * KILOBYTE) as u64;
    bytes(size)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::analyze::plans::tree::PlanTree;

    fn of(plan: &Value) -> Vec<PlanNode> {
        let tree = PlanTree::read(&json!({ "Plan": plan })).unwrap();
        list(&Account::of(&tree))
    }

    fn node(
        kind: &str,
        rows: (f64, f64),
        loops: f64,
        extra: &Value,
        children: Vec<Value>,
    ) -> Value {
        let mut node = json!({
            "Node Type": kind, "Total Cost": 100.0, "Plan Rows": rows.0, "Plan Width": 8,
            "Actual Total Time": 2.0, "Actual Rows": rows.1, "Actual Loops": loops,
            "Parent Relationship": "Outer"
        });
        let object = node.as_object_mut().unwrap();
        object.insert("Plans".to_owned(), Value::Array(children));
        object.extend(extra.as_object().unwrap().clone());
        node
    }

    #[test]
    fn an_early_stop_is_no_error_of_the_estimate() {
        let limited = |rows: f64, came: f64| {
            let scan = node("Seq Scan", (rows, came), 1.0, &json!({}), vec![]);
            let nodes = of(&node("Limit", (3.0, 3.0), 1.0, &json!({}), vec![scan]));
            (nodes[0].rows_off_factor, nodes[1].rows_off_factor)
        };
        assert_eq!(limited(1000.0, 3.0), (None, None));
        assert_eq!(limited(10.0, 1000.0), (None, Some(100.0)));
    }

    #[test]
    fn rows_are_of_all_loops_and_own_blocks_leave_children_out() {
        let blocks =
            |hit: u64, read: u64| json!({"Shared Hit Blocks": hit, "Shared Read Blocks": read});
        let inner = node("Index Scan", (1.0, 4.0), 50.0, &blocks(150, 7), vec![]);
        let outer = node("Seq Scan", (50.0, 50.0), 1.0, &blocks(10, 3), vec![]);
        let join = node(
            "Nested Loop",
            (50.0, 200.0),
            1.0,
            &blocks(165, 10),
            vec![outer, inner],
        );
        let nodes = of(&join);
        assert_eq!(
            (nodes[2].estimated_rows, nodes[2].actual_rows),
            (50.0, Some(200.0))
        );
        assert_eq!(nodes[2].rows_off_factor, Some(4.0));
        assert_eq!(nodes[1].rows_off_factor, Some(1.0));
        let blocks: Vec<_> = nodes
            .iter()
            .map(|n| (n.shared_hit_blocks, n.shared_read_blocks))
            .collect();
        assert_eq!(
            blocks,
            [
                (Some(5.0), Some(0.0)),
                (Some(10.0), Some(3.0)),
                (Some(150.0), Some(7.0))
            ]
        );
        assert_eq!(nodes[0].io_read_ms, None, "not measured is not zero");
    }

    #[test]
    fn rows_of_a_parallel_node_are_of_all_processes() {
        let aware = json!({"Parallel Aware": true});
        let scan = node("Seq Scan", (1000.0, 800.0), 3.0, &aware, vec![]);
        let gather = node(
            "Gather",
            (2400.0, 2400.0),
            1.0,
            &json!({"Workers Planned": 2}),
            vec![scan],
        );
        let nodes = of(&gather);
        assert_eq!(
            (nodes[1].estimated_rows, nodes[1].actual_rows),
            (2400.0, Some(2400.0))
        );
    }

    #[test]
    fn a_node_that_was_not_executed_says_so_and_an_estimate_claims_nothing() {
        let never = node("Seq Scan", (5.0, 0.0), 0.0, &json!({}), vec![]);
        let nodes = of(&node("Append", (5.0, 0.0), 1.0, &json!({}), vec![never]));
        assert!(nodes[1].never_executed && nodes[1].actual_rows.is_none());
        let plain =
            json!({"Node Type": "Result", "Total Cost": 1.0, "Plan Rows": 1, "Plan Width": 4});
        let nodes = of(&plain);
        assert!(!nodes[0].never_executed && nodes[0].own_ms.is_none() && nodes[0].loops.is_none());
    }

    #[test]
    fn what_a_node_tells_is_in_words() {
        let sort = json!({"Sort Method": "external merge", "Sort Space Type": "Disk", "Sort Space Used": 4096,
            "Sort Key": ["created_at DESC", "id"], "Filter": "(a = $1)", "Rows Removed by Filter": 20});
        let nodes = of(&node("Sort", (5.0, 5.0), 3.0, &sort, vec![]));
        assert_eq!(
            nodes[0].details,
            [
                "Sort Method: external merge  Disk: 4.00 MiB",
                "Rows Removed by Filter: 60"
            ]
        );
        assert_eq!(
            nodes[0].conditions,
            ["Sort Key: created_at DESC, id", "Filter: (a = $1)"]
        );
    }
}
