//! EXPLAIN (FORMAT JSON) as a typed tree.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A document that is not a plan.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlanError {
    /// A key that every plan has is missing.
    #[error(
        "the plan cannot be read: `{key}` is missing in {place}; expected one element of EXPLAIN (FORMAT JSON)"
    )]
    Missing {
        /// The key.
        key: &'static str,
        /// Where it should be.
        place: String,
    },
}

/// One plan with what stands beside the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanTree {
    /// The top node.
    pub root: Node,
    /// `Planning Time` in milliseconds; ANALYZE or SUMMARY only.
    pub planning_ms: Option<f64>,
    /// `Execution Time` in milliseconds; ANALYZE only.
    pub execution_ms: Option<f64>,
    /// `JIT.Timing.Total` in milliseconds; absent where JIT was not used.
    pub jit_ms: Option<f64>,
    /// Σ `Triggers[].Time` in milliseconds; foreign key checks live here.
    pub trigger_ms: Option<f64>,
    /// `Triggers`, those that have a time.
    pub triggers: Vec<Trigger>,
    /// `Serialization.Time` in milliseconds; only EXPLAIN (SERIALIZE) of PostgreSQL 17 measures it.
    pub serialization_ms: Option<f64>,
    /// `Settings`: those of the planner that are not built in.
    pub settings: BTreeMap<String, String>,
}

/// One element of `Triggers`.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// `Trigger Name`.
    pub name: Option<String>,
    /// `Constraint Name`: a trigger of a constraint runs after the statement, outside of the tree.
    pub constraint: Option<String>,
    /// `Relation`.
    pub relation: Option<String>,
    /// `Time` in milliseconds, of all calls.
    pub time_ms: f64,
    /// `Calls`.
    pub calls: f64,
}

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// `Node Type`, such as `Seq Scan`.
    pub node_type: String,
    /// `Schema` of the relation (VERBOSE).
    pub schema: Option<String>,
    /// `Relation Name`.
    pub relation: Option<String>,
    /// `Index Name`.
    pub index: Option<String>,
    /// `Parent Relationship`: `Outer`, `Inner`, `InitPlan`, `SubPlan`, `Member`, `Subquery`.
    pub relationship: Option<String>,
    /// `Subplan Name`, such as `CTE recent` or `InitPlan 1 (returns $0)`.
    pub subplan_name: Option<String>,
    /// `Total Cost`.
    pub total_cost: f64,
    /// `Plan Rows`: per loop, and per process below Gather.
    pub plan_rows: f64,
    /// `Plan Width` in bytes.
    pub plan_width: f64,
    /// What was executed; `None` without ANALYZE and for a node that never ran.
    pub actual: Option<Actual>,
    /// Every other key as it came.
    pub fields: Map<String, Value>,
    /// `Plans`.
    pub children: Vec<Node>,
}

/// The executed side of a node; all but `loops` are per loop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Actual {
    /// `Actual Rows` per loop.
    pub rows: f64,
    /// `Actual Loops`, at least 1.
    pub loops: f64,
    /// `Actual Total Time` per loop in milliseconds; absent with TIMING OFF.
    pub time_ms: Option<f64>,
}

impl PlanTree {
    /// Reads the first element of EXPLAIN (FORMAT JSON), or the whole array.
    ///
    /// # Errors
    ///
    /// A key that every plan has is missing.
    pub fn read(document: &Value) -> Result<Self, PlanError> {
        let document = document.get(0).unwrap_or(document);
        let plan = document.get("Plan").and_then(Value::as_object);
        let root = Node::read(plan.ok_or_else(|| missing("Plan", "the document"))?)?;
        let triggers = document.get("Triggers").and_then(Value::as_array);
        let settings = document.get("Settings").and_then(Value::as_object);
        let settings = settings.into_iter().flatten();
        let text_of = |(name, value): (&String, &Value)| {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            (name.clone(), value)
        };
        Ok(Self {
            root,
            planning_ms: document.get("Planning Time").and_then(Value::as_f64),
            execution_ms: document.get("Execution Time").and_then(Value::as_f64),
            jit_ms: document
                .pointer("/JIT/Timing/Total")
                .and_then(Value::as_f64),
            trigger_ms: triggers.map(|all| {
                let times = all.iter().filter_map(|t| t.get("Time")?.as_f64());
                times.sum()
            }),
            triggers: triggers
                .into_iter()
                .flatten()
                .filter_map(Trigger::read)
                .collect(),
            serialization_ms: document
                .pointer("/Serialization/Time")
                .and_then(Value::as_f64),
            settings: settings.map(text_of).collect(),
        })
    }
}

