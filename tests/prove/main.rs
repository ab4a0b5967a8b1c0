//! `dbperf analyze --prove` on real servers: changes to indexes whose right verdict is known by construction, and
//! what an interrupted proof leaves.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy takes helpers of tests for ordinary code; a failed step is a failed test"
)]

#[path = "../support/mod.rs"]
mod support;

mod interrupted;
mod refused;
mod truth;

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use dbperf::lab::{Lab, LabOptions};
use serde_json::Value;

/// Longest time that any command of a test may take.
const LIMIT: Duration = Duration::from_secs(240);

/// Loads that are compared want the machine for themselves; those whose numbers do not matter run side by side.
static MACHINE: RwLock<()> = RwLock::new(());

/// How a test holds the machine, until it is dropped.
#[expect(dead_code, reason = "guards are only held")]
enum Hold {
    Alone(RwLockWriteGuard<'static, ()>),
    Beside(RwLockReadGuard<'static, ()>),
}

impl Hold {
    fn alone() -> Self {
        Self::Alone(MACHINE.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn beside() -> Self {
        Self::Beside(MACHINE.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn newest() -> u32 {
    support::servers().pop().expect("a PostgreSQL server").0
}

/// A server with tables, a workload, and a place of its own for ledgers.
struct Case {
    lab: Lab,
    folder: tempfile::TempDir,
    hold: Option<Hold>,
}

impl Case {
    /// For numbers that matter.
    fn new(major: u32, setup: &str, workload: &str) -> Self {
        let lab = || support::lab(major, LabOptions::default());
        let case = Self::on(lab, Hold::alone(), setup, workload);
        case.expect("the server that was found")
    }

    /// For what has to happen, whatever the numbers are.
    fn beside(major: u32, setup: &str, workload: &str) -> Self {
        let lab = || support::lab(major, LabOptions::default());
        let case = Self::on(lab, Hold::beside(), setup, workload);
        case.expect("the server that was found")
    }

    /// On a lab that may be missing.
    fn on(
        lab: impl FnOnce() -> Option<Lab>,
        hold: Hold,
        setup: &str,
        workload: &str,
    ) -> Option<Self> {
        let lab = lab()?;
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("w.sql"), workload).unwrap();
        let case = Self {
            lab,
            folder,
            hold: Some(hold),
        };
        case.psql("CREATE EXTENSION pg_stat_statements");
        case.psql(setup);
        Some(case)
    }

    fn dsn(&self) -> String {
        self.lab.primary().dsn()
    }

    /// Runs statements one by one: VACUUM allows no other beside it.
    fn psql(&self, sql: &str) {
        on(&self.dsn(), |client| async move {
            for statement in sql.split(';').filter(|s| !s.trim().is_empty()) {
                let done = client.batch_execute(statement).await;
                done.unwrap_or_else(|e| panic!("{statement}: {e:?}"));
            }
        });
    }

    /// The first column of the only row, as text.
    fn value(&self, sql: &str) -> String {
        on(&self.dsn(), |client| async move {
            support::value(&client, sql).await
        })
    }

    /// Everything about indexes that a proof must leave as it was.
    fn catalogue(&self) -> String {
        self.value(
            "SELECT coalesce(string_agg(concat_ws(' | ', pg_get_indexdef(x.indexrelid), x.indisvalid, x.indisready, \
             x.indisclustered, x.indisreplident, c.reltablespace, c.reloptions::text, \
             obj_description(c.oid, 'pg_class'), pg_get_userbyid(c.relowner)), E'\\n' \
             ORDER BY n.nspname, c.relname), '') \
             FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = 'public'",
        )
    }

    /// Whether a query has any row.
    fn any(&self, from: &str) -> bool {
        self.value(&format!("SELECT count(*)::text FROM {from}")) != "0"
    }

    /// Waits until a query has a row, as long as the command is still at work.
    fn wait_for(&self, running: &mut Child, from: &str) {
        let began = Instant::now();
        while !self.any(from) {
            assert!(
                running.try_wait().unwrap().is_none(),
                "it ended before {from}"
            );
            assert!(began.elapsed() < LIMIT, "{from} never came");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Ledgers that are there.
    fn ledgers(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.state().join("dbperf"))
            .into_iter()
            .flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    fn dbperf(&self, args: &[&str]) -> Command {
        let mut command = support::dbperf();
        command
            .args(args)
            .env("XDG_STATE_HOME", self.state())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// `dbperf analyze … --prove`, on this server and with consent.
    fn proof(&self, flags: &[&str]) -> Command {
        self.proof_at(&self.dsn(), flags)
    }

    fn proof_at(&self, dsn: &str, flags: &[&str]) -> Command {
        let workload = self.folder.path().join("w.sql");
        let mut command = self.dbperf(&["analyze", dsn, "--prove", "--format", "json"]);
        command
            .arg("--workload")
            .arg(workload)
            // A block needs no longer warm-up: everything is in memory, and there are more blocks in the time.
            .args(["--duration", "2s", "--warmup", "100ms"])
            .args(["--writes", "--target-db", "postgres"])
            .args(flags);
        command
    }

    /// The document of a proof that went well, after which everything is as it was.
    fn proved(&self, flags: &[&str]) -> Value {
        let before = self.catalogue();
        let output = wait(self.proof(flags).spawn().unwrap());
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words}");
        assert_eq!(self.catalogue(), before, "{words}");
        assert_eq!(
            self.ledgers(),
            Vec::<PathBuf>::new(),
            "nothing is left to undo"
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// Waits for the end; a command that hangs fails the test.
fn wait(mut child: Child) -> Output {
    let began = Instant::now();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let read = |stream: &mut (dyn std::io::Read + Send)| {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        bytes
    };
    std::thread::scope(|scope| {
        let out = scope.spawn(move || read(&mut stdout));
        let err = scope.spawn(move || read(&mut stderr));
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > LIMIT {
                child.kill().unwrap();
                panic!("dbperf did not end within {LIMIT:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        Output {
            status,
            stdout: out.join().unwrap(),
            stderr: err.join().unwrap(),
        }
    })
}

fn on<T, F: Future<Output = T>>(dsn: &str, work: impl FnOnce(tokio_postgres::Client) -> F) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let connected = tokio_postgres::connect(dsn, tokio_postgres::NoTls).await;
        let (client, connection) = connected.unwrap();
        tokio::spawn(connection);
        work(client).await
    })
}

/// What was tried, by the beginning of its SQL.
fn tried<'a>(document: &'a Value, sql: &str) -> &'a Value {
    let all = document["proofs"]["tried"].as_array().unwrap();
    let found = all
        .iter()
        .find(|tried| tried["sql"].as_str().unwrap().contains(sql));
    found.unwrap_or_else(|| panic!("{sql} was not tried: {:#}", document["proofs"]))
}

fn number(value: &Value, pointer: &str) -> f64 {
    let found = value.pointer(pointer).and_then(Value::as_f64);
    found.unwrap_or_else(|| panic!("{pointer} is not a number in {value:#}"))
}

/// A table in which an index on `owner` is worth having, and none is there.
const TASKS: &str = "
    CREATE TABLE tasks (id bigint PRIMARY KEY, owner int, kind int, note text);
    INSERT INTO tasks SELECT g, g % 20000, g % 7, md5(g::text) FROM generate_series(1, 150000) g;
    VACUUM ANALYZE tasks";

/// Reads ten rows of it.
const READ_TASKS: &str = "-- dbperf workload: tasks
-- clients: 2
-- pool-size: 2
-- operation: read
-- param owner: uniform 1 19000
SELECT count(*) FROM tasks WHERE owner = :owner;
";

/// A session of somebody else, in which this ran, until it is dropped.
struct Client {
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Client {
    fn begun(dsn: &str, sql: &'static str) -> Self {
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let dsn = dsn.to_owned();
        let thread = std::thread::spawn(move || {
            on(&dsn, |client| async move {
                client.batch_execute(sql).await.unwrap();
                ready.send(()).unwrap();
                let _ = stopped.await;
            });
        });
        is_ready.recv().unwrap();
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
