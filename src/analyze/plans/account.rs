//! What each node cost by itself.
//!
//! EXPLAIN prints a node's time per loop and with its children in it. Own time is
//!
//! ```text
//! elapsed(node) = time per loop × loops ÷ processes      processes: below Gather, else 1
//! own(node)     = elapsed(node) − Σ elapsed of what ran inside it, at least 0
//! ```
//!
//! What ran inside a node is its children, with three exceptions. A CTE hangs on its parent but is
//! executed by the CTE Scans, so its time is taken from them in proportion. Another `InitPlan` hangs
//! on the top of its query level but runs in the node that first needs its value, so its time is
//! taken from there. A node that never ran has no time. Own times add up to the elapsed time of the
//! top node; a property test holds it.
//!
//! Costs are shared out likewise from estimates alone: the inner side of a nested loop is paid once
//! per outer row, below a Limit only a part is paid, and no node's children are charged more than
//! the node itself. Own costs add up to the total cost.

use super::tree::{Node, PlanTree};

/// A node in the order EXPLAIN prints, with what it cost.
#[derive(Debug, Clone)]
pub struct Visit<'a> {
    /// The node.
    pub node: &'a Node,
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
    /// Something above may stop the node before it is finished, so an estimate may be too high
    /// without being wrong.
    pub may_stop_early: bool,
}

/// All nodes of a plan.
#[derive(Debug, Clone)]
pub struct Account<'a> {
    /// In the order EXPLAIN prints; the top node first.
    pub visits: Vec<Visit<'a>>,
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
        subtract_inside(&mut visits);
        share_costs(&mut visits);
        Self { visits }
    }

    /// Elapsed time of the top node in milliseconds.
    #[must_use]
    pub fn total_ms(&self) -> Option<f64> {
        self.visits.first()?.elapsed_ms
    }
}