fn missing(key: &'static str, place: &str) -> PlanError {
    PlanError::Missing {
        key,
        place: place.to_owned(),
    }
}

impl Node {
    fn read(object: &Map<String, Value>) -> Result<Self, PlanError> {
        let text = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
        let node_type = text("Node Type").ok_or_else(|| missing("Node Type", "a node"))?;
        let number = |key: &'static str| {
            let value = object.get(key).and_then(Value::as_f64);
            value.ok_or_else(|| missing(key, &format!("the node `{node_type}`")))
        };
        let children = object.get("Plans").and_then(Value::as_array);
        let children = children.into_iter().flatten().filter_map(Value::as_object);
        Ok(Self {
            schema: text("Schema"),
            relation: text("Relation Name"),
            index: text("Index Name"),
            relationship: text("Parent Relationship"),
            subplan_name: text("Subplan Name"),
            total_cost: number("Total Cost")?,
            plan_rows: number("Plan Rows")?,
            plan_width: number("Plan Width")?,
            actual: Actual::read(object),
            fields: object
                .iter()
                .filter(|(key, _)| *key != "Plans")
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            children: children.map(Self::read).collect::<Result<_, _>>()?,
            node_type,
        })
    }

    /// A number under its key.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<f64> {
        self.fields.get(key).and_then(Value::as_f64)
    }

    /// A text under its key.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.fields.get(key).and_then(Value::as_str)
    }

    /// A number of the leader and of every worker that reports its own, added up. Sort space,
    /// hash memory, Memoize counters and bitmap blocks show only the leader in the node itself.
    #[must_use]
    pub fn number_with_workers(&self, key: &str) -> Option<f64> {
        let workers: f64 = self.workers().filter_map(|w| w.get(key)?.as_f64()).sum();
        match self.number(key) {
            None if workers == 0.0 => None,
            leader => Some(leader.unwrap_or(0.0) + workers),
        }
    }

    /// A text of the leader or of any worker equals `value`.
    #[must_use]
    pub fn any_process_says(&self, key: &str, value: &str) -> bool {
        self.text(key) == Some(value)
            || self
                .workers()
                .any(|w| w.get(key).and_then(Value::as_str) == Some(value))
    }

    fn workers(&self) -> impl Iterator<Item = &Value> {
        let workers = self.fields.get("Workers").and_then(Value::as_array);
        workers.into_iter().flatten()
    }

    /// The node in a few words, such as `Index Scan using tasks_pkey on tasks`.
    #[must_use]
    pub fn label(&self) -> String {
        let mut label = self.kind();
        if let Some(index) = &self.index {
            let word = if self.relation.is_some() {
                "using"
            } else {
                "on"
            };
            label = format!("{label} {word} {index}");
        }
        let target = self
            .relation
            .as_deref()
            .or_else(|| self.text("CTE Name"))
            .or_else(|| self.text("Function Name"));
        if let Some(target) = target {
            label = format!("{label} on {target}");
        }
        label.chars().filter(|c| !c.is_control()).collect()
    }

    fn kind(&self) -> String {
        let parallel = self.fields.get("Parallel Aware") == Some(&Value::Bool(true));
        let name = match (self.node_type.as_str(), self.text("Strategy")) {
            ("Aggregate", Some("Hashed")) => "HashAggregate",
            ("Aggregate", Some("Sorted")) => "GroupAggregate",
            // EXPLAIN's own text names a change by what it does.
            ("ModifyTable", _) => self.text("Operation").unwrap_or("ModifyTable"),
            (other, _) => other,
        };
        let name = match self.text("Join Type") {
            Some(join) if join != "Inner" && name == "Nested Loop" => {
                format!("Nested Loop {join} Join")
            }
            Some(join) if join != "Inner" => {
                format!("{} {join} Join", name.trim_end_matches(" Join"))
            }
            _ => name.to_owned(),
        };
        if parallel {
            format!("Parallel {name}")
        } else {
            name
        }
    }

    /// It reads its relation from the beginning to the end.
    #[must_use]
    pub fn is_seq_scan(&self) -> bool {
        self.node_type == "Seq Scan"
    }

    /// It starts worker processes.
    #[must_use]
    pub fn is_gather(&self) -> bool {
        matches!(self.node_type.as_str(), "Gather" | "Gather Merge")
    }

    /// The `Workers` of the node, leader excluded.
    pub(super) fn each_worker(&self) -> impl Iterator<Item = &Value> {
        self.workers()
    }

    /// Its child on this side.
    #[must_use]
    pub fn child(&self, side: &str) -> Option<&Node> {
        let mut children = self.children.iter();
        children.find(|c| c.relationship.as_deref() == Some(side))
    }

    /// It is a plan of an expression of its parent, run when the expression is evaluated.
    #[must_use]
    pub fn is_sub_plan(&self) -> bool {
        self.relationship.as_deref() == Some("SubPlan")
    }

    /// The name of the CTE that this `InitPlan` computes.
    #[must_use]
    pub fn cte(&self) -> Option<&str> {
        let name = self.subplan_name.as_deref()?;
        name.strip_prefix("CTE ").filter(|_| self.is_init_plan())
    }

    /// It combines two inputs.
    #[must_use]
    pub fn is_join(&self) -> bool {
        matches!(
            self.node_type.as_str(),
            "Nested Loop" | "Hash Join" | "Merge Join"
        )
    }

    /// It hangs on its parent but is executed elsewhere, or once.
    #[must_use]
    pub fn is_init_plan(&self) -> bool {
        self.relationship.as_deref() == Some("InitPlan")
    }
}

