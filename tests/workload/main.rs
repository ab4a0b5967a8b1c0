//! Generators and values against real servers.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes helpers of tests for ordinary code; a failed step is a failed test"
)]

mod drawn;
#[path = "../support/mod.rs"]
mod support;
mod trouble;
mod types;

use std::collections::BTreeMap;

use dbperf::lab::{Lab, LabOptions};
use dbperf::workload::{DrawError, Drawers, Value, Workload, WorkloadOperation, slot_types};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use tokio_postgres::Client;

/// A lab on the newest server found.
async fn lab(sql: &str) -> (Lab, Client) {
    let (major, _) = support::servers().pop().unwrap();
    lab_of(major, sql).await
}

async fn lab_of(major: u32, sql: &str) -> (Lab, Client) {
    let lab = support::lab(major, LabOptions::default()).unwrap();
    let client = support::connect(lab.primary()).await;
    client.batch_execute(sql).await.unwrap();
    (lab, client)
}

/// The one operation of a workload with these lines.
fn operation(lines: &str) -> WorkloadOperation {
    let workload = Workload::parse(&format!("-- writes\n-- operation: a\n{lines}"), "w.sql");
    workload.unwrap().operations.remove(0)
}

async fn drawers(operation: &WorkloadOperation, client: &Client) -> Result<Drawers, DrawError> {
    let mut described = Vec::new();
    for statement in &operation.statements {
        let answer = client.prepare(&statement.sql).await.unwrap();
        described.push(answer.params().to_vec());
    }
    let described: Vec<_> = described.iter().map(Vec::as_slice).collect();
    let types = slot_types(operation, &described);
    Drawers::prepare(operation, &types, client).await
}

/// What the statement of an operation answers to so many draws, each row as one text.
async fn answers(lines: &str, client: &Client, count: usize) -> Vec<String> {
    let operation = operation(lines);
    let drawers = drawers(&operation, client)
        .await
        .unwrap_or_else(|e| panic!("{lines}: {e}"));
    let statement = client.prepare(&operation.statements[0].sql).await.unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut slots = vec![Value::Null; drawers.slots()];
    let mut answers = Vec::new();
    for _ in 0..count {
        drawers.draw(&mut rng, &mut slots);
        let value_of = |name: &String| {
            let slot = operation.slots().position(|slot| slot == name).unwrap();
            &slots[slot]
        };
        let values: Vec<&Value> = operation.statements[0]
            .params
            .iter()
            .map(value_of)
            .collect();
        let rows = client.query_raw(&statement, values).await;
        let rows = rows.unwrap_or_else(|e| panic!("{lines}: {e:?}"));
        let rows: Vec<_> = futures_util::TryStreamExt::try_collect(rows).await.unwrap();
        let row: &tokio_postgres::Row = rows.first().unwrap_or_else(|| panic!("{lines}: no row"));
        answers.push(
            row.get::<_, Option<String>>(0)
                .unwrap_or_else(|| "NULL".to_owned()),
        );
    }
    answers
}

/// How often each answer came, as a share.
fn shares(answers: &[String]) -> BTreeMap<&str, f64> {
    let mut shares = BTreeMap::new();
    for answer in answers {
        *shares.entry(answer.as_str()).or_default() += 1.0 / answers.len() as f64;
    }
    shares
}
