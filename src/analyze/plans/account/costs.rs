//! Costs: every node charged with its own part of the plan's estimated cost.

use super::Visit;
use crate::analyze::plans::tree::Node;

/// Charges every node with its own cost: what it pays minus what its children are paid.
pub(super) fn share_costs(visits: &mut [Visit<'_>]) {
    let total = visits.first().map_or(0.0, |v| v.node.total_cost);
    if total <= 0.0 {
        return;
    }
    let mut paid = vec![0.0; visits.len()];
    paid[0] = total;
    for i in 0..visits.len() {
        let children: Vec<usize> = (i + 1..visits.len())
            .take_while(|c| visits[*c].depth > visits[i].depth)
            .filter(|c| visits[*c].parent == Some(i))
            .collect();
        let node = visits[i].node;
        let executions = if node.total_cost > 0.0 {
            paid[i] / node.total_cost
        } else {
            1.0
        };
        for &child in &children {
            paid[child] = executions * price(node, visits[child].node);
        }
        let sum: f64 = children.iter().map(|c| paid[*c]).sum();
        if sum > paid[i] {
            for &child in &children {
                paid[child] *= paid[i] / sum;
            }
        }
        let children: f64 = children.iter().map(|c| paid[*c]).sum();
        visits[i].cost_ratio = ((paid[i] - children) / total).clamp(0.0, 1.0);
    }
}

/// What one execution of `parent` pays for `child`.
fn price(parent: &Node, child: &Node) -> f64 {
    let inner = child.relationship.as_deref() == Some("Inner");
    let outer_rows = parent
        .children
        .iter()
        .find(|c| c.relationship.as_deref() == Some("Outer"))
        .map_or(1.0, |outer| outer.plan_rows.max(1.0));
    match parent.node_type.as_str() {
        // Materialize and Memoize keep what they read; the rescans are the join's own cost.
        "Nested Loop"
            if inner && !matches!(child.node_type.as_str(), "Materialize" | "Memoize") =>
        {
            child.total_cost * outer_rows
        }
        "Limit" => child.total_cost.min(parent.total_cost),
        _ => child.total_cost,
    }
}
