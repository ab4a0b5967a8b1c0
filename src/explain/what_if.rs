//! Plans with indexes that the database does not have.
//!
//! Two places to see them: `HypoPG` in a guarded session of any server, where nothing is built or
//! written and all is forgotten with the session; and a throwaway server, where they are built,
//! shown and hidden in transactions that are rolled back, and dropped at the end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_postgres::Client;

use super::error::ProbeError;
use super::gate::with_casts;
use super::ladder::{Candidate, ExplainOptions, PREPARED, execute, explain, prologue, values_of};
use crate::record::what_if::{Trial, TriedIndex};
use crate::record::{Bytes, QueryId};

/// Where the planner sees the indexes.
#[derive(Debug)]
enum Place {
    /// The schema of `HypoPG`.
    Hypopg(String),
    /// Oids of the indexes that were built, by position.
    Built(Vec<Option<u32>>),
}

/// By how much pages are made cheaper to see what they cost: so little that the plan stays, and so much that the
/// two decimals of a cost tell.
const PAGES_CHEAPER: f64 = 0.02;

/// What a plan with these of the indexes costs, and the part of it that is for pages.
type PricedPlan = (f64, Option<f64>);

/// Asks for the costs of statements with some of the indexes.
#[derive(Debug)]
pub struct WhatIfProbe<'a> {
    client: &'a Client,
    options: ExplainOptions,
    place: Place,
    definitions: Vec<String>,
    /// Plans whose pages are priced, by statement and by the indexes that they use.
    priced: BTreeMap<(QueryId, Vec<usize>), PricedPlan>,
}

impl<'a> WhatIfProbe<'a> {
    /// With the hypothetical indexes of `HypoPG` in this schema, in a guarded session.
    #[must_use]
    pub fn hypothetical(client: &'a Client, schema: &str, options: ExplainOptions) -> Self {
        let schema = format!("\"{}\"", schema.replace('"', "\"\""));
        Self {
            client,
            options,
            place: Place::Hypopg(schema),
            definitions: Vec::new(),
            priced: BTreeMap::new(),
        }
    }

    /// With indexes that are built in a throwaway server, by its superuser.
    #[must_use]
    pub fn built(client: &'a Client, options: ExplainOptions) -> Self {
        Self {
            client,
            options,
            place: Place::Built(Vec::new()),
            definitions: Vec::new(),
            priced: BTreeMap::new(),
        }
    }

    /// Tries every definition by itself: its size, or why the server refuses it. Those that are to be
    /// built and are not when `limit` is over are refused.
    ///
    /// # Errors
    ///
    /// Why nothing could be tried at all.
    pub async fn prepare(
        &mut self,
        definitions: &[String],
        limit: Duration,
    ) -> Result<Vec<TriedIndex>, String> {
        self.definitions = definitions.to_vec();
        let tried = match &self.place {
            Place::Hypopg(schema) => self.imagine_each(&schema.clone()).await,
            Place::Built(_) => self.build_all(limit).await,
        };
        tried.map_err(|e| e.words())
    }

    /// Costs of these statements where exactly these indexes are there beside those that exist. A
    /// statement that has no plan any more gives the reason.
    ///
    /// # Errors
    ///
    /// Why nothing could be asked at all.
    pub async fn costs(
        &mut self,
        indexes: &[usize],
        statements: &[&Candidate],
    ) -> Result<Vec<(QueryId, Result<Trial, String>)>, String> {
        let begin = match self.place {
            Place::Hypopg(_) => "BEGIN READ ONLY",
            Place::Built(_) => "BEGIN",
        };
        execute(self.client, begin).await.map_err(|e| e.words())?;
        let asked = self.costs_inside(indexes, statements).await;
        let _ = execute(self.client, "ROLLBACK").await;
        asked.map_err(|e| e.words())
    }

    /// Drops what was built.
    ///
    /// # Errors
    ///
    /// The server's refusal; a throwaway server takes them along anyway.
    pub async fn finish(self) -> Result<(), String> {
        let Place::Built(oids) = &self.place else {
            return Ok(());
        };
        for position in oids
            .iter()
            .enumerate()
            .filter_map(|(i, oid)| oid.map(|_| i))
        {
            let drop = format!("DROP INDEX /* dbperf */ {}", built_name(position));
            execute(self.client, &drop).await.map_err(|e| e.words())?;
        }
        Ok(())
    }

