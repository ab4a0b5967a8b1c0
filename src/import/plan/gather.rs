//! The plans of a log, by statement: of each the slowest is kept, and how many there were.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use jiff::Timestamp;
use serde_json::Value;

use super::document::{GivenPlan, logged};
use crate::record::plan::{ExplainedPlan, LoggedExecutions, PlanMode};
use crate::record::{MARKER, Millis, QueryId, fingerprint};

/// Statements that are kept apart. A log in which more run is summed up all the same: those beyond are counted.
const MOST_STATEMENTS: usize = 5000;

/// One execution that was logged with its plan.
#[derive(Debug, Clone, Copy)]
pub struct LoggedPlan<'a> {
    /// When it ended.
    pub at: Option<Timestamp>,
    /// How long it took.
    pub took: Millis,
    /// Where it ran, if the log tells.
    pub database: Option<&'a str>,
    /// What stands behind `plan:`.
    pub body: &'a str,
}

/// Gathers the plans of logs.
#[derive(Debug, Default)]
pub struct Gather {
    groups: HashMap<String, Group>,
    /// Names of groups by the text of a query: a text is parsed once.
    names: HashMap<u64, String>,
    /// Plans that were not understood.
    pub unread: u64,
    /// Plans of statements beyond those that are kept apart.
    pub beyond: u64,
    /// Plans of what dbperf itself sent: it asks for plans too, and `auto_explain` logs what EXPLAIN is asked for.
    pub own: u64,
}

#[derive(Debug)]
struct Group {
    executions: LoggedExecutions,
    fingerprint: Option<String>,
    slowest: GivenPlan,
    shapes: HashSet<u64>,
}

impl Gather {
    /// Adds one execution.
    pub fn add(&mut self, plan: &LoggedPlan<'_>) {
        let Ok(given) = logged(plan.body) else {
            self.unread += 1;
            return;
        };
        let text = given.query.clone().unwrap_or_default();
        if text.contains(MARKER) {
            self.own += 1;
            return;
        }
        let name = self.name_of(&text);
        let full = self.groups.len() >= MOST_STATEMENTS;
        match self.groups.entry(name) {
            Entry::Vacant(_) if full => self.beyond += 1,
            Entry::Vacant(vacant) => {
                vacant.insert(Group::new(plan, given, &text));
            }
            Entry::Occupied(mut group) => group.get_mut().add(plan, given),
        }
    }

    /// Statements that are the same but for their constants have one name.
    fn name_of(&mut self, text: &str) -> String {
        let key = hash(text);
        if let Some(name) = self.names.get(&key) {
            return name.clone();
        }
        let name = fingerprint(text).unwrap_or_else(|| text.to_owned());
        if self.names.len() < MOST_STATEMENTS * 10 {
            self.names.insert(key, name.clone());
        }
        name
    }

    /// What was gathered, the statements with the slowest execution first.
    #[must_use]
    pub fn finish(self) -> Vec<ExplainedPlan> {
        let mut plans: Vec<ExplainedPlan> = self.groups.into_values().map(Group::finish).collect();
        let longest = |plan: &ExplainedPlan| plan.logged.as_ref().map_or(0.0, |l| l.longest.0);
        plans.sort_by(|a, b| {
            longest(b)
                .total_cmp(&longest(a))
                .then_with(|| a.text.cmp(&b.text))
        });
        plans
    }
}

impl Group {
    fn new(plan: &LoggedPlan<'_>, given: GivenPlan, text: &str) -> Self {
        let mut group = Self {
            executions: LoggedExecutions::default(),
            fingerprint: fingerprint(text),
            slowest: given.clone(),
            shapes: HashSet::new(),
        };
        group.add(plan, given);
        group
    }

