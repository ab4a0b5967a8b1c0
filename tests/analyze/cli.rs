//! Runs the `dbperf` binary as a user would.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest time that any command of a test may take.
const LIMIT: Duration = Duration::from_secs(120);

/// What a finished command said.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// The JSON document on standard output.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| {
            panic!(
                "no JSON ({e}), exit {:?}\nstderr: {}\nstdout: {}",
                self.code, self.stderr, self.stdout
            )
        })
    }
}

/// A running command; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
}

/// `dbperf` with a clean environment: only what a test passes decides.
pub(crate) fn dbperf(args: &[&str]) -> Command {
    let mut command = crate::support::dbperf();
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Starts a command.
pub(crate) fn spawn(args: &[&str]) -> Running {
    let child = dbperf(args)
        .spawn()
        .expect("the binary was built for this test");
    Running { child }
}

/// Runs a command to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    spawn(args).wait()
}

/// `dbperf analyze DSN … --format json`, started.
pub(crate) fn analyze_spawn(dsn: &str, args: &[&str]) -> Running {
    let mut all = vec!["analyze", dsn, "--format", "json"];
    all.extend(args);
    spawn(&all)
}

/// `dbperf analyze DSN … --format json`.
pub(crate) fn analyze(dsn: &str, args: &[&str]) -> Output {
    analyze_spawn(dsn, args).wait()
}

impl Running {
    /// Process id, for signals.
    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Waits for the end; a command that hangs fails the test.
    pub(crate) fn wait(mut self) -> Output {
        let mut stdout = self.child.stdout.take().unwrap();
        let mut stderr = self.child.stderr.take().unwrap();
        let out = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).unwrap();
            bytes
        });
        let err = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            stderr.read_to_end(&mut bytes).unwrap();
            bytes
        });
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                started.elapsed() < LIMIT,
                "dbperf did not end within {LIMIT:?}"
            );
            std::thread::sleep(Duration::from_millis(20));
        };
        Output {
            code: status.code(),
            stdout: String::from_utf8(out.join().unwrap()).unwrap(),
            stderr: String::from_utf8(err.join().unwrap()).unwrap(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
