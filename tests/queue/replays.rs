//! Replays of sequences of requests, side by side on one server.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use std::time::Duration;

use dbperf::lab::{Lab, LabOptions};
use dbperf::record::Run;
use jiff::Timestamp;
use tokio_postgres::Client;

use super::model::Sequence;
use super::{Case, LENGTH, support};

/// What a lease has besides the sleep that the server is told: `pg_sleep` ends at the next whole millisecond,
/// half of one later on average, and a statement takes a few tenths to go there and back.
const BESIDES_MS: f64 = 1.0;

/// From the start of the replays to the window of all: each asks the server many things before, which takes a core,
/// and must be over when the first warm-up begins. All windows end together, because so does what comes after.
const LEAD: Duration = Duration::from_secs(8);

/// What a replay left behind.
pub(crate) struct Replayed {
    pub(crate) run: Run,
    /// All that the server was asked for, in the warm-up too.
    pub(crate) requests: u64,
}

/// A server, and a folder for scripts and runs.
pub(crate) struct Stand {
    lab: Lab,
    folder: tempfile::TempDir,
}

impl Stand {
    pub(crate) fn new() -> Self {
        let (major, _) = support::servers().pop().expect("a PostgreSQL server");
        let options = LabOptions {
            // A small table is looked up as a large one is: lookups are counted.
            settings: support::setting("enable_seqscan", "off"),
            ..LabOptions::default()
        };
        let lab = support::lab(major, options).expect("the server that was found");
        let folder = tempfile::tempdir().unwrap();
        Self { lab, folder }
    }

    /// Replays all of these side by side; of one that failed there are its last words.
    pub(crate) fn replay(&self, cases: &[&Case]) -> Vec<Result<Replayed, String>> {
        self.make_tables(cases);
        let begin = Timestamp::now() + LEAD;
        let replays: Vec<Child> = cases.iter().map(|case| self.start(case, begin)).collect();
        // All are waited for, before one that failed ends the test.
        let words: Vec<Option<String>> = replays.into_iter().map(failed).collect();
        let ended = words.into_iter().zip(cases).map(|(words, case)| {
            if let Some(words) = words {
                return Err(words);
            }
            let saved = fs::read(self.file(case, "json")).unwrap();
            Ok(Replayed {
                run: serde_json::from_slice(&saved).unwrap(),
                requests: self.requests(case),
            })
        });
        ended.collect()
    }

    fn file(&self, case: &Case, ending: &str) -> PathBuf {
        self.folder.path().join(format!("{}.{ending}", case.name))
    }

    /// A table for each: how long the server is to sleep for each request.
    fn make_tables(&self, cases: &[&Case]) {
        let mut sql = String::new();
        for case in cases {
            let (name, rows) = (&case.name, sleeps(&case.sequence));
            write!(
                sql,
                "DROP TABLE IF EXISTS {name};
                 CREATE TABLE {name} (request bigint PRIMARY KEY, seconds float8);
                 INSERT INTO {name} VALUES {rows};
                 ANALYZE {name};"
            )
            .unwrap();
        }
        self.ask(async |client| client.batch_execute(&sql).await.unwrap());
    }

    /// Each looked up one row.
    fn requests(&self, case: &Case) -> u64 {
        let sql = format!(
            "SELECT idx_scan FROM pg_stat_user_tables WHERE relname = '{}'",
            case.name
        );
        let scans: i64 = self.ask(async |client| client.query_one(&sql, &[]).await.unwrap().get(0));
        scans.try_into().unwrap()
    }

    fn ask<T>(&self, work: impl AsyncFnOnce(Client) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async { work(support::connect(self.lab.primary()).await).await })
    }

    fn start(&self, case: &Case, begin: Timestamp) -> Child {
        let workload = format!(
            "-- operation: sleep\n-- param request: sequence 1\n-- statement: sleep\n\
             SELECT pg_sleep(seconds) FROM {} WHERE request = :request;\n",
            case.name
        );
        fs::write(self.file(case, "sql"), workload).unwrap();
        Command::new(env!("CARGO_BIN_EXE_dbperf"))
            .arg("replay")
            .arg(self.file(case, "sql"))
            .arg(self.lab.primary().dsn())
            .args(["--pool", "deadpool", "--acquire-timeout", "30s"])
            .args(["--pool-size", &case.pair.servers.to_string()])
            .args(["--rate", &format!("{}/s", case.pair.rate)])
            .args(["--seed", &case.sequence.seed.to_string()])
            .args(["--warmup", &format!("{}ms", case.sequence.warm_up_ms)])
            .args(["--start-at", &begin.to_string()])
            .args(["--duration", &format!("{}s", LENGTH.as_secs())])
            .args(["--format", "json", "--no-progress", "--save"])
            .arg(self.file(case, "json"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

/// The last words of a replay that failed.
fn failed(replay: Child) -> Option<String> {
    let output = replay.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    (!output.status.success()).then(|| words.into_owned())
}

/// Rows of a table, with a few more for a last request that the clock lets in.
fn sleeps(sequence: &Sequence) -> String {
    let seconds = |lease: f64| (lease - BESIDES_MS).max(0.0) / 1000.0;
    let rows = sequence.leases.iter().chain([&0.0; 10]).zip(1..);
    let rows = rows.map(|(lease, request)| format!("({request}, {})", seconds(*lease)));
    rows.collect::<Vec<_>>().join(", ")
}