impl Trigger {
    fn read(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            name: text("Trigger Name"),
            constraint: text("Constraint Name"),
            relation: text("Relation"),
            time_ms: value.get("Time")?.as_f64()?,
            calls: value.get("Calls").and_then(Value::as_f64).unwrap_or(0.0),
        })
    }
}

impl Actual {
    fn read(object: &Map<String, Value>) -> Option<Self> {
        let number = |key: &str| object.get(key).and_then(Value::as_f64);
        let loops = number("Actual Loops").filter(|loops| *loops > 0.0)?;
        Some(Self {
            rows: number("Actual Rows")?,
            loops,
            time_ms: number("Actual Total Time"),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(extra: &Value) -> Node {
        let mut document = json!({"Plan": {
            "Node Type": "Seq Scan", "Total Cost": 10.0, "Plan Rows": 5, "Plan Width": 8
        }});
        let object = document["Plan"].as_object_mut().unwrap();
        object.extend(extra.as_object().unwrap().clone());
        PlanTree::read(&json!([document])).unwrap().root
    }

    #[test]
    fn labels_read_like_explain() {
        let label = |extra: Value| node(&extra).label();
        assert_eq!(
            label(json!({"Relation Name": "tasks"})),
            "Seq Scan on tasks"
        );
        let index = json!({"Node Type": "Index Scan", "Index Name": "i", "Relation Name": "t"});
        assert_eq!(label(index), "Index Scan using i on t");
        let bitmap = json!({"Node Type": "Bitmap Index Scan", "Index Name": "i"});
        assert_eq!(label(bitmap), "Bitmap Index Scan on i");
        let join = json!({"Node Type": "Hash Join", "Join Type": "Left", "Parallel Aware": true});
        assert_eq!(label(join), "Parallel Hash Left Join");
        let aggregate = json!({"Node Type": "Aggregate", "Strategy": "Hashed"});
        assert_eq!(label(aggregate), "HashAggregate");
    }

    #[test]
    fn a_node_that_never_ran_has_no_actual_side() {
        let ran = json!({"Actual Loops": 2, "Actual Rows": 3, "Actual Total Time": 0.5});
        assert_eq!(node(&ran).actual.unwrap().time_ms, Some(0.5));
        assert_eq!(
            node(&json!({"Actual Loops": 0, "Actual Rows": 0})).actual,
            None
        );
    }

    #[test]
    fn workers_are_added_to_the_leader() {
        let sort = node(&json!({
            "Sort Space Used": 10, "Sort Space Type": "Memory",
            "Workers": [{"Sort Space Used": 30, "Sort Space Type": "Disk"}]
        }));
        assert_eq!(sort.number_with_workers("Sort Space Used"), Some(40.0));
        assert!(sort.any_process_says("Sort Space Type", "Disk"));
        assert_eq!(sort.number_with_workers("Hash Batches"), None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = PlanTree::read(&json!({"Plan": {"Node Type": "Result"}})).unwrap_err();
        assert!(error.to_string().contains("`Total Cost`"), "{error}");
        assert!(error.to_string().contains("`Result`"), "{error}");
    }
}
