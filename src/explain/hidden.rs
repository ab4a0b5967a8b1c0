//! Plans without indexes that exist: `HypoPG` 1.4 hides them from the planner in one session.
//!
//! Nothing is dropped and no other session notices. Each statement is planned with all indexes and
//! with the given ones hidden; only where that differs, with each of them hidden alone. The plan that
//! is best with all indexes and uses none of the hidden ones is the best with any of them hidden, so
//! an equal pair settles every index at once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_postgres::Client;

use super::ladder::{Candidate, ExplainOptions, planned};
use crate::record::indexes::{HiddenChange, HiddenIndexes};

/// An index that may be dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hide {
    /// The index that a verdict is about.
    pub indexrelid: u32,
    /// The indexes that go with it: itself, or those of all partitions.
    pub members: Vec<u32>,
    /// Names of their tables, as a plan shows them.
    pub tables: Vec<String>,
}

/// Asks for plans with indexes hidden, in a session of its own.
#[derive(Debug)]
pub struct HiddenProbe<'a> {
    client: &'a Client,
    /// The quoted schema of `HypoPG`.
    schema: String,
    options: ExplainOptions,
}

impl<'a> HiddenProbe<'a> {
    /// A probe over a session that ends afterwards: what it hides is forgotten with it.
    #[must_use]
    pub fn new(client: &'a Client, schema: &str, options: ExplainOptions) -> Self {
        Self {
            client,
            schema: format!("\"{}\"", schema.replace('"', "\"\"")),
            options,
        }
    }

    /// Plans every statement with and without the indexes until `limit` is over.
    ///
    /// # Errors
    ///
    /// The server's words, where an index could not be hidden or shown again.
    pub async fn ask(
        &self,
        statements: &[Candidate],
        hide: &[Hide],
        limit: Duration,
    ) -> Result<HiddenIndexes, String> {
        let started = Instant::now();
        let mut answer = HiddenIndexes::default();
        let mut hide = hide.to_vec();
        let mut hidden = Vec::new();
        for index in hide.drain(..) {
            // What cannot be hidden is not proved.
            if self.hide(&index).await? {
                hidden.push(index);
            }
        }
        answer.indexes = hidden.iter().map(|index| index.indexrelid).collect();
        for candidate in statements {
            if started.elapsed() > limit {
                answer.not_asked += 1;
                continue;
            }
            self.show_all().await?;
            let Some(all) = planned(self.client, candidate, &self.options).await else {
                answer.without_plan += 1;
                continue;
            };
            answer.statements += 1;
            let tables = relations(&all);
            let concerned = hidden.iter().filter(|index| {
                let mut names = index.tables.iter();
                names.any(|name| tables.contains(name))
            });
            let concerned: Vec<&Hide> = concerned.collect();
            if !concerned.is_empty() {
                self.compare(candidate, &all, &concerned, &mut answer)
                    .await?;
            }
        }
        self.show_all().await?;
        Ok(answer)
    }

    async fn compare(
        &self,
        candidate: &Candidate,
        all: &Value,
        concerned: &[&Hide],
        answer: &mut HiddenIndexes,
    ) -> Result<(), String> {
        for index in concerned {
            self.hide(index).await?;
        }
        let without = planned(self.client, candidate, &self.options).await;
        if without.as_ref().is_some_and(|without| equal(all, without)) {
            return Ok(());
        }
        let mut dearest = cost(all);
        for index in concerned {
            self.show_all().await?;
            self.hide(index).await?;
            let alone = planned(self.client, candidate, &self.options).await;
            if alone.as_ref().is_none_or(|alone| !equal(all, alone)) {
                let which = vec![index.indexrelid];
                let change = change(candidate, which, all, alone.as_ref());
                dearest = dearest.zip(change.cost_after).map(|(a, b)| a.max(b));
                answer.changes.push(change);
            }
        }
        // Together they may do what none does alone: two that stand in for each other.
        let together = without.as_ref().and_then(cost);
        if together
            .zip(dearest)
            .is_none_or(|(together, dearest)| together > dearest)
        {
            let which = self.culprits(candidate, concerned, dearest).await?;
            let change = change(candidate, which, all, without.as_ref());
            answer.changes.push(change);
        }
        Ok(())
    }

