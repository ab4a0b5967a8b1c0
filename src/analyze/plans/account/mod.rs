//! What each node cost by itself.
//!
//! EXPLAIN prints a node's time per loop and with its children in it. Own time is
//!
//! ```text
//! elapsed(node) = time per loop × loops ÷ processes      processes: below Gather, else 1
//! own(node)     = elapsed(node) − Σ elapsed of what ran inside it
//! ```
//!
//! What ran inside a node is its children, with three exceptions. A CTE hangs on its parent but is
//! executed by the CTE Scans, so its time is taken from them in proportion; a data-modifying CTE
//! that nothing reads runs after the tree, and adds to the total. Another `InitPlan` hangs on the
//! top of its query level but runs in the node that first needs its value, so its time is taken
//! from there. A node that never ran has no time.
//!
//! Own times are never negative, and they add up to the total: the elapsed time of the top node and
//! of what ran after it. Where nodes claim more than what holds them took (times per loop are
//! rounded to a microsecond, and a microsecond times a million loops is a second), the claims are
//! cut in proportion, and the cut is kept as [`Account::excess_ms`]. Triggers of constraints run
//! after the tree as well and are a part of the statement, not of the tree.
//!
//! Costs are shared out likewise from estimates alone: the inner side of a nested loop is paid once
//! per outer row, below a Limit only a part is paid, and no node's children are charged more than
//! the node itself. Own costs add up to the total cost.

mod costs;
mod hosts;
#[cfg(test)]
mod tests;
mod times;

use super::tree::{Node, PlanTree, Trigger};

/// A node in the order EXPLAIN prints, with what it cost.
#[derive(Debug, Clone)]
pub struct Visit<'a> {
    /// The node.
    pub node: &'a Node,
    /// Position in the order EXPLAIN prints, the top node first.
    pub position: usize,
    /// Depth below the top node.
    pub depth: usize,
    /// Position of the parent.
    pub parent: Option<usize>,
    /// Own share of the plan's total cost (0 to 1), by the planner's estimates.
    pub cost_ratio: f64,
    /// Time in this node and below it, in milliseconds of elapsed time.
    pub elapsed_ms: Option<f64>,
    /// Time in this node alone, in milliseconds of elapsed time.
    pub own_ms: Option<f64>,
    /// Estimated rows per execution of the whole query, all processes together.
    pub estimated_rows: f64,
    /// Actual rows in the same measure; `None` where the node never ran.
    pub actual_rows: Option<f64>,
    /// How often the rows above came: loops, of which those of parallel processes on one part each are one. 1 for a
    /// node that was not executed.
    pub executions: f64,
    /// The nodes in which it ran, with the share of it in each: its parent, the scans of a CTE, or the node that
    /// needed the value of an `InitPlan`. Empty for the top node.
    pub ran_in: Vec<(usize, f64)>,
    /// Something above may stop the node before it is finished, so an estimate may be too high
    /// without being wrong.
    pub may_stop_early: bool,
    /// Processes that share the work of the node: below Gather those that took part, else 1.
    pub processes: f64,
}

impl Visit<'_> {
    /// The number of rows is an estimate of the node's own: a Limit has that of its count, and the nodes of a bitmap
    /// count none.
    #[must_use]
    pub fn has_own_estimate(&self) -> bool {
        !matches!(
            self.node.node_type.as_str(),
            "ModifyTable"
                | "BitmapAnd"
                | "BitmapOr"
                | "Bitmap Index Scan"
                | "WorkTable Scan"
                | "Limit"
        )
    }
}

/// All nodes of a plan.
#[derive(Debug, Clone)]
pub struct Account<'a> {
    /// In the order EXPLAIN prints; the top node first.
    pub visits: Vec<Visit<'a>>,
    /// Time of data-modifying CTEs after the top node had ended, in milliseconds.
    pub after_ms: f64,
    /// Time of triggers after the tree had ended, in milliseconds.
    pub trigger_ms: f64,
    /// Time that nodes claim beyond what holds them, by rounding; it is in no own time.
    pub excess_ms: f64,
}

