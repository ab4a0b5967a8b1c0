//! dbperf's advice against that of other advisors' methods, by the time that the workload then takes.
//!
//! Every advice is built. Which of them the server sees is switched by `pg_index.indisvalid`, so that
//! turns follow each other at once and a drift of the machine meets all alike. What is compared is the
//! time of all reads by their weights, in pairs of turns, and bytes on disk. dbperf gets the bytes of the
//! advice that it is compared with as its limit.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Instant;

use dbperf::pg::TextParam;
use dbperf::stats::{Change, MIN_PAIRS, compare_pairs};
use dbperf::workload::Workload;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use crate::peers;
use crate::place::{SHOP, Scenario, TPCH, candidates, filled, json, what_if_coverage};
use crate::support::{Hypopg, hypopg, measured_async};

/// Draws of the parameters of each statement: so many that they stand for the workload that dbperf has watched.
const DRAWS: u64 = 70;
/// Turns of every advice.
const TURNS: usize = 14;
/// Turns without any index.
const TURNS_WITHOUT: usize = 3;
/// After so many turns, in each of which the other's advice took more than twice as long, it is not asked for more.
const TURNS_THAT_DECIDE: usize = MIN_PAIRS;
/// Draws of a turn.
const DRAWS_OF_A_TURN: usize = 5;

/// A statement that reads, with some draws of its parameters.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) sql: String,
    pub(crate) draws: Vec<Vec<Option<String>>>,
    pub(crate) weight: f64,
}

fn reads(scenario: &Scenario) -> Vec<Read> {
    let workload = Workload::parse(scenario.workload, scenario.name).unwrap();
    let mut reads = Vec::new();
    for (o, operation) in workload.operations.iter().enumerate() {
        let statement = &operation.statements[0];
        if !statement.sql.trim_start().starts_with("SELECT") {
            continue;
        }
        let draws = (1..=DRAWS).map(|seed| workload.sample_params(o, 0, seed).unwrap());
        reads.push(Read {
            sql: statement.sql.clone(),
            draws: draws.collect(),
            weight: f64::from(operation.weight),
        });
    }
    reads
}

/// An advice that was built.
#[derive(Debug)]
struct Built {
    name: String,
    oids: Vec<u32>,
    sql: Vec<String>,
    /// Bytes of each index, and those that dbperf tells of its own.
    sizes: Vec<i64>,
    told: Vec<i64>,
    times: Vec<f64>,
    /// Time of each statement over all turns, by its weight.
    by_statement: Vec<f64>,
}

impl Built {
    fn bytes(&self) -> i64 {
        self.sizes.iter().sum()
    }
}

async fn build(client: &Client, name: &str, sql: Vec<String>) -> Built {
    let known = "SELECT coalesce(array_agg(indexrelid), '{}') FROM pg_index";
    let before: Vec<u32> = client.query_one(known, &[]).await.unwrap().get(0);
    for create in &sql {
        client.batch_execute(create).await.unwrap();
    }
    let new = "SELECT indexrelid, pg_relation_size(indexrelid) FROM pg_index \
               WHERE indexrelid <> ALL ($1) ORDER BY indexrelid";
    let rows = client.query(new, &[&before]).await.unwrap();
    Built {
        name: name.to_owned(),
        oids: rows.iter().map(|row| row.get(0)).collect(),
        sql,
        sizes: rows.iter().map(|row| row.get(1)).collect(),
        told: Vec::new(),
        times: Vec::new(),
        by_statement: Vec::new(),
    }
}

async fn drop_all(client: &Client, built: &Built) {
    let drop = "SELECT format('DROP INDEX %s', indexrelid::regclass) FROM pg_index \
                WHERE indexrelid = ANY ($1)";
    for row in client.query(drop, &[&built.oids]).await.unwrap() {
        client.batch_execute(row.get(0)).await.unwrap();
    }
}

/// What dbperf proposes within these bytes, and the sizes that it tells.
fn advised(dsn: &str, scenario: &Scenario, bytes: i64) -> (Vec<String>, Vec<i64>) {
    let (file, limit) = (scenario.workload_file(), bytes.to_string());
    let mut args = vec!["indexes", dsn, "--workload", &file, "--duration", "6s"];
    args.extend([
        "--warmup",
        "1s",
        "--clients",
        "2",
        "--max-index-size",
        &limit,
    ]);
    args.extend(["--writes", "--target-db", "postgres"]);
    let report = json(&args);
    let coverage = what_if_coverage(&report);
    assert_eq!(coverage["status"], "ok", "{coverage:#}");
    let found = candidates(&report);
    let told = found.iter().map(|m| m["size_bytes"].as_i64().unwrap());
    let sql = found.iter().map(|m| m["create_sql"].as_str().unwrap());
    // Two advices are built beside each other, and the names would be taken.
    let sql = sql.map(|sql| {
        let (_, on) = sql.split_once(" ON ").unwrap();
        format!("CREATE INDEX ON {on}")
    });
    (sql.collect(), told.collect())
}

/// Time of each statement in one turn, with its draws of this turn, by its weight, the better of two executions.
async fn turn(client: &Client, reads: &[Read], number: usize) -> Vec<f64> {
    let mut times = vec![0.0; reads.len()];
    let first = number * DRAWS_OF_A_TURN;
    for ((r, read), draw) in (reads.iter().enumerate())
        .flat_map(|read| (first..first + DRAWS_OF_A_TURN).map(move |draw| (read, draw)))
    {
        let draw = &read.draws[draw % read.draws.len()];
        let values: Vec<TextParam<'_>> = draw.iter().map(|v| TextParam(v.as_deref())).collect();
        let bound: Vec<&(dyn ToSql + Sync)> = values.iter().map(|v| v as _).collect();
        let mut best = f64::INFINITY;
        for _ in 0..2 {
            let started = Instant::now();
            client.query(&read.sql, &bound).await.unwrap();
            best = best.min(started.elapsed().as_secs_f64());
        }
        times[r] += read.weight * best;
    }
    times
}