    /// The indexes that make the difference where all are hidden: with one of them shown the plan is no
    /// dearer than without any single one. All, where no single one does.
    async fn culprits(
        &self,
        candidate: &Candidate,
        concerned: &[&Hide],
        dearest: Option<f64>,
    ) -> Result<Vec<u32>, String> {
        let mut culprits = Vec::new();
        for shown in concerned {
            self.show_all().await?;
            for index in concerned.iter().filter(|index| *index != shown) {
                self.hide(index).await?;
            }
            let plan = planned(self.client, candidate, &self.options).await;
            let cost = plan.as_ref().and_then(cost);
            if cost
                .zip(dearest)
                .is_some_and(|(cost, dearest)| cost <= dearest)
            {
                culprits.push(shown.indexrelid);
            }
        }
        if culprits.is_empty() {
            culprits.extend(concerned.iter().map(|index| index.indexrelid));
        }
        Ok(culprits)
    }

    /// Hides an index with all that belongs to it; `false` where `HypoPG` does not know one.
    async fn hide(&self, index: &Hide) -> Result<bool, String> {
        let mut all = true;
        for oid in &index.members {
            let sql = format!("SELECT /* dbperf */ {}.hypopg_hide_index($1)", self.schema);
            let row = self.client.query_one(&sql, &[oid]).await;
            let done: bool = row.and_then(|row| row.try_get(0)).map_err(|e| words(&e))?;
            all &= done;
        }
        Ok(all)
    }

    async fn show_all(&self) -> Result<(), String> {
        let sql = format!(
            "SELECT /* dbperf */ {}.hypopg_unhide_all_indexes()",
            self.schema
        );
        let shown = self.client.execute(&sql, &[]).await;
        shown.map(|_| ()).map_err(|e| words(&e))
    }
}

/// No value stands in these statements, so no message holds one.
fn words(error: &tokio_postgres::Error) -> String {
    let message = error.as_db_error().map(|db| db.message().to_owned());
    message.unwrap_or_else(|| error.to_string())
}

fn change(
    candidate: &Candidate,
    indexrelids: Vec<u32>,
    all: &Value,
    without: Option<&Value>,
) -> HiddenChange {
    HiddenChange {
        query_id: candidate.query_id,
        indexrelids,
        cost_before: cost(all),
        cost_after: without.and_then(cost),
        same_shape: without.is_some_and(|without| shape(all) == shape(without)),
    }
}

fn cost(plan: &Value) -> Option<f64> {
    plan.pointer("/Plan/Total Cost").and_then(Value::as_f64)
}

/// The same nodes with the same numbers.
fn equal(a: &Value, b: &Value) -> bool {
    a.get("Plan").is_some() && a.get("Plan") == b.get("Plan")
}

/// The plan without its numbers and without the names of its indexes.
fn shape(plan: &Value) -> Value {
    match plan {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(key, value)| {
                !value.is_number() && !matches!(key.as_str(), "Index Name" | "Query Identifier")
            });
            Value::Object(
                kept.map(|(key, value)| (key.clone(), shape(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(shape).collect()),
        other => other.clone(),
    }
}

/// The tables that a plan reads or writes.
fn relations(plan: &Value) -> BTreeSet<String> {
    fn collect(plan: &Value, names: &mut BTreeSet<String>) {
        match plan {
            Value::Object(fields) => {
                if let Some(Value::String(name)) = fields.get("Relation Name") {
                    names.insert(name.clone());
                }
                fields.values().for_each(|value| collect(value, names));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
            _ => {}
        }
    }
    let mut names = BTreeSet::new();
    collect(plan, &mut names);
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scan(index: &str, cost: f64) -> Value {
        json!({"Plan": {"Node Type": "Limit", "Total Cost": cost, "Plans": [{
            "Node Type": "Index Scan", "Index Name": index, "Relation Name": "t",
            "Index Cond": "(a = $1)", "Total Cost": cost}]}})
    }

    #[test]
    fn another_index_is_the_same_shape_and_another_node_is_not() {
        assert!(equal(&scan("i", 8.0), &scan("i", 8.0)));
        assert!(!equal(&scan("i", 8.0), &scan("j", 8.0)));
        assert_eq!(shape(&scan("i", 8.0)), shape(&scan("j", 9.0)));
        let mut other = scan("i", 8.0);
        other["Plan"]["Plans"][0]["Index Cond"] = json!("(b = $1)");
        assert_ne!(shape(&scan("i", 8.0)), shape(&other));
        assert_eq!(relations(&other), BTreeSet::from(["t".to_owned()]));
        assert!(
            !equal(&json!({}), &json!({})),
            "no plan is equal to nothing"
        );
    }
}