/// What a node inherits on the way down.
#[derive(Clone, Copy)]
struct Above {
    parent: Option<usize>,
    depth: usize,
    /// Processes that execute the node.
    processes: f64,
    /// Estimates of partial nodes are divided by this.
    divisor: f64,
    /// Each process sees a part of the rows.
    partial: bool,
    may_stop_early: bool,
}

impl<'a> Account<'a> {
    /// Accounts for every node of a plan.
    #[must_use]
    pub fn of(tree: &'a PlanTree) -> Self {
        let mut visits = Vec::new();
        let above = Above {
            parent: None,
            depth: 0,
            processes: 1.0,
            divisor: 1.0,
            partial: false,
            may_stop_early: false,
        };
        visit(&tree.root, above, &mut visits);
        stop_ctes_early(&mut visits);
        let times = times::share_times(&mut visits);
        costs::share_costs(&mut visits);
        let mut account = Self {
            visits,
            after_ms: times.after_ms,
            trigger_ms: 0.0,
            excess_ms: times.excess_ms,
        };
        account.trigger_ms = account.triggers_after(tree);
        account
    }

    /// Elapsed time of the top node and of what ran after it, in milliseconds; own times add up to
    /// it.
    #[must_use]
    pub fn total_ms(&self) -> Option<f64> {
        Some(self.visits.first()?.elapsed_ms? + self.after_ms)
    }

    /// The same and the triggers after it: what the statement took, without planning and without
    /// the start and end of the executor.
    #[must_use]
    pub fn statement_ms(&self) -> Option<f64> {
        Some(self.total_ms()? + self.trigger_ms)
    }

    /// A visit and all below it.
    #[must_use]
    pub fn subtree(&self, top: usize) -> &[Visit<'a>] {
        &self.visits[top..end_of(&self.visits, top)]
    }

    /// Triggers of constraints run after the tree. For others EXPLAIN does not say: those that run
    /// before a row are inside `ModifyTable`, which shows as their time not fitting beside the tree.
    fn triggers_after(&self, tree: &PlanTree) -> f64 {
        let key = |t: &&Trigger| t.constraint.is_some();
        let mut after: f64 = tree.triggers.iter().filter(key).map(|t| t.time_ms).sum();
        let others = tree.triggers.iter().filter(|t| !key(t));
        let mut others: Vec<f64> = others.map(|t| t.time_ms).collect();
        others.sort_by(|a, b| b.total_cmp(a));
        let total = self.total_ms().unwrap_or(0.0);
        for time in others {
            if tree
                .execution_ms
                .is_none_or(|execution| total + after + time <= execution)
            {
                after += time;
            }
        }
        after
    }
}

/// The position after the last node below `top`.
fn end_of(visits: &[Visit<'_>], top: usize) -> usize {
    let below = visits[top + 1..].iter();
    top + 1 + below.take_while(|v| v.depth > visits[top].depth).count()
}

fn visit<'a>(node: &'a Node, above: Above, visits: &mut Vec<Visit<'a>>) {
    let scale = |partial: f64| if above.partial { partial } else { 1.0 };
    let position = visits.len();
    visits.push(Visit {
        node,
        position,
        depth: above.depth,
        parent: above.parent,
        cost_ratio: 0.0,
        elapsed_ms: elapsed(node, above.processes),
        own_ms: None,
        estimated_rows: node.plan_rows * scale(above.divisor),
        actual_rows: node.actual.map(|a| a.rows * scale(above.processes)),
        executions: node
            .actual
            .map_or(1.0, |a| a.loops / scale(above.processes)),
        ran_in: above
            .parent
            .map(|parent| (parent, 1.0))
            .into_iter()
            .collect(),
        may_stop_early: above.may_stop_early,
        processes: above.processes,
    });
    for child in &node.children {
        visit(child, below(node, child, above, position), visits);
    }
}

