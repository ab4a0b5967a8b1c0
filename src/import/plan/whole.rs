//! What EXPLAIN's text form tells of the whole plan, behind its nodes.

use serde_json::{Map, Value, json};

use super::properties::{self, key_and_value, number, of_number};

/// The keys of the whole plan, as far as they were read.
#[derive(Default)]
pub(super) struct Whole {
    fields: Map<String, Value>,
    /// `Planning:` or `JIT:`, to which the lines below belong.
    section: Option<&'static str>,
}

/// A line at column 0 begins what is told of the whole plan.
pub(super) fn begins(text: &str) -> bool {
    const STARTS: [&str; 8] = [
        "Planning",
        "Execution Time",
        "Settings",
        "Query Identifier",
        "JIT",
        "Trigger",
        "Serialization",
        "Memory",
    ];
    STARTS.iter().any(|start| text.starts_with(start))
}

impl Whole {
    /// A line at column 0.
    pub(super) fn line(&mut self, text: &str) {
        self.section = None;
        if let Some(trigger) = text.strip_prefix("Trigger ") {
            self.trigger(trigger);
            return;
        }
        let Some((key, value)) = key_and_value(text) else {
            return;
        };
        match key {
            "Planning" => self.section = Some("Planning"),
            "JIT" => self.section = Some("JIT"),
            "Settings" => {
                let settings = settings(value);
                self.fields.insert(key.to_owned(), Value::Object(settings));
            }
            "Serialization" => {
                let mut told = Map::new();
                for part in value.split("  ") {
                    match part.split_once('=') {
                        Some(("time", time)) => number(&mut told, "Time", time),
                        Some(("output", volume)) => number(&mut told, "Output Volume", volume),
                        Some(("format", format)) => {
                            told.insert("Format".to_owned(), Value::from(format));
                        }
                        _ => {}
                    }
                }
                self.fields.insert(key.to_owned(), Value::Object(told));
            }
            _ => number(&mut self.fields, key, value),
        }
    }

    /// A line below one of these.
    pub(super) fn below(&mut self, text: &str) {
        let Some((section, (key, value))) = self.section.zip(key_and_value(text)) else {
            return;
        };
        let fields = self.fields.entry(section).or_insert_with(|| json!({}));
        let Some(fields) = fields.as_object_mut() else {
            return;
        };
        match key {
            "Memory" => {
                for part in value.split("  ") {
                    if let Some((what, size)) = part.split_once('=') {
                        let what = if what == "used" { "Used" } else { "Allocated" };
                        number(fields, &format!("Memory {what}"), size);
                    }
                }
            }
            "Options" => {
                let options = value.split(", ").filter_map(|part| part.rsplit_once(' '));
                let options =
                    options.map(|(name, on)| (name.to_owned(), Value::Bool(on == "true")));
                fields.insert(key.to_owned(), Value::Object(options.collect()));
            }
            "Timing" => {
                fields.insert(key.to_owned(), Value::Object(timing(value)));
            }
            _ => properties::add(fields, key, value),
        }
    }

    /// `noted on watched: time=0.1 calls=3`, or `for constraint pets_owner_fkey: …`.
    fn trigger(&mut self, told: &str) {
        let Some((name, figures)) = told.rsplit_once(": ") else {
            return;
        };
        let mut fields = Map::new();
        for word in figures.split_whitespace() {
            match word.split_once('=') {
                Some(("time", time)) => number(&mut fields, "Time", time),
                Some(("calls", calls)) => number(&mut fields, "Calls", calls),
                _ => {}
            }
        }
        let (name, relation) = match name.rsplit_once(" on ") {
            Some((name, relation)) => (name, Some(relation)),
            None => (name, None),
        };
        let key = match name.strip_prefix("for constraint ") {
            Some(_) => "Constraint Name",
            None => "Trigger Name",
        };
        let name = name.strip_prefix("for constraint ").unwrap_or(name);
        fields.insert(key.to_owned(), Value::from(name));
        if let Some(relation) = relation {
            fields.insert("Relation".to_owned(), Value::from(relation));
        }
        let triggers = self.fields.entry("Triggers").or_insert_with(|| json!([]));
        if let Some(triggers) = triggers.as_array_mut() {
            triggers.push(Value::Object(fields));
        }
    }

    pub(super) fn finish(self) -> Map<String, Value> {
        self.fields
    }
}

/// `work_mem = '64kB', jit = 'off'`.
fn settings(value: &str) -> Map<String, Value> {
    let pairs = value
        .split("', ")
        .filter_map(|pair| pair.split_once(" = '"));
    pairs
        .map(|(name, value)| {
            let value = value.strip_suffix('\'').unwrap_or(value);
            (name.to_owned(), Value::from(value))
        })
        .collect()
}

/// `Generation 0.5 ms (Deform 0.1 ms), Inlining 0.0 ms, …, Total 3.0 ms`.
fn timing(value: &str) -> Map<String, Value> {
    let mut fields = Map::new();
    for part in value.split(", ") {
        let part = part.split(" (").next().unwrap_or(part);
        if let Some((name, time)) = part.split_once(' ')
            && let Some(time) = of_number(time)
        {
            fields.insert(name.to_owned(), time);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_told_as_in_the_json_form() {
        let mut whole = Whole::default();
        whole.line("Settings: work_mem = '64kB', search_path = 'a, b'");
        whole.line("Query Identifier: -42");
        whole.line("Planning:");
        whole.below("Buffers: shared hit=9");
        whole.below("Memory: used=12kB  allocated=16kB");
        whole.line("Planning Time: 0.312 ms");
        whole.line("JIT:");
        whole.below("Functions: 4");
        whole.below("Options: Inlining false, Optimization true");
        whole.below("Timing: Generation 0.5 ms (Deform 0.1 ms), Inlining 0.000 ms, Total 3.250 ms");
        whole.line("Trigger for constraint pets_owner_fkey: time=1.500 calls=50");
        whole.line("Trigger noted on watched: time=0.500 calls=1");
        whole.line("Serialization: time=0.100 ms  output=3kB  format=text");
        whole.line("Execution Time: 9.125 ms");
        let all = Value::Object(whole.finish());
        assert_eq!(
            all["Settings"],
            json!({"work_mem": "64kB", "search_path": "a, b"})
        );
        assert_eq!(
            (&all["Query Identifier"], &all["Planning Time"]),
            (&json!(-42), &json!(0.312))
        );
        assert_eq!(all["Planning"]["Shared Hit Blocks"], 9);
        assert_eq!(all["Planning"]["Memory Used"], 12);
        assert_eq!(all["JIT"]["Timing"]["Total"], 3.25);
        assert_eq!(all["JIT"]["Options"]["Optimization"], true);
        assert_eq!(
            all["Triggers"][0],
            json!({"Constraint Name": "pets_owner_fkey", "Time": 1.5, "Calls": 50})
        );
        assert_eq!(all["Triggers"][1]["Relation"], "watched");
        assert_eq!(
            all["Serialization"],
            json!({"Time": 0.1, "Output Volume": 3, "Format": "text"})
        );
        assert_eq!(all["Execution Time"], 9.125);
    }
}