async fn compared(server: &Hypopg, scenario: &Scenario) {
    let (lab, client) = filled(server, scenario.schema).await;
    let dsn = lab.primary().dsn();
    let reads = reads(scenario);
    let single = peers::single_columns(&client, &reads).await;
    let greedy = peers::greedy(&client, &reads).await;
    let mut all = Vec::new();
    for (name, advice) in [("single columns", single), ("greedy", greedy)] {
        let theirs = build(&client, name, advice.iter().map(peers::create).collect()).await;
        drop_all(&client, &theirs).await;
        let ours = advised(&dsn, scenario, theirs.bytes());
        all.push((theirs, ours));
    }
    let mut built = Vec::new();
    for (theirs, (ours, told)) in all {
        let name = format!("dbperf within the bytes of {}", theirs.name);
        built.push(build(&client, &theirs.name, theirs.sql).await);
        let mut ours = build(&client, &name, ours).await;
        ours.told = told;
        let told: i64 = ours.told.iter().sum();
        let off = (told - ours.bytes()).abs() as f64 / ours.bytes() as f64;
        assert!(off < 0.1, "told as {told} bytes: {ours:#?}");
        built.push(ours);
    }
    built.push(build(&client, "none", Vec::new()).await);
    client.batch_execute("VACUUM ANALYZE").await.unwrap();
    measure(&client, &reads, &mut built).await;
    judge(scenario, &reads, &built);
}

async fn measure(client: &Client, reads: &[Read], built: &mut [Built]) {
    let every: Vec<u32> = built.iter().flat_map(|b| b.oids.clone()).collect();
    let show = "UPDATE pg_index SET indisvalid = (indexrelid = ANY ($1)) \
                WHERE indexrelid = ANY ($2)";
    for number in 0..TURNS {
        let decided = decided(built);
        let mut order: Vec<usize> = (0..built.len()).collect();
        if number % 2 == 1 {
            order.reverse();
        }
        for position in order {
            // That of the database without any advice is told and not judged.
            let told = built[position].sql.is_empty() && number >= TURNS_WITHOUT;
            if told || decided.contains(&(position / 2)) {
                continue;
            }
            let shown = built[position].oids.clone();
            client.execute(show, &[&shown, &every]).await.unwrap();
            let times = turn(client, reads, number).await;
            let advice = &mut built[position];
            advice.times.push(times.iter().sum());
            advice.by_statement.resize(times.len(), 0.0);
            for (sum, time) in advice.by_statement.iter_mut().zip(times) {
                *sum += time;
            }
        }
    }
}

/// Pairs of advices that more turns would tell nothing new of, by their place among the pairs.
fn decided(built: &[Built]) -> Vec<usize> {
    let pairs = built.chunks_exact(2).enumerate();
    let clear = pairs.filter(|(_, pair)| {
        let turns = pair[0].times.iter().zip(&pair[1].times);
        turns.len() >= TURNS_THAT_DECIDE && turns.clone().all(|(theirs, ours)| *theirs > 2.0 * ours)
    });
    clear.map(|(place, _)| place).collect()
}

fn judge(scenario: &Scenario, reads: &[Read], built: &[Built]) {
    let mut table = String::new();
    for advice in built {
        let mut times = advice.times.clone();
        times.sort_by(f64::total_cmp);
        let (median, kib) = (1000.0 * times[times.len() / 2], advice.bytes() / 1024);
        let _ = writeln!(table, "{}: {median:.1} ms, {kib} KiB", advice.name);
        let mut told = advice.told.iter();
        for (sql, size) in advice.sql.iter().zip(&advice.sizes) {
            let told = told.next().map(|told| format!(", told as {}", told / 1024));
            let _ = writeln!(
                table,
                "    {sql} -- {} KiB{}",
                size / 1024,
                told.unwrap_or_default()
            );
        }
    }
    for (r, read) in reads.iter().enumerate() {
        for advice in built {
            let turns = advice.times.len() as f64;
            let _ = write!(table, "{:8.1}", 1000.0 * advice.by_statement[r] / turns);
        }
        let _ = writeln!(table, " ms {}", read.sql.lines().next().unwrap_or_default());
    }
    for pair in built.chunks_exact(2) {
        let [theirs, ours] = pair else { continue };
        let times = theirs.times.iter().copied().zip(ours.times.iter().copied());
        let ratio = compare_pairs(&times.collect::<Vec<_>>()).unwrap();
        let _ = writeln!(
            table,
            "time of dbperf's over {}: {:.3} ({:.3} to {:.3}), {:?}",
            theirs.name, ratio.ratio, ratio.interval.low, ratio.interval.high, ratio.change
        );
        assert_ne!(
            ratio.change,
            Some(Change::Higher),
            "{}\n{table}",
            scenario.name
        );
        assert!(ours.bytes() <= theirs.bytes(), "{}\n{table}", scenario.name);
    }
    let _ = writeln!(std::io::stderr(), "{}\n{table}", scenario.name);
}

#[test]
fn an_oltp_workload_is_as_fast_as_with_the_advice_of_others_in_no_more_bytes() {
    measured_async(|| async {
        if let Some(server) = hypopg().pop() {
            compared(&server, &SHOP).await;
        }
    });
}

#[test]
fn an_analytical_workload_is_as_fast_as_with_the_advice_of_others_in_no_more_bytes() {
    measured_async(|| async {
        if let Some(server) = hypopg().pop() {
            compared(&server, &TPCH).await;
        }
    });
}
