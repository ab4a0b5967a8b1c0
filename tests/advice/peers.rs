//! The methods of other advisors, written after their published descriptions.
//!
//! *Single columns*, as dexter does it: for each statement every column that stands in it gets a
//! hypothetical index, all at once; where that lowers the cost to less than a half and the plan uses at
//! most two of them, these are proposed. Statements that cost less than 100 are not looked at.
//!
//! *Greedy by the whole workload*, as postgres-mcp does it after Microsoft's Database Tuning Advisor:
//! combinations of up to three columns that stand in conditions of a statement; again and again the one
//! is taken that lowers the weighted cost of all statements most, as long as it lowers it by 10 % and
//! `log(cost) + 2 · log(bytes of tables and indexes)` falls. It ends when its time is over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use dbperf::pg::TextParam;
use serde_json::Value;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use crate::bench::Read;

/// Saving that the first method asks for.
const HALF: f64 = 0.5;
/// Cost below which it does not look at a statement.
const HIGH_COST: f64 = 100.0;
/// Indexes of one statement that it takes at most.
const FEW: usize = 2;

/// Columns of an index of the second method.
const WIDTH: usize = 3;
/// Saving of each step of it.
const STEP: f64 = 0.1;
/// Weight of bytes against cost.
const ALPHA: f64 = 2.0;
/// Its time.
const LIMIT: Duration = Duration::from_secs(30);

/// An index by table and columns.
pub(crate) type Index = (String, Vec<String>);

/// SQL that creates it.
pub(crate) fn create(index: &Index) -> String {
    format!("CREATE INDEX ON {} ({})", index.0, index.1.join(", "))
}

/// Columns of every table, in the order of the text, that stand in a statement after a word.
async fn columns_in(client: &Client, read: &Read, after: &str) -> Vec<(String, String)> {
    let sql = "SELECT c.relname::text, a.attname::text FROM pg_attribute a \
               JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' \
               JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public' \
               WHERE a.attnum > 0 AND NOT a.attisdropped";
    let text = read.sql.as_str();
    let (_, rest) = text.split_once(after).unwrap_or(("", text));
    let words = |text: &str| {
        let parts = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        parts.map(str::to_owned).collect::<Vec<String>>()
    };
    let (all, rest) = (words(text), words(rest));
    let mut found: Vec<(usize, String, String)> = Vec::new();
    for row in client.query(sql, &[]).await.unwrap() {
        let (table, column): (String, String) = (row.get(0), row.get(1));
        let position = rest.iter().position(|w| *w == column);
        if let Some(position) = position.filter(|_| all.contains(&table)) {
            found.push((position, table, column));
        }
    }
    found.sort();
    found.into_iter().map(|(_, t, c)| (t, c)).collect()
}

/// Hypothetical indexes: their names, and their bytes together.
async fn imagine(client: &Client, indexes: &[Index]) -> (BTreeMap<String, Index>, i64) {
    client.execute("SELECT hypopg_reset()", &[]).await.unwrap();
    let (mut names, mut bytes) = (BTreeMap::new(), 0);
    for index in indexes {
        let sql = "SELECT indexname::text, hypopg_relation_size(indexrelid) \
                   FROM hypopg_create_index($1)";
        let row = client.query_one(sql, &[&create(index)]).await.unwrap();
        bytes += row.get::<_, i64>(1);
        names.insert(row.get(0), index.clone());
    }
    (names, bytes)
}

/// Cost and plan with the hypothetical indexes of the session.
async fn explain(client: &Client, read: &Read) -> (f64, Value) {
    let values: Vec<TextParam<'_>> = read.draws[0]
        .iter()
        .map(|v| TextParam(v.as_deref()))
        .collect();
    let bound: Vec<&(dyn ToSql + Sync)> = values.iter().map(|v| v as _).collect();
    let sql = format!("EXPLAIN (FORMAT JSON) {}", read.sql);
    let plan: Value = client.query_one(&sql, &bound).await.unwrap().get(0);
    let cost = plan[0]["Plan"]["Total Cost"].as_f64().unwrap();
    (cost, plan)
}

/// Single columns, statement by statement.
pub(crate) async fn single_columns(client: &Client, reads: &[Read]) -> Vec<Index> {
    let mut proposed = BTreeSet::new();
    // It proposes nothing that an index begins with already.
    let exists = "SELECT i.indrelid::regclass::text, a.attname::text FROM pg_index i \
                  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]";
    let existing = client.query(exists, &[]).await.unwrap();
    let existing: BTreeSet<(String, String)> = existing
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    for read in reads {
        let (before, _) = explain_without(client, read).await;
        if before < HIGH_COST {
            continue;
        }
        let columns = columns_in(client, read, "").await;
        let singles: Vec<Index> = columns.into_iter().map(|(t, c)| (t, vec![c])).collect();
        let (names, _) = imagine(client, &singles).await;
        let (after, plan) = explain(client, read).await;
        let text = plan.to_string();
        let used: Vec<&Index> = names
            .iter()
            .filter(|(name, _)| text.contains(&format!("\"{name}\"")))
            .map(|(_, index)| index)
            .collect();
        if after < before * HALF && used.len() <= FEW {
            let is_new = |i: &&Index| !existing.contains(&(i.0.clone(), i.1[0].clone()));
            proposed.extend(used.into_iter().filter(is_new).cloned());
        }
    }
    client.execute("SELECT hypopg_reset()", &[]).await.unwrap();
    proposed.into_iter().collect()
}