    fn add(&mut self, plan: &LoggedPlan<'_>, given: GivenPlan) {
        let executions = &mut self.executions;
        executions.count += 1;
        executions.total = Millis(executions.total.0 + plan.took.0);
        executions
            .databases
            .extend(plan.database.map(str::to_owned));
        self.shapes.insert(shape(&given.document));
        if executions.count == 1 || plan.took.0 > executions.longest.0 {
            executions.longest = plan.took;
            executions.longest_at = plan.at;
            self.slowest = given;
        }
    }

    fn finish(self) -> ExplainedPlan {
        let document = self.slowest.document;
        let executed = document.pointer("/Plan/Actual Loops").is_some();
        let id = document.get("Query Identifier").and_then(Value::as_i64);
        ExplainedPlan {
            source: None,
            query_id: id.filter(|id| *id != 0).map(QueryId),
            fingerprint: self.fingerprint,
            text: self.slowest.query,
            parameter_types: Vec::new(),
            logged: Some(LoggedExecutions {
                shapes: self.shapes.len() as u64,
                ..self.executions
            }),
            mode: if executed {
                PlanMode::Analyzed
            } else {
                PlanMode::Custom
            },
            plan: Some(document),
            error: None,
            notes: if executed {
                Vec::new()
            } else {
                vec![
                    "The log has estimates only: auto_explain.log_analyze was off, and what a node did is not known."
                        .to_owned(),
                ]
            },
        }
    }
}

/// Node types with their tables and indexes, in order: what makes two plans the same but for their figures.
fn shape(document: &Value) -> u64 {
    fn walk(node: &Value, hasher: &mut DefaultHasher) {
        for key in [
            "Node Type",
            "Join Type",
            "Relation Name",
            "Index Name",
            "Subplan Name",
        ] {
            node.get(key).and_then(Value::as_str).hash(hasher);
        }
        let children = node.get("Plans").and_then(Value::as_array);
        let children = children.map(Vec::as_slice).unwrap_or_default();
        children.len().hash(hasher);
        for child in children {
            walk(child, hasher);
        }
    }
    let mut hasher = DefaultHasher::new();
    walk(&document["Plan"], &mut hasher);
    hasher.finish()
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn plan(took: f64, body: &str) -> LoggedPlan<'_> {
        LoggedPlan {
            at: None,
            took: Millis(took),
            database: Some("shop"),
            body,
        }
    }

    fn body(query: &str, node: &str) -> String {
        format!("Query Text: {query}\n{node}  (cost=0.00..1.00 rows=1 width=4)")
    }

    #[test]
    fn statements_that_differ_by_constants_are_one_and_the_slowest_is_shown() {
        let mut gather = Gather::default();
        let seq = body("SELECT * FROM t WHERE a = 1", "Seq Scan on t");
        let index = body("SELECT * FROM t WHERE a = 2", "Index Scan using i on t");
        let other = body("SELECT 1", "Result");
        for (took, body) in [(5.0, &seq), (50.0, &index), (7.0, &seq), (20.0, &other)] {
            gather.add(&plan(took, body));
        }
        gather.add(&plan(99.0, "damaged"));
        let asked = body(
            "PREPARE /* dbperf */ p AS SELECT * FROM t WHERE a = $1",
            "Seq Scan on t",
        );
        gather.add(&plan(99.0, &asked));
        assert_eq!((gather.unread, gather.own), (1, 1));
        let plans = gather.finish();
        assert_eq!(plans.len(), 2);
        let first = plans[0].logged.as_ref().unwrap();
        assert_eq!(
            (first.count, first.longest, first.shapes),
            (3, Millis(50.0), 2)
        );
        assert_eq!(first.total, Millis(62.0));
        assert_eq!(first.databases, BTreeSet::from(["shop".to_owned()]));
        assert_eq!(
            plans[0].text.as_deref(),
            Some("SELECT * FROM t WHERE a = 2")
        );
        assert_eq!(
            plans[0].plan.as_ref().unwrap()["Plan"]["Node Type"],
            "Index Scan"
        );
        assert_eq!(plans[1].mode, PlanMode::Custom);
    }
}