/// A node that never ran took no time; without TIMING the time is not known.
fn elapsed(node: &Node, processes: f64) -> Option<f64> {
    match node.actual {
        Some(actual) => actual.time_ms.map(|t| t * actual.loops / processes),
        None => node.fields.contains_key("Actual Loops").then_some(0.0),
    }
}

fn below(node: &Node, child: &Node, above: Above, position: usize) -> Above {
    let mut below = Above {
        parent: Some(position),
        depth: above.depth + 1,
        may_stop_early: may_stop_early(node, child, above.may_stop_early),
        ..above
    };
    let inside = !child.is_init_plan() && !child.is_sub_plan();
    if node.is_gather() && inside {
        let workers = node.number("Workers Planned").unwrap_or(0.0);
        below.divisor = workers + (1.0 - 0.3 * workers).max(0.0);
        below.processes = processes_below(node, child);
        below.partial = node.fields.get("Single Copy") != Some(&serde_json::Value::Bool(true));
    } else if above.partial {
        below.partial = is_partial(child);
    }
    below
}

/// Each process sees a part of the rows: the outer side of a partial node; an inner side only if it
/// is built together; a member of an Append only if its own scan is shared, since the others are
/// executed by one process each.
fn is_partial(child: &Node) -> bool {
    let together = child.fields.get("Parallel Aware") == Some(&serde_json::Value::Bool(true));
    match child.relationship.as_deref() {
        Some("Outer" | "Subquery") => true,
        Some("Member") => {
            together
                || child
                    .children
                    .iter()
                    .any(|c| !c.is_init_plan() && is_shared(c))
        }
        _ => together,
    }
}

fn is_shared(node: &Node) -> bool {
    node.fields.get("Parallel Aware") == Some(&serde_json::Value::Bool(true))
        || node.children.iter().any(is_shared)
}

/// The loops below Gather are the processes that took part, the leader among them if it did.
fn processes_below(gather: &Node, child: &Node) -> f64 {
    match (gather.actual, child.actual) {
        (Some(gather), Some(child)) => (child.loops / gather.loops).max(1.0),
        _ => 1.0,
    }
}

fn may_stop_early(node: &Node, child: &Node, inherited: bool) -> bool {
    if child.is_init_plan() || child.is_sub_plan() {
        // EXISTS and IN stop at the first row that decides; what reads a CTE is looked at later.
        return child.cte().is_none();
    }
    let side = child.relationship.as_deref();
    let semi = matches!(node.text("Join Type"), Some("Semi" | "Anti"));
    match node.node_type.as_str() {
        "Limit" | "Merge Join" => true,
        // One half without rows ends a hash join before the other is read.
        "Hash Join" if side == Some("Outer") => inherited || is_empty(node.child("Inner")),
        "Nested Loop" if side == Some("Inner") => {
            let unique = node.fields.get("Inner Unique") == Some(&serde_json::Value::Bool(true));
            inherited || semi || unique
        }
        // These read their input to the end whatever stands above.
        "Sort" | "Hash" | "ModifyTable" => false,
        "Aggregate" => inherited && node.text("Strategy") == Some("Sorted"),
        _ => inherited || (semi && side == Some("Inner")),
    }
}

fn is_empty(node: Option<&Node>) -> bool {
    node.and_then(|n| n.actual).is_some_and(|a| a.rows == 0.0)
}

/// A CTE stops early if any of its scans does.
fn stop_ctes_early(visits: &mut [Visit<'_>]) {
    for i in 0..visits.len() {
        let Some(cte) = visits[i].node.cte() else {
            continue;
        };
        let mut scans = visits.iter();
        let stops = scans.any(|v| v.may_stop_early && v.node.text("CTE Name") == Some(cte));
        if stops {
            let end = end_of(visits, i);
            visits[i..end]
                .iter_mut()
                .for_each(|v| v.may_stop_early = true);
        }
    }
}