fn visit<'a>(node: &'a Node, above: Above, visits: &mut Vec<Visit<'a>>) {
    let scale = |partial: f64| if above.partial { partial } else { 1.0 };
    let position = visits.len();
    visits.push(Visit {
        node,
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
        may_stop_early: above.may_stop_early,
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
    let inside = !child.is_init_plan() && child.relationship.as_deref() != Some("SubPlan");
    if node.is_gather() && inside {
        let workers = node.number("Workers Planned").unwrap_or(0.0);
        below.divisor = workers + (1.0 - 0.3 * workers).max(0.0);
        below.processes = processes_below(node, child);
        below.partial = node.fields.get("Single Copy") != Some(&serde_json::Value::Bool(true));
    } else if above.partial {
        // The outer side stays partial; an inner side only if it is built together.
        let together = child.fields.get("Parallel Aware") == Some(&serde_json::Value::Bool(true));
        let outer = child.relationship.as_deref() == Some("Outer");
        below.partial = together || outer;
    }
    below
}

/// The loops below Gather are the processes that took part, the leader among them.
fn processes_below(gather: &Node, child: &Node) -> f64 {
    match (gather.actual, child.actual) {
        (Some(gather), Some(child)) => (child.loops / gather.loops).max(1.0),
        _ => 1.0,
    }
}

fn may_stop_early(node: &Node, child: &Node, inherited: bool) -> bool {
    let semi = matches!(node.text("Join Type"), Some("Semi" | "Anti"));
    let inner = child.relationship.as_deref() == Some("Inner");
    match node.node_type.as_str() {
        "Limit" | "Merge Join" => true,
        // These read their input to the end whatever stands above.
        "Sort" | "Aggregate" | "Hash" => false,
        _ => inherited || (semi && inner),
    }
}

fn subtract_inside(visits: &mut [Visit<'_>]) {
    let mut own: Vec<Option<f64>> = visits.iter().map(|v| v.elapsed_ms).collect();
    for (i, visit) in visits.iter().enumerate() {
        let (Some(parent), Some(time)) = (visit.parent, visit.elapsed_ms) else {
            continue;
        };
        for (user, part) in users(visits, i, parent) {
            if let Some(own) = &mut own[user] {
                *own -= time * part;
            }
        }
    }
    for (visit, own) in visits.iter_mut().zip(own) {
        visit.own_ms = own.map(|own| own.max(0.0));
    }
}

/// The nodes in which node `i` ran, with their shares of its time.
pub(super) fn users(visits: &[Visit<'_>], i: usize, parent: usize) -> Vec<(usize, f64)> {
    let node = visits[i].node;
    if !node.is_init_plan() {
        return vec![(parent, 1.0)];
    }
    let name = node.subplan_name.as_deref().unwrap_or_default();
    let found = match name.strip_prefix("CTE ") {
        Some(cte) => cte_scans(visits, cte),
        None => first_reader(visits, i, parent, name),
    };
    if found.is_empty() {
        vec![(parent, 1.0)]
    } else {
        found
    }
}

fn cte_scans(visits: &[Visit<'_>], cte: &str) -> Vec<(usize, f64)> {
    let scans: Vec<(usize, f64)> = visits
        .iter()
        .enumerate()
        .filter(|(_, v)| v.node.text("CTE Name") == Some(cte))
        .filter_map(|(i, v)| Some((i, v.elapsed_ms?)))
        .collect();
    let total: f64 = scans.iter().map(|(_, time)| time).sum();
    if total <= 0.0 {
        return Vec::new();
    }
    scans.into_iter().map(|(i, t)| (i, t / total)).collect()
}

/// The deepest node under `parent`, outside the plan `i` itself, whose expressions read its value:
/// `$0` up to PostgreSQL 16, `(InitPlan 1).col1` from 17 on.
fn first_reader(visits: &[Visit<'_>], i: usize, parent: usize, name: &str) -> Vec<(usize, f64)> {
    let marks = marks_of(name);
    let end = |from: usize| {
        let rest = visits[from + 1..].iter();
        from + 1 + rest.take_while(|v| v.depth > visits[from].depth).count()
    };
    let own_plan = i..end(i);
    let mut best: Option<(usize, usize)> = None;
    let below = visits.iter().enumerate().take(end(parent)).skip(parent);
    for (candidate, visit) in below {
        if own_plan.contains(&candidate) || !reads(visit.node, &marks) {
            continue;
        }
        let depth = visit.depth;
        if best.is_none_or(|(_, deepest)| depth > deepest) {
            best = Some((candidate, depth));
        }
    }
    best.map(|(reader, _)| (reader, 1.0)).into_iter().collect()
}

fn marks_of(name: &str) -> Vec<String> {
    match name.split_once(" (returns ") {
        Some((_, values)) => values
            .trim_end_matches(')')
            .split(',')
            .map(str::to_owned)
            .collect(),
        None => vec![format!("({name})")],
    }
}

fn reads(node: &Node, marks: &[String]) -> bool {
    let mentions = |text: &str| marks.iter().any(|mark| mentions_mark(text, mark));
    node.fields.iter().any(|(key, value)| match value {
        serde_json::Value::String(text) => key != "Subplan Name" && mentions(text),
        serde_json::Value::Array(all) => all.iter().filter_map(|v| v.as_str()).any(mentions),
        _ => false,
    })
}

/// `$1` is not mentioned by `$10`.
fn mentions_mark(text: &str, mark: &str) -> bool {
    text.match_indices(mark).any(|(at, _)| {
        let next = text[at + mark.len()..].chars().next();
        !next.is_some_and(|c| c.is_ascii_digit())
    })
}

/// Charges every node with its own cost: what it pays minus what its children are paid.
fn share_costs(visits: &mut [Visit<'_>]) {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn node(kind: &str, time: f64, loops: f64, extra: &Value, children: Vec<Value>) -> Value {
        let mut node = json!({
            "Node Type": kind, "Total Cost": 100.0, "Plan Rows": 10, "Plan Width": 8,
            "Actual Total Time": time, "Actual Rows": 10, "Actual Loops": loops,
            "Parent Relationship": "Outer"
        });
        let object = node.as_object_mut().unwrap();
        object.insert("Plans".to_owned(), Value::Array(children));
        object.extend(extra.as_object().unwrap().clone());
        node
    }

    fn own_times(plan: &Value) -> Vec<f64> {
        let tree = PlanTree::read(&json!({ "Plan": plan })).unwrap();
        let account = Account::of(&tree);
        account.visits.iter().map(|v| v.own_ms.unwrap()).collect()
    }

    #[test]
    fn loops_multiply_and_children_are_subtracted() {
        let inner = node(
            "Index Scan",
            0.5,
            20.0,
            &json!({"Parent Relationship": "Inner"}),
            vec![],
        );
        let outer = node("Seq Scan", 3.0, 1.0, &json!({}), vec![]);
        let plan = node("Nested Loop", 15.0, 1.0, &json!({}), vec![outer, inner]);
        assert_eq!(own_times(&plan), [2.0, 3.0, 10.0]);
    }

    #[test]
    fn below_gather_loops_are_processes() {
        let scan = node(
            "Seq Scan",
            30.0,
            3.0,
            &json!({"Parallel Aware": true}),
            vec![],
        );
        let plan = node(
            "Gather",
            35.0,
            1.0,
            &json!({"Workers Planned": 2}),
            vec![scan],
        );
        assert_eq!(own_times(&plan), [5.0, 30.0]);
        let tree = PlanTree::read(&json!({ "Plan": plan })).unwrap();
        let account = Account::of(&tree);
        // Divisor of two workers: 2 + (1 − 0.6) = 2.4.
        assert!((account.visits[1].estimated_rows - 24.0).abs() < 1e-9);
        assert_eq!(account.visits[1].actual_rows, Some(30.0));
    }

    #[test]
    fn a_cte_is_paid_by_its_scans() {
        let cte = json!({"Parent Relationship": "InitPlan", "Subplan Name": "CTE big"});
        let cte = node("Seq Scan", 40.0, 1.0, &cte, vec![]);
        let scan = |time| node("CTE Scan", time, 1.0, &json!({"CTE Name": "big"}), vec![]);
        let plan = node(
            "Append",
            62.0,
            1.0,
            &json!({}),
            vec![cte, scan(45.0), scan(15.0)],
        );
        assert_eq!(own_times(&plan), [2.0, 40.0, 15.0, 5.0]);
    }

    #[test]
    fn an_init_plan_is_paid_where_its_value_is_read() {
        for (name, filter) in [
            ("InitPlan 1 (returns $0)", "(a > $0)"),
            ("InitPlan 1", "(a > (InitPlan 1).col1)"),
        ] {
            let init = json!({"Parent Relationship": "InitPlan", "Subplan Name": name});
            let init = node("Result", 8.0, 1.0, &init, vec![]);
            let scan = node("Seq Scan", 10.0, 1.0, &json!({ "Filter": filter }), vec![]);
            let plan = node("Sort", 11.0, 1.0, &json!({}), vec![init, scan]);
            assert_eq!(own_times(&plan), [1.0, 8.0, 2.0], "{name}");
        }
        assert!(!mentions_mark("(a > $10)", "$1"));
    }

    #[test]
    fn a_node_that_never_ran_has_no_own_time() {
        let never = node("Seq Scan", 0.0, 0.0, &json!({}), vec![]);
        let plan = node("Append", 1.0, 1.0, &json!({}), vec![never]);
        assert_eq!(own_times(&plan), [1.0, 0.0]);
    }

    #[test]
    fn without_analyze_there_are_costs_and_no_times() {
        let scan =
            json!({"Node Type": "Seq Scan", "Total Cost": 90.0, "Plan Rows": 1, "Plan Width": 4});
        let plan = json!({"Plan": {"Node Type": "Sort", "Total Cost": 100.0, "Plan Rows": 1,
            "Plan Width": 4, "Plans": [scan]}});
        let tree = PlanTree::read(&plan).unwrap();
        let account = Account::of(&tree);
        assert_eq!(account.visits[1].own_ms, None);
        assert!((account.visits[1].cost_ratio - 0.9).abs() < 1e-9);
        assert_eq!(account.total_ms(), None);
    }

    #[test]
    fn below_a_limit_a_part_is_paid_and_inner_sides_are_paid_per_row() {
        let plain = |kind: &str, cost: f64, rows: f64, side: &str, children: Vec<Value>| {
            json!({"Node Type": kind, "Total Cost": cost, "Plan Rows": rows, "Plan Width": 4,
                "Parent Relationship": side, "Plans": children})
        };
        let outer = plain("Seq Scan", 10.0, 30.0, "Outer", vec![]);
        let inner = plain("Index Scan", 2.0, 1.0, "Inner", vec![]);
        let join = plain("Nested Loop", 100.0, 30.0, "Outer", vec![outer, inner]);
        let limit = plain("Limit", 50.0, 15.0, "Outer", vec![join]);
        let tree = PlanTree::read(&json!({ "Plan": limit })).unwrap();
        let ratios: Vec<f64> = Account::of(&tree)
            .visits
            .iter()
            .map(|v| v.cost_ratio)
            .collect();
        let expected = [0.0, 0.3, 0.1, 0.6];
        for (ratio, expected) in ratios.iter().zip(expected) {
            assert!((ratio - expected).abs() < 1e-9, "{ratios:?}");
        }
    }

    /// A tree in which every node took at least the time of its children: own time, loops and up
    /// to three children at each node, a CTE or a `SubPlan` now and then.
    fn trees() -> impl Strategy<Value = Value> {
        let leaf = (0.0..50.0_f64, 1..5_u32)
            .prop_map(|(own, loops)| node("Seq Scan", own, f64::from(loops), &json!({}), vec![]));
        leaf.prop_recursive(5, 40, 3, |inner| {
            let children = prop::collection::vec((inner, 0..3_u8), 0..3);
            (0.0..50.0_f64, 1..4_u32, children).prop_map(|(own, loops, children)| {
                let loops = f64::from(loops);
                let mut inside = 0.0;
                let children = children
                    .into_iter()
                    .map(|(mut child, kind)| {
                        inside += child["Actual Total Time"].as_f64().unwrap()
                            * child["Actual Loops"].as_f64().unwrap();
                        let kind = ["Outer", "Inner", "SubPlan"][usize::from(kind)];
                        child["Parent Relationship"] = json!(kind);
                        child
                    })
                    .collect();
                node("Append", own + inside / loops, loops, &json!({}), children)
            })
        })
    }

    proptest! {
        #[test]
        fn own_times_add_up_to_the_total(plan in trees()) {
            let total = plan["Actual Total Time"].as_f64().unwrap()
                * plan["Actual Loops"].as_f64().unwrap();
            let sum: f64 = own_times(&plan).iter().sum();
            prop_assert!((sum - total).abs() <= 1e-6 * total.max(1.0), "{sum} {total}");
        }

        #[test]
        fn own_costs_add_up_to_the_total(plan in trees()) {
            let tree = PlanTree::read(&json!({ "Plan": plan })).unwrap();
            let sum: f64 = Account::of(&tree).visits.iter().map(|v| v.cost_ratio).sum();
            prop_assert!((sum - 1.0).abs() < 1e-6, "{sum}");
        }
    }
}
