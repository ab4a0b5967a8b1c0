//! The shape of plans, on the source of a profile and on the database that was filled by it.
//!
//! Two plans have the same shape where somebody who reads both would say that the server does the same: the same kinds
//! of nodes in the same order, on the same tables, by the same indexes. Costs, rows, conditions, sort keys and the
//! number of workers say how much, not what; they are left out. Partitions of a table stand for their root, and several
//! that are read alike count as one, so that a month more or less is no other plan.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::timeout;

use super::schema::{Name, Partitioning, Schema};
use crate::explain::{self, Execute, ExplainOptions, Question};
use crate::pg::{PgError, Session};
use crate::workload::Workload;

/// Rungs of asking that each may take the whole time, and what the way there and back takes.
const RUNGS: u32 = 4;
const GRACE: Duration = Duration::from_secs(10);

/// A plan's shape, a node a line, and the rows that the planner expects of each line.
pub type Shape = (String, Vec<f64>);

/// Partitions of all levels by name, each with its root.
#[derive(Debug, Default)]
pub struct Roots(HashMap<Name, Name>);

impl Roots {
    /// Of the tables of a schema.
    #[must_use]
    pub fn of(schema: &Schema) -> Self {
        fn add(roots: &mut HashMap<Name, Name>, root: &Name, level: &Partitioning) {
            for partition in &level.partitions {
                roots.insert(partition.name.clone(), root.clone());
                if let Some(below) = &partition.partitioning {
                    add(roots, root, below);
                }
            }
        }
        let mut roots = HashMap::new();
        for table in &schema.tables {
            if let Some(level) = &table.partitioning {
                add(&mut roots, &table.name, level);
            }
        }
        Self(roots)
    }
}

/// Asks for the plan of each statement of a workload, without values for its parameters; no statement is executed.
/// `application` has the role's own search path, `catalogue` sees the system catalogues only. Statements that have no
/// plan by their nature (BEGIN, SET) are left out; any other has a shape, or the reason why not.
///
/// # Errors
/// The connection was lost.
pub async fn of_workload(
    application: &Session,
    catalogue: &Session,
    roots: &Roots,
    workload: &Workload,
) -> Result<Vec<(String, Result<Shape, String>)>, PgError> {
    let options = ExplainOptions::default();
    let limit = options.statement_timeout * RUNGS + GRACE;
    let mut plans = Vec::new();
    for (name, text) in statements(workload) {
        let question = Question {
            text,
            values: None,
            execute: Execute::Nothing,
            literals: false,
            own: false,
        };
        let asking = Box::pin(explain::ask(application, catalogue, &question, &options));
        let plan = match timeout(limit, asking).await {
            Ok(Ok(answer)) => match (answer.plan, answer.error) {
                (Some(plan), _) => Ok(shape(&plan, roots)),
                (None, why) => Err(why.unwrap_or_else(|| "the server gave no plan".to_owned())),
            },
            Ok(Err(wrong)) => Err(wrong.to_string()),
            Err(_) => {
                application.cancel().await?;
                return Err(PgError::StatementTimeout {
                    address: application.address().to_owned(),
                    what: format!("the plan of {name}"),
                    after: limit,
                });
            }
        };
        plans.push((name, plan));
    }
    Ok(plans)
}

/// Statements that can be planned, by name.
fn statements(workload: &Workload) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for operation in &workload.operations {
        for statement in &operation.statements {
            let name = format!("{} / {}", operation.name, statement.name);
            all.push((name, statement.sql.clone()));
        }
    }
    for weighted in &workload.scripts {
        let script = &weighted.script;
        for (name, sql) in script.named_statements() {
            all.push((format!("{} / {name}", script.name), sql.sql.clone()));
        }
    }
    all.retain(|(_, text)| explain::explainable(text));
    all
}

/// The shape of one plan: the first element of EXPLAIN (VERBOSE, FORMAT JSON).
#[must_use]
pub fn shape(plan: &Value, roots: &Roots) -> Shape {
    let mut lines = Vec::new();
    if let Some(Value::Object(top)) = plan.get("Plan") {
        node(top, roots, &Place::default(), &mut lines);
    }
    let text: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    let rows = lines.iter().map(|line| line.rows).collect();
    (text.join("\n"), rows)
}

struct Line {
    text: String,
    rows: f64,
}

/// Where a node stands.
#[derive(Clone, Default)]
struct Place {
    depth: usize,
    /// The partition whose heap the index below is scanned for.
    partition: Option<String>,
}

