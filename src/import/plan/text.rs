//! EXPLAIN's text form becomes what its JSON form would have been.
//!
//! Indentation is the structure: a node's label stands at some column L (0 for the top node, behind `->  ` for the
//! others), its properties at L + 2, its children's arrows at L + 2, and the name of a subplan at L + 2 with the
//! arrow of its top node at L + 4. Lines at column 0 behind the top node tell of the whole plan.

use serde_json::{Map, Value, json};

use super::document::PlanProblem;
use super::properties::{self, key_and_value, number};
use super::{label, whole};

const ARROW: &str = "->  ";

/// A node while its lines are read.
struct Draft {
    column: usize,
    fields: Map<String, Value>,
    children: Vec<usize>,
    /// The last property that is text, to which a line without a key belongs.
    open: Option<String>,
}

/// Reads a plan, the line of its top node first.
pub(super) fn read(lines: &[&str]) -> Result<Value, PlanProblem> {
    let mut reader = Reader::default();
    for (i, line) in lines.iter().enumerate() {
        let next = lines.get(i + 1).copied().unwrap_or_default();
        reader.line(i, line, next)?;
    }
    reader.finish()
}

/// Where a line begins the cost figures of a node.
pub(super) fn is_node(line: &str) -> bool {
    figures(line).is_some()
}

#[derive(Default)]
struct Reader {
    nodes: Vec<Draft>,
    /// The node of the last line and its ancestors.
    path: Vec<usize>,
    /// Column and name of a subplan whose top node comes next.
    subplan: Option<(usize, String)>,
    whole: whole::Whole,
    in_whole: bool,
}

impl Reader {
    fn line(&mut self, i: usize, line: &str, next: &str) -> Result<(), PlanProblem> {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        let text = text.trim_end();
        if i == 0 {
            return self.node(0, text, None);
        }
        if let Some(label) = text.strip_prefix(ARROW) {
            while self.top().is_some_and(|top| top.column + 2 > indent) {
                self.path.pop();
            }
            let named = self.subplan.take();
            let named = named
                .filter(|(column, _)| column + 2 == indent)
                .map(|(_, name)| name);
            return self.node(indent + ARROW.len(), label, named);
        }
        if indent == 0 && !text.is_empty() && (self.in_whole || whole::begins(text)) {
            self.in_whole = true;
            self.whole.line(text);
        } else if self.in_whole {
            self.whole.below(text);
        } else if is_subplan(indent, next) && key_and_value(text).is_none_or(|(_, v)| v.is_empty())
        {
            self.subplan = Some((indent, text.to_owned()));
        } else {
            self.property(indent, text);
        }
        Ok(())
    }

    fn top(&self) -> Option<&Draft> {
        self.path.last().map(|last| &self.nodes[*last])
    }

    fn node(
        &mut self,
        column: usize,
        text: &str,
        subplan: Option<String>,
    ) -> Result<(), PlanProblem> {
        let (label, estimated, actual) =
            figures(text).ok_or_else(|| PlanProblem::NoCosts(words(text)))?;
        let mut fields = label::read(label).ok_or_else(|| PlanProblem::Kind(words(label)))?;
        fields.extend(estimated);
        fields.extend(actual);
        let position = self.nodes.len();
        let parent = self.path.last().copied();
        if parent.is_none() && position > 0 {
            return Err(PlanProblem::Tree(words(label)));
        }
        if let Some(parent) = parent {
            let relationship = match &subplan {
                Some(name) if name.starts_with("SubPlan") => "SubPlan",
                Some(_) => "InitPlan",
                None => self.relationship(parent),
            };
            fields.insert("Parent Relationship".to_owned(), Value::from(relationship));
            self.nodes[parent].children.push(position);
        }
        if let Some(name) = subplan {
            fields.insert("Subplan Name".to_owned(), Value::from(name));
        }
        self.nodes.push(Draft {
            column,
            fields,
            children: Vec::new(),
            open: None,
        });
        self.path.push(position);
        Ok(())
    }