async fn explain_without(client: &Client, read: &Read) -> (f64, Value) {
    client.execute("SELECT hypopg_reset()", &[]).await.unwrap();
    explain(client, read).await
}

/// Greedy by the cost of the whole workload.
pub(crate) async fn greedy(client: &Client, reads: &[Read]) -> Vec<Index> {
    let started = Instant::now();
    let candidates = combinations(client, reads).await;
    let tables: Vec<String> = candidates.iter().map(|(t, _)| t.clone()).collect();
    let space = "SELECT sum(pg_table_size(t::regclass))::int8 \
                 FROM (SELECT DISTINCT unnest($1::text[])) AS d (t)";
    let base: i64 = client.query_one(space, &[&tables]).await.unwrap().get(0);
    let mut costs = Costs::default();
    let mut chosen: Vec<Index> = Vec::new();
    let mut cost = costs.of(client, reads, &chosen).await;
    let mut objective = cost.0.ln() + ALPHA * (base as f64).ln();
    loop {
        let mut best: Option<(f64, f64, Index)> = None;
        for candidate in &candidates {
            if chosen.contains(candidate) || started.elapsed() > LIMIT {
                continue;
            }
            let mut with = chosen.clone();
            with.push(candidate.clone());
            let after = costs.of(client, reads, &with).await;
            let saving = (cost.0 - after.0) / cost.0;
            let reached = after.0.ln() + ALPHA * ((base + after.1) as f64).ln();
            let better = best.as_ref().is_none_or(|(most, ..)| saving > *most);
            if saving >= STEP && reached < objective && better {
                best = Some((saving, reached, candidate.clone()));
            }
        }
        let Some((_, reached, candidate)) = best else {
            break;
        };
        chosen.push(candidate);
        cost = costs.of(client, reads, &chosen).await;
        objective = reached;
    }
    client.execute("SELECT hypopg_reset()", &[]).await.unwrap();
    chosen
}

/// Combinations of columns of one table that stand in the conditions of one statement.
async fn combinations(client: &Client, reads: &[Read]) -> Vec<Index> {
    let mut found = BTreeSet::new();
    for read in reads {
        let mut by_table: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (table, column) in columns_in(client, read, "WHERE").await {
            by_table.entry(table).or_default().push(column);
        }
        for (table, columns) in by_table {
            let count = 1_u32 << columns.len().min(12);
            for bits in 1..count {
                if bits.count_ones() as usize > WIDTH {
                    continue;
                }
                let picked = columns.iter().enumerate();
                let picked = picked.filter(|(i, _)| bits & (1 << i) != 0);
                found.insert((table.clone(), picked.map(|(_, c)| c.clone()).collect()));
            }
        }
    }
    found.into_iter().collect()
}

/// Costs that were asked for: of a statement only the indexes on its tables matter.
#[derive(Default)]
struct Costs {
    by_statement: BTreeMap<(usize, Vec<Index>), f64>,
    bytes: BTreeMap<Index, i64>,
}

impl Costs {
    /// Weighted cost of all statements, and bytes of the indexes.
    async fn of(&mut self, client: &Client, reads: &[Read], indexes: &[Index]) -> (f64, i64) {
        let (mut cost, mut imagined) = (0.0, false);
        for (position, read) in reads.iter().enumerate() {
            let mut mine: Vec<Index> = indexes
                .iter()
                .filter(|(table, _)| read.sql.contains(table.as_str()))
                .cloned()
                .collect();
            mine.sort();
            let key = (position, mine);
            let asked = if let Some(asked) = self.by_statement.get(&key) {
                *asked
            } else {
                if !imagined {
                    imagine(client, indexes).await;
                    imagined = true;
                }
                explain(client, read).await.0
            };
            self.by_statement.insert(key, asked);
            cost += read.weight * asked;
        }
        let mut bytes = 0;
        for index in indexes {
            let size = match self.bytes.get(index) {
                Some(size) => *size,
                None => imagine(client, std::slice::from_ref(index)).await.1,
            };
            self.bytes.insert(index.clone(), size);
            bytes += size;
        }
        (cost, bytes)
    }
}
