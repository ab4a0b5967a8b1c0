//! One situation: the load, the truth, and what dbperf says of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use dbperf::lab::{Lab, LabOptions};
use serde_json::Value;

use crate::service::{Service, Step};
use crate::support::{self, Processors, lab, measured, servers};
use crate::{k6, proxy};

/// Parts by their names in the report: shares of the client's mean response time, from and to. What passes between
/// the client's last byte and the handler's first step, and between the end of a statement in the server and the moment
/// at which the application goes on, beyond what the network takes, are waits for a processor: they belong to the
/// network or to the application, and nobody can tell which.
pub(crate) type Parts = BTreeMap<&'static str, (f64, f64)>;

/// What is staged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation {
    /// Made before the service starts.
    pub(crate) schema: &'static str,
    /// What a request does.
    pub(crate) steps: &'static [Step],
    /// Connections of the service's pool.
    pub(crate) connections: usize,
    /// Users after the first seconds, in which there is one.
    pub(crate) users: u32,
    /// Delay each way between the service and the server, in milliseconds.
    pub(crate) network_ms: u64,
    /// The part with most of the time.
    pub(crate) most: &'static str,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Staged {
    /// Part of the time of all processors in which something ran on them.
    pub(crate) busy_ratio: f64,
    pub(crate) truth: Parts,
    /// By traces, by `Server-Timing`, by neither.
    pub(crate) reports: [(&'static str, Value); 3],
}

/// Part of the processors' time from which the situation without connections is staged again: by itself it needs far
/// less.
const BUSY: f64 = 0.9;

/// The situation without connections has the machine for itself; the others stand each other.
static MACHINE: RwLock<()> = RwLock::new(());

/// How far a part may be from the truth, with traces or `Server-Timing`, and without (shares).
const TOLD: f64 = 0.02;
const NOT_TOLD: f64 = 0.05;

impl Situation {
    /// Stages it on the newest server and judges every report. Nothing happens without a server or k6.
    #[track_caller]
    pub(crate) fn judge(self) -> Option<Staged> {
        measured(|| self.judge_once())
    }

    #[track_caller]
    fn judge_once(self) -> Option<Staged> {
        let alone = (self.most == "pool_wait")
            .then(|| MACHINE.write().unwrap_or_else(PoisonError::into_inner));
        let beside = alone
            .is_none()
            .then(|| MACHINE.read().unwrap_or_else(PoisonError::into_inner));
        let mut staged = self.stage()?;
        for _ in 0..2 {
            // Where others use the processors, dbperf does not tell a wait for a connection from one for them.
            if self.most != "pool_wait" || staged.busy_ratio <= BUSY {
                break;
            }
            staged = self.stage()?;
        }
        drop((alone, beside));
        for (evidence, report) in &staged.reports {
            let bound = if *evidence == "neither" {
                NOT_TOLD
            } else {
                TOLD
            };
            judge(report, evidence, &staged.truth, self.most, bound);
        }
        Some(staged)
    }

    fn stage(self) -> Option<Staged> {
        let program = k6::program()?;
        let lab = lab(servers().last()?.0, LabOptions::default())?;
        let network = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        network.block_on(self.prepare(&lab));
        let dsn = if self.network_ms == 0 {
            lab.primary().dsn()
        } else {
            let delay = Duration::from_millis(self.network_ms);
            let socket = socket_of(&lab.primary().dsn());
            let port = network.block_on(proxy::delaying(socket, delay));
            format!("host=127.0.0.1 port={port} user=postgres dbname=postgres")
        };
        let service = Service::start(&dsn, self.connections, self.steps);
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (saved, all, traces, plain) = (
            path("run.json"),
            path("out.ndjson"),
            path("traces.jsonl"),
            path("plain.ndjson"),
        );
        let before = network.block_on(executed(&lab));
        let processors = Processors::now();
        let load = k6::command(program, folder.path(), &service.url(), self.users);
        let mut args = vec![
            "analyze",
            &dsn,
            "--explain",
            "0",
            "--save",
            &saved,
            "--api",
            &all,
            "--",
        ];
        args.extend(load.iter().map(String::as_str));
        let timed = report(&args);
        let busy_ratio = processors.busy_since();
        let exec_ms = network.block_on(executed(&lab)) - before;
        let (spent, spans) = service.stop();
        // From here on no server is needed.
        lab.stop().unwrap();

        let ndjson = fs::read_to_string(&all).unwrap();
        fs::write(&plain, k6::without_timing(&ndjson)).unwrap();
        fs::write(&traces, spans).unwrap();
        let (mean_ms, requests) = k6::mean_ms(&ndjson);
        assert!(
            requests.abs_diff(spent.requests) <= u64::from(self.users),
            "{requests} {spent:?}"
        );
        let each = |sum: f64| sum / spent.requests as f64 / mean_ms;
        let between = 1.0 - each(spent.total);
        let exactly = |share: f64| (share, share);
        let way = each(spent.statements - exec_ms);
        let statements = self
            .steps
            .iter()
            .filter(|s| matches!(s, Step::Run(_)))
            .count();
        let wire = (2 * self.network_ms) as f64 * statements as f64 / mean_ms;
        let own = each(spent.total - spent.pool - spent.statements);
        let truth = BTreeMap::from([
            ("db_exec", exactly(each(exec_ms))),
            ("pool_wait", exactly(each(spent.pool))),
            ("network", (wire, way + between)),
            ("app", (own, own + (way - wire) + between)),
        ]);
        let from = |more: &[&str]| {
            let begin = ["analyze", "--from", &saved];
            report(&[begin.as_slice(), more].concat())
        };
        let reports = [
            ("traces", from(&["--api", &plain, "--api", &traces])),
            ("Server-Timing", timed),
            ("neither", from(&["--api", &plain])),
        ];
        Some(Staged {
            busy_ratio,
            truth,
            reports,
        })
    }

    async fn prepare(self, lab: &Lab) {
        let client = support::connect(lab.primary()).await;
        let extension = "CREATE EXTENSION IF NOT EXISTS pg_stat_statements; ";
        client
            .batch_execute(&format!("{extension}{}", self.schema))
            .await
            .unwrap();
    }
}

/// Execution time of everything but dbperf's own statements since the server was started, in milliseconds.
async fn executed(lab: &Lab) -> f64 {
    let client = support::connect(lab.primary()).await;
    let sql = "SELECT coalesce(sum(total_exec_time), 0)::float8 FROM pg_stat_statements \
               WHERE query !~ 'dbperf|pg_stat_statements'";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

fn socket_of(dsn: &str) -> std::path::PathBuf {
    let value = |key: &str| {
        let begin = format!("{key}=");
        let mut words = dsn
            .split(' ')
            .filter_map(|w| w.strip_prefix(begin.as_str()));
        words.next().unwrap().trim_matches('\'').to_owned()
    };
    Path::new(&value("host")).join(format!(".s.PGSQL.{}", value("port")))
}

/// Runs `dbperf` with a clean environment and reads its JSON.
#[track_caller]
pub(crate) fn report(args: &[&str]) -> Value {
    let mut command = crate::support::dbperf();
    // What is after `--` is the load command's.
    command.args([args[0], "--format", "json"]).args(&args[1..]);
    let done = command.stdin(Stdio::null()).output().unwrap();
    let errors = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{errors}");
    serde_json::from_slice(&done.stdout).unwrap_or_else(|e| panic!("no JSON ({e}): {errors}"))
}

/// Parts that are known are near the truth, in total and of the only endpoint, and the largest is the right one.
#[track_caller]
fn judge(report: &Value, evidence: &str, truth: &Parts, most: &str, bound: f64) {
    let breakdown = &report["breakdown"];
    for whole in [&breakdown["total"], &breakdown["endpoints"][0]] {
        let parts = whole["parts"].as_array().unwrap();
        let sum: f64 = parts.iter().filter_map(|p| p["share_ratio"].as_f64()).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum} in {whole:#}");
        let share = |part: &Value| part["share_ratio"].as_f64().unwrap_or(0.0);
        for part in parts {
            let name = part["part"].as_str().unwrap();
            let known = !matches!(part["basis"].as_str().unwrap(), "not-measured" | "bound");
            let Some(&(low, high)) = truth.get(name).filter(|_| known) else {
                continue;
            };
            let found = share(part);
            assert!(
                found >= low - bound && found <= high + bound,
                "by {evidence}: {name} is {low:.3} to {high:.3} of a request: {part:#}\nof {truth:?}: {whole:#}"
            );
        }
        let named = parts
            .iter()
            .max_by(|a, b| share(a).total_cmp(&share(b)))
            .unwrap();
        assert_eq!(named["part"], most, "by {evidence}: {truth:?} {whole:#}");
        assert!(
            !matches!(named["basis"].as_str().unwrap(), "not-measured" | "bound"),
            "by {evidence}: {named:#}"
        );
    }
}
