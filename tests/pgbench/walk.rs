//! What a script does to a database.

use dbperf::workload::Value;
use dbperf::workload::pgbench::{Command, Script, Sql, Var, eval, parse, truth};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::bench::{Bench, defined};
use crate::support::connect;

const FEATURES: &str = include_str!("../../fixtures/pgbench/features.sql");

/// Runs a script on one connection, in the simplest way: one statement after the other.
async fn walk(client: &Client, script: &Script, vars: &mut [Var], rng: &mut ChaCha8Rng) {
    let mut at = 0;
    while let Some(command) = script.commands.get(at) {
        at += 1;
        match command {
            Command::Sql(sql) => statement(client, script, sql, vars).await,
            Command::Set { var, expr, .. } => {
                vars[var.index()] = eval(expr, vars, rng).unwrap();
            }
            Command::JumpUnless { cond, to, .. } => {
                if !truth(&eval(cond, vars, rng).unwrap()) {
                    at = *to;
                }
            }
            Command::Jump { to } => at = *to,
            Command::Sleep(sleep) => {
                tokio::time::sleep(script.sleep_time(sleep, vars).unwrap()).await;
            }
            other => panic!("{other:?} is not in this script"),
        }
    }
}

async fn statement(client: &Client, script: &Script, sql: &Sql, vars: &mut [Var]) {
    let values: Vec<Value> = sql
        .params
        .iter()
        .map(|v| (&vars[v.index()]).into())
        .collect();
    let params: Vec<&(dyn ToSql + Sync)> =
        values.iter().map(|v| v as &(dyn ToSql + Sync)).collect();
    let rows = client.query(&sql.sql, &params).await;
    let rows = rows.unwrap_or_else(|error| panic!("{}: {error:?}", sql.text));
    let Some(store) = &sql.store else { return };
    assert!(store.all || rows.len() == 1, "{}", sql.text);
    let Some(row) = rows.last() else { return };
    for (index, column) in row.columns().iter().enumerate() {
        if let Some(var) = script.store_target(sql, column.name()).unwrap() {
            vars[var.index()] = Var::from_column(text(row, index).as_deref());
        }
    }
}

/// A column as text.
fn text(row: &Row, index: usize) -> Option<String> {
    match *row.columns()[index].type_() {
        Type::INT4 => row.get::<_, Option<i32>>(index).map(|n| n.to_string()),
        Type::TEXT => row.get(index),
        ref other => panic!("no column of the script is {other}"),
    }
}

async fn seen(client: &Client) -> Vec<(i32, Option<String>)> {
    let sql = "SELECT step, value FROM seen ORDER BY step, value";
    let rows = client.query(sql, &[]).await.unwrap();
    client.batch_execute("TRUNCATE seen").await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn a_script_with_every_feature_leaves_behind_what_pgbench_leaves() {
    let Some(bench) = Bench::start() else { return };
    let client = connect(bench.lab.primary()).await;
    client
        .batch_execute("CREATE TABLE seen (step int, value text)")
        .await
        .unwrap();
    let output = bench.run(FEATURES, &["-Dnumber=007", "-Dyes=y"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let by_pgbench = seen(&client).await;
    assert_eq!(by_pgbench.len(), 18, "{by_pgbench:?}");

    let script = parse(FEATURES, "features.sql").unwrap();
    let mut vars = defined(&script, &["number=007", "yes=y"]);
    let unset = script.undefined(|name| ["number", "yes"].contains(&name));
    assert_eq!(unset, [], "{:?}", script.variables);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    walk(&client, &script, &mut vars, &mut rng).await;
    assert_eq!(seen(&client).await, by_pgbench);
}