    async fn imagine_each(&self, schema: &str) -> Result<Vec<TriedIndex>, ProbeError> {
        execute(self.client, "BEGIN READ ONLY").await?;
        let tried = self.imagine_inside(schema).await;
        let _ = execute(self.client, "ROLLBACK").await;
        tried
    }

    async fn imagine_inside(&self, schema: &str) -> Result<Vec<TriedIndex>, ProbeError> {
        prologue(self.client, &self.options).await?;
        let mut tried = Vec::with_capacity(self.definitions.len());
        for definition in &self.definitions {
            forget(self.client, schema).await?;
            execute(self.client, "SAVEPOINT dbperf_try").await?;
            let size = match imagine(self.client, schema, definition).await {
                Ok((oid, _)) => hypothetical_size(self.client, schema, oid).await,
                Err(refused) => Err(refused),
            };
            if size.is_err() {
                execute(self.client, "ROLLBACK TO SAVEPOINT dbperf_try").await?;
            }
            tried.push(tried_index(definition, size));
        }
        forget(self.client, schema).await?;
        Ok(tried)
    }

    async fn build_all(&mut self, limit: Duration) -> Result<Vec<TriedIndex>, ProbeError> {
        let started = Instant::now();
        let timeout = self.options.statement_timeout.as_millis();
        execute(self.client, &format!("SET statement_timeout = {timeout}")).await?;
        let (mut tried, mut oids) = (Vec::new(), Vec::new());
        for (position, definition) in self.definitions.iter().enumerate() {
            let built = if started.elapsed() < limit {
                build(self.client, position, definition).await
            } else {
                let sec = limit.as_secs();
                Err(ProbeError::own(format!(
                    "the {sec} s for building candidates were over"
                )))
            };
            oids.push(built.as_ref().ok().map(|(oid, _)| *oid));
            tried.push(tried_index(definition, built.map(|(_, size)| size)));
        }
        let known: Vec<u32> = oids.iter().flatten().copied().collect();
        self.place = Place::Built(oids);
        analyze_expressions(self.client, &known).await?;
        Ok(tried)
    }

    async fn costs_inside(
        &mut self,
        indexes: &[usize],
        statements: &[&Candidate],
    ) -> Result<Vec<(QueryId, Result<Trial, String>)>, ProbeError> {
        prologue(self.client, &self.options).await?;
        let names = self.show(indexes).await?;
        let mut asked = Vec::with_capacity(statements.len());
        for statement in statements {
            let plan = self.tried_plan(statement).await?;
            let trial = plan.and_then(|plan| {
                trial(statement.query_id, indexes, &names, &plan)
                    .ok_or_else(|| ProbeError::own("its plan has no cost".to_owned()))
            });
            asked.push((statement.query_id, trial.map_err(|e| e.without_values())));
        }
        self.price_pages(statements, &mut asked).await?;
        if let Place::Hypopg(schema) = &self.place {
            // Behind a pooler the backend goes on without us.
            forget(self.client, schema).await?;
        }
        Ok(asked)
    }

    /// The plan of a statement; that it has none spoils nothing of the transaction.
    async fn tried_plan(
        &self,
        statement: &Candidate,
    ) -> Result<Result<Value, ProbeError>, ProbeError> {
        execute(self.client, "SAVEPOINT dbperf_try").await?;
        let plan = self.plan(statement).await;
        if plan.is_err() {
            execute(self.client, "ROLLBACK TO SAVEPOINT dbperf_try").await?;
        }
        // A prepared statement outlives the savepoint; there is none where values were bound.
        if !matches!(values_of(statement), Ok(Some(_))) {
            self.forget_prepared().await?;
        }
        Ok(plan)
    }