    /// What the next child of a node is to it.
    fn relationship(&self, parent: usize) -> &'static str {
        let parent = &self.nodes[parent];
        let is_subplan = |child: &usize| self.nodes[*child].fields.contains_key("Subplan Name");
        let before = parent
            .children
            .iter()
            .filter(|child| !is_subplan(child))
            .count();
        match parent.fields.get("Node Type").and_then(Value::as_str) {
            Some("Append" | "Merge Append" | "BitmapAnd" | "BitmapOr") => "Member",
            Some("Subquery Scan") => "Subquery",
            _ if before == 0 => "Outer",
            _ => "Inner",
        }
    }

    fn property(&mut self, indent: usize, text: &str) {
        let Some(top) = self.path.last().copied() else {
            return;
        };
        let draft = &mut self.nodes[top];
        let inside = indent > draft.column + 2;
        let known = key_and_value(text).filter(|_| indent >= draft.column + 2);
        let Some((key, value)) = known else {
            // An expression with a line break in it.
            if let Some(Value::String(open)) = draft
                .open
                .as_ref()
                .and_then(|key| draft.fields.get_mut(key))
            {
                open.push('\n');
                open.push_str(text);
            }
            return;
        };
        if let Some(worker) = key.strip_prefix("Worker ").and_then(properties::of_number) {
            add_worker(draft, worker, value.trim());
        } else if inside && let Some(worker) = last_worker(draft) {
            properties::add(worker, key, value);
        } else {
            properties::add(&mut draft.fields, key, value);
            draft.open = Some(key.to_owned());
        }
    }

    fn finish(self) -> Result<Value, PlanProblem> {
        let mut built: Vec<Option<Value>> = vec![None; self.nodes.len()];
        // A child stands behind its parent.
        for (i, draft) in self.nodes.into_iter().enumerate().rev() {
            let mut fields = draft.fields;
            let children: Vec<Value> = draft
                .children
                .iter()
                .filter_map(|c| built[*c].take())
                .collect();
            if !children.is_empty() {
                fields.insert("Plans".to_owned(), Value::Array(children));
            }
            built[i] = Some(Value::Object(fields));
        }
        let root = built
            .first_mut()
            .and_then(Option::take)
            .ok_or(PlanProblem::NoNode)?;
        let mut document = self.whole.finish();
        document.insert("Plan".to_owned(), root);
        Ok(Value::Object(document))
    }
}

/// The next line is the arrow of a subplan's top node.
fn is_subplan(indent: usize, next: &str) -> bool {
    let text = next.trim_start();
    text.starts_with(ARROW) && next.len() - text.len() == indent + 2
}

fn add_worker(draft: &mut Draft, number: Value, value: &str) {
    let mut worker = Map::new();
    worker.insert("Worker Number".to_owned(), number);
    match value.strip_prefix("actual ") {
        Some(told) => worker.extend(actual_of(told).unwrap_or_default()),
        None => {
            if let Some((key, value)) = key_and_value(value) {
                properties::add(&mut worker, key, value);
            }
        }
    }
    let workers = draft.fields.entry("Workers").or_insert_with(|| json!([]));
    if let Some(workers) = workers.as_array_mut() {
        workers.push(Value::Object(worker));
    }
}

fn last_worker(draft: &mut Draft) -> Option<&mut Map<String, Value>> {
    draft
        .fields
        .get_mut("Workers")?
        .as_array_mut()?
        .last_mut()?
        .as_object_mut()
}

/// Label, estimates, and what was executed.
type Figures<'a> = (&'a str, Map<String, Value>, Map<String, Value>);

/// `LABEL  (cost=1.00..2.00 rows=3 width=4) (actual time=0.1..0.2 rows=3 loops=1)`.
fn figures(line: &str) -> Option<Figures<'_>> {
    let at = line.rfind("  (cost=")?;
    let rest = line[at..].strip_prefix("  (cost=")?;
    let (estimated, rest) = rest.split_once(')')?;
    let mut fields = Map::new();
    let mut parts = estimated.split(' ');
    let (startup, total) = parts.next()?.split_once("..")?;
    put(&mut fields, "Startup Cost", startup)?;
    put(&mut fields, "Total Cost", total)?;
    put(
        &mut fields,
        "Plan Rows",
        parts.next()?.strip_prefix("rows=")?,
    )?;
    put(
        &mut fields,
        "Plan Width",
        parts.next()?.strip_prefix("width=")?,
    )?;
    let rest = rest.trim();
    let actual = if rest.is_empty() {
        Map::new()
    } else if rest == "(never executed)" {
        actual_of("rows=0 loops=0")?
    } else {
        actual_of(rest.strip_prefix("(actual ")?.strip_suffix(')')?)?
    };
    Some((&line[..at], fields, actual))
}

/// `time=0.1..0.2 rows=3 loops=1`, without the time where the clock was off.
fn actual_of(told: &str) -> Option<Map<String, Value>> {
    let mut fields = Map::new();
    for part in told.split(' ') {
        match part.split_once('=')? {
            ("time", times) => {
                let (startup, total) = times.split_once("..")?;
                put(&mut fields, "Actual Startup Time", startup)?;
                put(&mut fields, "Actual Total Time", total)?;
            }
            ("rows", rows) => put(&mut fields, "Actual Rows", rows)?,
            ("loops", loops) => put(&mut fields, "Actual Loops", loops)?,
            _ => return None,
        }
    }
    fields.contains_key("Actual Loops").then_some(fields)
}

fn put(fields: &mut Map<String, Value>, key: &str, value: &str) -> Option<()> {
    number(fields, key, value);
    fields[key].is_number().then_some(())
}

/// The beginning of a text for a message: the kind of a node, and no name behind it that could be anything.
fn words(text: &str) -> String {
    text.split_whitespace()
        .take(3)
        .collect::<Vec<_>>()
        .join(" ")
}