fn node(node: &Map<String, Value>, roots: &Roots, place: &Place, lines: &mut Vec<Line>) {
    let text = |key: &str| node.get(key).and_then(Value::as_str);
    let mut place = place.clone();
    let name = relation(node);
    let root = name.as_ref().and_then(|name| roots.0.get(name));
    if let Some(name) = name {
        place.partition = root.map(|_| name.name);
    }
    lines.push(Line {
        text: format!("{}{}", "  ".repeat(place.depth), told(node, root, &place)),
        rows: node.get("Plan Rows").and_then(Value::as_f64).unwrap_or(0.0),
    });
    place.depth += 1;
    let children = node.get("Plans").and_then(Value::as_array);
    let children = children.into_iter().flatten().filter_map(Value::as_object);
    let children = children.map(|child| {
        let mut lines = Vec::new();
        self::node(child, roots, &place, &mut lines);
        lines
    });
    match text("Node Type") {
        Some("Append" | "Merge Append" | "ModifyTable") => lines.extend(alike(children.collect())),
        _ => lines.extend(children.flatten()),
    }
}

/// What one node does, in a line.
fn told(node: &Map<String, Value>, root: Option<&Name>, place: &Place) -> String {
    let text = |key: &str| node.get(key).and_then(Value::as_str);
    let mut words = Vec::new();
    // A node that hangs on another beside its inputs.
    if let Some(name) = text("Subplan Name") {
        words.push(format!("{}:", name.split(" (").next().unwrap_or(name)));
    }
    let kind = match (text("Node Type"), text("Operation")) {
        (Some("ModifyTable"), Some(operation)) => operation,
        (Some(kind), _) => kind,
        (None, _) => "?",
    };
    words.push(kind.to_owned());
    let ways = ["Join Type", "Strategy", "Command"].into_iter();
    // Those that go without saying are not said.
    let ways = ways
        .filter_map(text)
        .filter(|way| !matches!(*way, "Inner" | "Plain"));
    words.extend(ways.map(str::to_owned));
    if text("Scan Direction") == Some("Backward") {
        words.push("Backward".to_owned());
    }
    if let Some(index) = text("Index Name") {
        words.push(format!("using {}", index_name(index, place)));
    }
    if let Some(root) = root {
        words.push(format!("on partitions of {root}"));
    } else if let Some(name) = relation(node) {
        words.push(format!("on {name}"));
        // The same table may be there twice.
        let alias = text("Alias").filter(|alias| *alias != name.name);
        words.extend(alias.map(str::to_owned));
    }
    let others = ["Function Name", "CTE Name"].into_iter().filter_map(text);
    words.extend(others.map(|name| format!("on {name}")));
    words.join(" ")
}

/// The indexes of partitions are called after them, each.
fn index_name(index: &str, place: &Place) -> String {
    let Some(partition) = &place.partition else {
        return index.to_owned();
    };
    match index.strip_prefix(partition.as_str()) {
        Some(rest) => format!("…{rest}"),
        None => "an index".to_owned(),
    }
}

fn relation(node: &Map<String, Value>) -> Option<Name> {
    let name = node.get("Relation Name")?.as_str()?.to_owned();
    let schema = node
        .get("Schema")
        .and_then(Value::as_str)
        .unwrap_or("public");
    Some(Name {
        schema: schema.to_owned(),
        name,
    })
}

