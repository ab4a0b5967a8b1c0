//! A workload captured from `pg_stat_statements` of real servers, where what was run is known.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes helpers of tests for ordinary code; a failed step is a failed test"
)]

mod command;
mod odd;
#[path = "../support/mod.rs"]
mod support;
mod truth;

use std::collections::BTreeMap;

use dbperf::lab::{Lab, LabOptions};
use dbperf::pg::{SearchPath, Session, SessionOptions, resolve};
use dbperf::workload::statements::{CaptureError, CaptureOptions, StatementsCapture, capture};
use dbperf::workload::{Drawers, Samples, Value, Workload, WorkloadOperation, slot_types};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// A table whose columns are skewed and go together: `area` 1 has half of the rows, 2 a quarter, and so
/// on; `city` follows from `area`, and `code` from both.
const TABLES: &str = "CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
    CREATE TABLE orders (id int PRIMARY KEY, area int NOT NULL, city text NOT NULL, \
        placed timestamptz NOT NULL, email text UNIQUE, note text);
    INSERT INTO orders SELECT i, a, 'city of ' || a, \
        timestamptz '2024-01-01' + i * interval '1 hour', i || '@example.org', \
        CASE WHEN i % 4 = 0 THEN NULL ELSE 'note ' || i % 7 END \
        FROM (SELECT i, CASE WHEN i % 31 < 16 THEN 1 WHEN i % 31 < 24 THEN 2 \
              WHEN i % 31 < 28 THEN 3 ELSE 4 END AS a FROM generate_series(1, 6200) AS i) AS s;
    ANALYZE orders";

const ALL: CaptureOptions = CaptureOptions {
    writes: true,
    top: 100,
    min_calls: 1,
};

const READS: CaptureOptions = CaptureOptions {
    writes: false,
    ..ALL
};

/// A lab of this version with the tables, and counters that begin at zero.
async fn prepared(major: u32) -> Option<(Lab, Client)> {
    let lab = support::lab(major, LabOptions::default())?;
    let client = support::connect(lab.primary()).await;
    client.batch_execute(TABLES).await.unwrap();
    reset(&client).await;
    Some((lab, client))
}

async fn reset(client: &Client) {
    client
        .query("SELECT pg_stat_statements_reset()", &[])
        .await
        .unwrap();
}

/// The newest server that was found.
fn newest() -> u32 {
    support::servers().pop().unwrap().0
}

async fn captured(lab: &Lab, options: CaptureOptions) -> Result<StatementsCapture, CaptureError> {
    captured_as(&lab.primary().dsn(), options).await
}

async fn captured_as(
    dsn: &str,
    options: CaptureOptions,
) -> Result<StatementsCapture, CaptureError> {
    let target = resolve(Some(dsn), &|_| None).unwrap();
    let pinned = SessionOptions::new("test");
    let role = SessionOptions {
        search_path: SearchPath::Role,
        ..SessionOptions::new("test")
    };
    let catalogue = Session::connect(&target.conninfo, &pinned).await?;
    let application = Session::connect(&target.conninfo, &role).await?;
    capture(&catalogue, &application, options).await
}

/// The operation whose statement contains these words.
fn operation<'w>(workload: &'w Workload, words: &str) -> &'w WorkloadOperation {
    let mut operations = workload.operations.iter();
    let found = operations.find(|o| o.statements[0].sql.contains(words));
    found.unwrap_or_else(|| panic!("no statement has {words}: {workload:#?}"))
}

/// Values of many draws, one map of names to texts each; binary values as the server prints them.
async fn draws(
    client: &Client,
    operation: &WorkloadOperation,
    count: usize,
) -> Vec<BTreeMap<String, String>> {
    let statement = client.prepare(&operation.statements[0].sql).await.unwrap();
    let types = slot_types(operation, &[statement.params()]);
    let mut samples = Samples::new(client);
    let drawers = Drawers::prepare_with(operation, &types, &mut samples)
        .await
        .unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut slots = vec![Value::Null; drawers.slots()];
    let mut drawn = Vec::new();
    for _ in 0..count {
        drawers.draw(&mut rng, &mut slots);
        let texts = operation.slots().zip(&slots).map(|(name, value)| {
            (
                name.to_owned(),
                value.as_text().unwrap_or_else(|| "NULL".to_owned()),
            )
        });
        drawn.push(texts.collect());
    }
    drawn
}

fn share(drawn: &[BTreeMap<String, String>], name: &str, value: &str) -> f64 {
    drawn.iter().filter(|d| d[name] == value).count() as f64 / drawn.len() as f64
}

/// The types of a statement's parameters.
async fn types_of(client: &Client, sql: &str) -> Vec<Type> {
    client.prepare(sql).await.unwrap().params().to_vec()
}