    /// The part of each cost that is for pages. The cost of a plan is linear in the prices of pages, so the plan
    /// that was chosen is asked for once more with pages that are a little cheaper. Plans with the same indexes
    /// and the same cost are the same. A tablespace with prices of its own keeps them, and its pages are not
    /// seen as such.
    async fn price_pages(
        &mut self,
        statements: &[&Candidate],
        asked: &mut [(QueryId, Result<Trial, String>)],
    ) -> Result<(), ProbeError> {
        let mut cheaper = false;
        for (statement, (id, trial)) in statements.iter().zip(asked) {
            let Ok(trial) = trial else { continue };
            let key = (*id, trial.used.clone());
            let known = self.priced.get(&key);
            if let Some((_, pages)) =
                known.filter(|(cost, _)| cost.total_cmp(&trial.total_cost).is_eq())
            {
                trial.page_cost = *pages;
                continue;
            }
            if !cheaper {
                make_pages_cheaper(self.client).await?;
                cheaper = true;
            }
            let plan = self.tried_plan(statement).await?.ok();
            let cost = plan.as_ref().and_then(total_cost);
            trial.page_cost = cost.map(|cost| {
                let saved = (trial.total_cost - cost) / PAGES_CHEAPER;
                saved.clamp(0.0, trial.total_cost)
            });
            self.priced.insert(key, (trial.total_cost, trial.page_cost));
        }
        Ok(())
    }

    /// Lets the planner see exactly these indexes; their names by position.
    async fn show(&self, indexes: &[usize]) -> Result<BTreeMap<String, usize>, ProbeError> {
        let mut names = BTreeMap::new();
        match &self.place {
            Place::Hypopg(schema) => {
                forget(self.client, schema).await?;
                for position in indexes {
                    let definition = self.definitions.get(*position);
                    let definition = definition.map_or("", String::as_str);
                    let (_, name) = imagine(self.client, schema, definition).await?;
                    names.insert(name, *position);
                }
            }
            Place::Built(oids) => {
                let hidden = oids.iter().enumerate();
                let hidden: Vec<u32> = hidden
                    .filter(|(position, _)| !indexes.contains(position))
                    .filter_map(|(_, oid)| *oid)
                    .collect();
                // The planner does not look at an invalid index. The change is rolled back.
                let hide = "UPDATE /* dbperf */ pg_catalog.pg_index SET indisvalid = false \
                            WHERE indexrelid = ANY ($1)";
                self.client.execute(hide, &[&hidden]).await?;
                names.extend(indexes.iter().map(|i| (built_name(*i), *i)));
            }
        }
        Ok(names)
    }

    async fn plan(&self, statement: &Candidate) -> Result<Value, ProbeError> {
        let text = with_casts(&statement.text);
        match values_of(statement).map_err(ProbeError::refused)? {
            Some(values) => explain(self.client, "COSTS", &text, &values).await,
            None => super::ladder::explain_prepared(self.client, "COSTS", &statement.text).await,
        }
    }

    async fn forget_prepared(&self) -> Result<(), ProbeError> {
        let there = "SELECT /* dbperf */ 1 FROM pg_catalog.pg_prepared_statements WHERE name = $1";
        if self.client.query_opt(there, &[&PREPARED]).await?.is_some() {
            execute(self.client, &format!("DEALLOCATE {PREPARED}")).await?;
        }
        Ok(())
    }
}

fn tried_index(definition: &str, size: Result<i64, ProbeError>) -> TriedIndex {
    let (size, refused) = match size {
        Ok(size) => (Some(size), None),
        Err(refused) => (None, Some(refused.words())),
    };
    TriedIndex {
        definition: definition.to_owned(),
        size_bytes: size.and_then(|s| u64::try_from(s).ok()).map(Bytes),
        refused,
    }
}

/// The cost of a plan and the tried indexes that stand in it.
fn trial(
    query_id: QueryId,
    indexes: &[usize],
    names: &BTreeMap<String, usize>,
    plan: &Value,
) -> Option<Trial> {
    let total_cost = total_cost(plan)?;
    let mut used = Vec::new();
    find_used(plan, names, &mut used);
    used.sort_unstable();
    used.dedup();
    Some(Trial {
        query_id,
        indexes: indexes.to_vec(),
        total_cost,
        page_cost: None,
        used,
    })
}

fn total_cost(plan: &Value) -> Option<f64> {
    plan.pointer("/Plan/Total Cost")?.as_f64()
}