/// Inputs that read alike become one, with their rows added up; which comes first does not matter.
fn alike(mut children: Vec<Vec<Line>>) -> Vec<Line> {
    let same = |a: &[Line], b: &[Line]| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.text == b.text)
    };
    let key = |lines: &[Line]| lines.iter().map(|l| l.text.clone()).collect::<Vec<_>>();
    children.sort_by_cached_key(|lines| key(lines));
    let mut groups: Vec<(Vec<Line>, bool)> = Vec::new();
    for child in children {
        match groups.last_mut() {
            Some((group, several)) if same(group, &child) => {
                for (line, other) in group.iter_mut().zip(child) {
                    line.rows += other.rows;
                }
                *several = true;
            }
            _ => groups.push((child, false)),
        }
    }
    let told = groups.into_iter().flat_map(|(mut group, several)| {
        if let Some(first) = group.first_mut().filter(|_| several) {
            first.text.push_str(" (several)");
        }
        group
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::seed::schema::{Partition, Table};

    fn name(name: &str) -> Name {
        Name {
            schema: "public".to_owned(),
            name: name.to_owned(),
        }
    }

    fn roots() -> Roots {
        let partition = |of: &str| Partition {
            name: name(of),
            bound: String::new(),
            partitioning: None,
        };
        let table = Table {
            name: name("events"),
            columns: Vec::new(),
            keys: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
            exclusions: Vec::new(),
            triggers: Vec::new(),
            partitioning: Some(Partitioning {
                strategy: "r".to_owned(),
                columns: Vec::new(),
                partitions: vec![
                    partition("events_1"),
                    partition("events_2"),
                    partition("events_3"),
                ],
            }),
            row_security: false,
        };
        Roots::of(&Schema {
            tables: vec![table],
        })
    }

    fn scan(kind: &str, of: &str, index: &str, rows: u32) -> Value {
        json!({"Node Type": kind, "Relation Name": of, "Schema": "public", "Alias": of, "Index Name": index,
               "Index Cond": "(secret = 'x')", "Plan Rows": rows, "Total Cost": 3.5})
    }

    fn lines(plan: &Value) -> Vec<String> {
        let (text, rows) = shape(plan, &roots());
        assert_eq!(text.lines().count(), rows.len());
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn nodes_tables_and_indexes_are_told_and_no_condition_or_number() {
        let plan = json!({"Plan": {"Node Type": "Hash Join", "Join Type": "Left", "Plan Rows": 7, "Hash Cond": "secret",
            "Plans": [scan("Index Scan", "a", "a_pkey", 5), {"Node Type": "Hash", "Plan Rows": 3,
                "Plans": [{"Node Type": "Seq Scan", "Relation Name": "a", "Schema": "s", "Alias": "other",
                           "Plan Rows": 3, "Filter": "secret"}]}]}});
        let (text, rows) = shape(&plan, &roots());
        assert_eq!(
            text,
            "Hash Join Left\n  Index Scan using a_pkey on a\n  Hash\n    Seq Scan on s.a other"
        );
        assert_eq!(rows, [7.0, 5.0, 3.0, 3.0]);
    }

    #[test]
    fn partitions_stand_for_their_root_whatever_their_number() {
        let append = |children: Vec<Value>| json!({"Plan": {"Node Type": "Append", "Plan Rows": 1, "Plans": children}});
        let leaf = |n: u32| {
            scan(
                "Index Scan",
                &format!("events_{n}"),
                &format!("events_{n}_at_idx"),
                n,
            )
        };
        let two = append(vec![leaf(1), leaf(2)]);
        let three = append(vec![leaf(3), leaf(1), leaf(2)]);
        assert_eq!(lines(&two), lines(&three));
        assert_eq!(
            lines(&two),
            [
                "Append",
                "  Index Scan using …_at_idx on partitions of events (several)"
            ]
        );
        assert_eq!(shape(&three, &roots()).1, [1.0, 6.0]);
        // One that is read in another way is another plan.
        let mixed = append(vec![leaf(1), scan("Seq Scan", "events_2", "", 9)]);
        assert_ne!(lines(&two), lines(&mixed));
    }

    #[test]
    fn an_index_below_a_bitmap_of_a_partition_is_that_of_the_partition() {
        let heap = |n: u32| {
            let mut heap = scan("Bitmap Heap Scan", &format!("events_{n}"), "", 1);
            heap.as_object_mut().unwrap().remove("Index Name");
            heap["Plans"] = json!([{"Node Type": "Bitmap Index Scan", "Index Name": format!("events_{n}_k_idx")}]);
            json!({"Plan": heap})
        };
        assert_eq!(lines(&heap(1)), lines(&heap(2)));
        assert_eq!(lines(&heap(1))[1], "  Bitmap Index Scan using …_k_idx");
    }

    #[test]
    fn an_index_of_another_table_below_a_partition_keeps_its_name() {
        let insert = |index: &str| {
            json!({"Plan": {"Node Type": "ModifyTable", "Operation": "Insert", "Relation Name": "events_1",
                "Schema": "public", "Alias": "events_1", "Plan Rows": 0,
                "Plans": [scan("Index Scan", "a", index, 5)]}})
        };
        let told = lines(&insert("a_pkey"));
        assert_eq!(told[1], "  Index Scan using a_pkey on a");
        assert_ne!(told, lines(&insert("a_other_idx")));
    }

    #[test]
    fn statements_of_one_line_of_a_script_have_names_of_their_own() {
        let script =
            crate::workload::pgbench::parse("SELECT 1; SELECT 2;\nSELECT 3;", "x.sql").unwrap();
        let names: Vec<String> = script.named_statements().map(|(name, _)| name).collect();
        assert_eq!(names, ["line 1", "line 1 (2)", "line 2"]);
    }

    #[test]
    fn a_subplan_and_a_change_are_told_by_what_they_are() {
        let plan = json!({"Plan": {"Node Type": "ModifyTable", "Operation": "Update", "Relation Name": "t",
            "Schema": "public", "Alias": "t", "Plan Rows": 0, "Plans": [
                {"Node Type": "Aggregate", "Strategy": "Hashed", "Subplan Name": "InitPlan 1 (returns $0)",
                 "Plan Rows": 1}]}});
        assert_eq!(
            lines(&plan),
            ["Update on t", "  InitPlan 1: Aggregate Hashed"]
        );
        assert_eq!(shape(&json!({}), &roots()), (String::new(), Vec::new()));
    }
}
