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

#[test]
fn an_init_plan_for_workers_is_paid_by_their_gather() {
    let init =
        json!({"Parent Relationship": "InitPlan", "Subplan Name": "InitPlan 1 (returns $0)"});
    let init = node("Result", 8.0, 1.0, &init, vec![]);
    let filter = json!({"Filter": "(a > $0)", "Parallel Aware": true});
    let scan = node("Seq Scan", 20.0, 3.0, &filter, vec![]);
    let gather = node(
        "Gather",
        30.0,
        1.0,
        &json!({"Workers Planned": 2}),
        vec![scan],
    );
    let plan = node(
        "Aggregate",
        31.0,
        1.0,
        &json!({"Strategy": "Plain"}),
        vec![init, gather],
    );
    assert_eq!(own_times(&plan), [1.0, 8.0, 2.0, 20.0]);
}

#[test]
fn an_init_plan_is_paid_where_there_is_the_time_for_it() {
    // The join rescans the index scan with the value, which computes it in the join's own time.
    let init =
        json!({"Parent Relationship": "InitPlan", "Subplan Name": "InitPlan 1 (returns $0)"});
    let init = node("Result", 8.0, 1.0, &init, vec![]);
    let inner = json!({"Index Cond": "(a = $0)", "Parent Relationship": "Inner"});
    let children = vec![
        init,
        node("Seq Scan", 1.0, 1.0, &json!({}), vec![]),
        node("Index Scan", 0.5, 2.0, &inner, vec![]),
    ];
    let plan = node("Nested Loop", 12.0, 1.0, &json!({}), children);
    assert_eq!(own_times(&plan), [2.0, 8.0, 1.0, 1.0]);
}

#[test]
fn a_data_modifying_cte_that_nobody_reads_runs_after_the_tree() {
    let cte = json!({"Parent Relationship": "InitPlan", "Subplan Name": "CTE gone"});
    let scan = node("Seq Scan", 15.0, 1.0, &json!({}), vec![]);
    let cte = node("ModifyTable", 20.0, 1.0, &cte, vec![scan]);
    let plan = node("Result", 3.0, 1.0, &json!({}), vec![cte]);
    let tree = PlanTree::read(&json!({ "Plan": plan })).unwrap();
    let account = Account::of(&tree);
    let own: Vec<f64> = account.visits.iter().map(|v| v.own_ms.unwrap()).collect();
    assert_eq!(own, [3.0, 5.0, 15.0]);
    assert_eq!((account.after_ms, account.total_ms()), (20.0, Some(23.0)));
}

#[test]
fn a_cte_of_the_same_name_in_an_inner_level_is_another() {
    let cte = |time: f64| {
        let extra = json!({"Parent Relationship": "InitPlan", "Subplan Name": "CTE x"});
        node("Seq Scan", time, 1.0, &extra, vec![])
    };
    let scan = |time: f64| node("CTE Scan", time, 1.0, &json!({"CTE Name": "x"}), vec![]);
    let inner = node("Sort", 12.0, 1.0, &json!({}), vec![cte(10.0), scan(11.0)]);
    let plan = node(
        "Append",
        35.0,
        1.0,
        &json!({}),
        vec![cte(20.0), inner, scan(22.0)],
    );
    assert_eq!(own_times(&plan), [1.0, 20.0, 1.0, 10.0, 1.0, 2.0]);
}

#[test]
fn claims_beyond_what_holds_them_are_cut_and_said() {
    let inner = json!({"Parent Relationship": "Inner"});
    let inner = node("Index Scan", 0.001, 100_000.0, &inner, vec![]);
    let outer = node("Seq Scan", 20.0, 1.0, &json!({}), vec![]);
    let plan = node("Nested Loop", 60.0, 1.0, &json!({}), vec![outer, inner]);
    assert_eq!(own_times(&plan), [0.0, 10.0, 50.0]);
    let tree = PlanTree::read(&json!({ "Plan": plan })).unwrap();
    assert!((Account::of(&tree).excess_ms - 60.0).abs() < 1e-9);
}

#[test]
fn triggers_of_constraints_are_after_the_tree_and_others_where_they_fit() {
    let account = |execution: f64| {
        let plan = node("ModifyTable", 50.0, 1.0, &json!({}), vec![]);
        let document = json!({"Plan": plan, "Execution Time": execution, "Triggers": [
            {"Trigger Name": "before", "Relation": "t", "Time": 20.0, "Calls": 5},
            {"Trigger Name": "RI", "Constraint Name": "fk", "Relation": "t", "Time": 7.0, "Calls": 5},
        ]});
        let tree = PlanTree::read(&document).unwrap();
        Account::of(&tree).statement_ms().unwrap()
    };
    assert!(
        (account(58.0) - 57.0).abs() < 1e-9,
        "the other one is inside"
    );
    assert!((account(78.0) - 77.0).abs() < 1e-9, "both are after it");
}