/// Until the transaction ends.
async fn make_pages_cheaper(client: &Client) -> Result<(), ProbeError> {
    let sql = "SELECT /* dbperf */ pg_catalog.set_config(name, \
               (setting::float8 * (1 - $1::float8))::text, true) \
               FROM pg_catalog.pg_settings WHERE name IN ('seq_page_cost', 'random_page_cost')";
    client.execute(sql, &[&PAGES_CHEAPER]).await?;
    Ok(())
}

fn find_used(plan: &Value, names: &BTreeMap<String, usize>, used: &mut Vec<usize>) {
    match plan {
        Value::Object(fields) => {
            let name = fields.get("Index Name").and_then(Value::as_str);
            used.extend(name.and_then(|n| names.get(n)));
            fields.values().for_each(|v| find_used(v, names, used));
        }
        Value::Array(items) => items.iter().for_each(|v| find_used(v, names, used)),
        _ => {}
    }
}

/// Makes a hypothetical index: its oid and its name.
async fn imagine(
    client: &Client,
    schema: &str,
    definition: &str,
) -> Result<(u32, String), ProbeError> {
    let sql = format!(
        "SELECT /* dbperf */ indexrelid, indexname::text FROM {schema}.hypopg_create_index($1)"
    );
    let row = client.query_one(&sql, &[&definition]).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

async fn hypothetical_size(client: &Client, schema: &str, oid: u32) -> Result<i64, ProbeError> {
    let sql = format!("SELECT /* dbperf */ {schema}.hypopg_relation_size($1)");
    Ok(client.query_one(&sql, &[&oid]).await?.try_get(0)?)
}

/// Drops all hypothetical indexes of the session.
async fn forget(client: &Client, schema: &str) -> Result<(), ProbeError> {
    execute(
        client,
        &format!("SELECT /* dbperf */ {schema}.hypopg_reset()"),
    )
    .await
}

fn built_name(position: usize) -> String {
    format!("dbperf_try_{position}")
}

/// Builds an index: its oid and its size.
async fn build(
    client: &Client,
    position: usize,
    definition: &str,
) -> Result<(u32, i64), ProbeError> {
    let name = built_name(position);
    let rest = definition.strip_prefix("CREATE INDEX ").unwrap_or_default();
    execute(client, &format!("CREATE INDEX /* dbperf */ {name} {rest}")).await?;
    let sql = "SELECT /* dbperf */ c.oid, pg_catalog.pg_relation_size(c.oid) \
               FROM pg_catalog.pg_class AS c WHERE c.relname = $1 AND c.relkind IN ('i', 'I')";
    let row = client.query_one(sql, &[&name]).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// An index on an expression has statistics of its own, which only ANALYZE makes.
async fn analyze_expressions(client: &Client, oids: &[u32]) -> Result<(), ProbeError> {
    let sql = "SELECT /* dbperf */ DISTINCT i.indrelid::pg_catalog.regclass::text \
               FROM pg_catalog.pg_index AS i \
               WHERE i.indexrelid = ANY ($1) AND i.indexprs IS NOT NULL";
    for row in client.query(sql, &[&oids]).await? {
        let table: String = row.try_get(0)?;
        execute(client, &format!("ANALYZE /* dbperf */ {table}")).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_trial_knows_its_cost_and_which_indexes_were_used() {
        let plan = json!({"Plan": {"Node Type": "Nested Loop", "Total Cost": 12.5, "Plans": [
            {"Node Type": "Index Scan", "Index Name": "<7>btree_a"},
            {"Node Type": "Bitmap Heap Scan", "Plans": [
                {"Node Type": "Bitmap Index Scan", "Index Name": "<7>btree_a"}]},
            {"Node Type": "Index Scan", "Index Name": "orders_pkey"},
        ]}});
        let names = BTreeMap::from([("<7>btree_a".to_owned(), 3), ("<8>btree_b".to_owned(), 5)]);
        let trial = trial(QueryId(1), &[3, 5], &names, &plan).unwrap();
        assert_eq!((trial.total_cost, trial.used), (12.5, vec![3]));
        assert_eq!(super::trial(QueryId(1), &[], &names, &json!({})), None);
    }
}