#[test]
fn early_stops_excuse_what_may_be_cut_short_only() {
    let stops = |kind: &str, extra: &Value, side: &str| {
        let leaf = node(
            "Seq Scan",
            1.0,
            1.0,
            &json!({"Parent Relationship": side}),
            vec![],
        );
        let between = node(kind, 1.0, 1.0, extra, vec![leaf]);
        let plan = node("Limit", 1.0, 1.0, &json!({}), vec![between]);
        let tree = PlanTree::read(&json!({ "Plan": plan })).unwrap();
        Account::of(&tree).visits[2].may_stop_early
    };
    assert!(stops("Nested Loop", &json!({}), "Outer"));
    assert!(!stops("Sort", &json!({}), "Outer"));
    assert!(
        stops("Incremental Sort", &json!({}), "Outer"),
        "it sorts group by group"
    );
    assert!(!stops("Aggregate", &json!({"Strategy": "Hashed"}), "Outer"));
    assert!(stops("Aggregate", &json!({"Strategy": "Sorted"}), "Outer"));
    assert!(
        stops("Sort", &json!({}), "SubPlan"),
        "EXISTS stops at a row"
    );
}

/// A tree in which every node took at least the time of its children: own time, loops and up
/// to three children at each node, a `SubPlan` now and then.
fn trees() -> impl Strategy<Value = Value> {
    trees_of(true)
}

/// With `consistent` false the times are anything: what rounding, workers and interrupted clocks may
/// make of them; nodes that never ran, CTEs with and without readers, and values that several read.
fn trees_of(consistent: bool) -> impl Strategy<Value = Value> {
    let leaf = (0.0..50.0_f64, 0..5_u32, 0..4_u8).prop_map(move |(own, loops, kind)| {
        let loops = if consistent { loops.max(1) } else { loops };
        let extra = match kind {
            1 if !consistent => json!({"CTE Name": "x"}),
            2 if !consistent => json!({"Filter": "(a > $0)"}),
            _ => json!({}),
        };
        node("Seq Scan", own, f64::from(loops), &extra, vec![])
    });
    leaf.prop_recursive(5, 40, 3, move |inner| {
        let children = prop::collection::vec((inner, 0..6_u8), 0..3);
        (0.0..50.0_f64, 1..4_u32, 0..3_u8, children).prop_map(
            move |(own, loops, kind, children)| {
                let loops = f64::from(loops);
                let mut inside = 0.0;
                let children = children
                    .into_iter()
                    .map(|(mut child, side)| {
                        inside += child["Actual Total Time"].as_f64().unwrap()
                            * child["Actual Loops"].as_f64().unwrap();
                        let side = if consistent { side % 3 } else { side };
                        let (side, name) = match side {
                            0 => ("Outer", None),
                            1 => ("Inner", None),
                            2 => ("SubPlan", None),
                            3 => ("InitPlan", Some("CTE x")),
                            4 => ("InitPlan", Some("InitPlan 1 (returns $0)")),
                            _ => ("Member", None),
                        };
                        child["Parent Relationship"] = json!(side);
                        if let Some(name) = name {
                            child["Subplan Name"] = json!(name);
                        }
                        child
                    })
                    .collect();
                let time = if consistent {
                    own + inside / loops
                } else {
                    own
                };
                let (kind, extra) = match kind {
                    1 if !consistent => ("Gather", json!({"Workers Planned": 2})),
                    2 if !consistent => ("ModifyTable", json!({})),
                    _ => ("Append", json!({})),
                };
                node(kind, time, loops, &extra, children)
            },
        )
    })
}

proptest! {
    #[test]
    fn own_times_add_up_to_the_total(plan in trees()) {
        let total = plan["Actual Total Time"].as_f64().unwrap()
            * plan["Actual Loops"].as_f64().unwrap();
        let sum: f64 = own_times(&plan).iter().sum();
        prop_assert!((sum - total).abs() <= 1e-6 * total.max(1.0), "{sum} {total}");
        let tree = PlanTree::read(&json!({ "Plan": plan })).unwrap();
        prop_assert!(Account::of(&tree).excess_ms < 1e-6);
    }

    #[test]
    fn whatever_is_claimed_own_times_add_up_and_none_is_negative(plan in trees_of(false)) {
        let tree = PlanTree::read(&json!({ "Plan": plan })).unwrap();
        let account = Account::of(&tree);
        let total = account.total_ms().unwrap();
        let own: Vec<f64> = account.visits.iter().map(|v| v.own_ms.unwrap()).collect();
        prop_assert!(own.iter().all(|ms| *ms >= 0.0), "{own:?}");
        let sum: f64 = own.iter().sum();
        prop_assert!((sum - total).abs() <= 1e-6 * total.max(1.0), "{sum} {total}");
        for visit in &account.visits {
            let never = visit.node.actual.is_none();
            prop_assert!(!never || visit.own_ms == Some(0.0), "it never ran");
        }
    }

    #[test]
    fn own_costs_add_up_to_the_total(plan in trees()) {
        let tree = PlanTree::read(&json!({ "Plan": plan })).unwrap();
        let sum: f64 = Account::of(&tree).visits.iter().map(|v| v.cost_ratio).sum();
        prop_assert!((sum - 1.0).abs() < 1e-6, "{sum}");
    }
}
