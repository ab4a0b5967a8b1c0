//! One measurement with a changing mix, looked at in every way that the tests ask about.

use std::fs;
use std::sync::OnceLock;

use serde_json::Value;

use crate::app::{App, CALLS_B, STATEMENT_A};
use crate::commands::{dbperf, newest};
use crate::{locust, support};

/// Everything that came of it.
#[derive(Debug)]
pub(crate) struct Evidence {
    /// `analyze … -- locust …`, without a mapping.
    pub(crate) live: Value,
    /// `analyze --from RUN --api …`.
    pub(crate) again: Value,
    /// The same with a mapping file.
    pub(crate) mapped: Value,
    /// The same without the history.
    pub(crate) without_history: Value,
    /// `import` of both files.
    pub(crate) imported: Value,
    /// The report as text.
    pub(crate) text: String,
    /// The saved run.
    pub(crate) run: Value,
    /// Locust's `out_stats.csv`.
    pub(crate) stats: String,
    /// Requests that the application answered.
    pub(crate) served: u64,
    /// Mean execution time of the two statements, as the server tells by itself.
    pub(crate) mean_ms: [f64; 2],
}

/// The measurement, made by the first test that asks; `None` without Locust or a server.
pub(crate) fn evidence() -> Option<&'static Evidence> {
    static MADE: OnceLock<Option<Evidence>> = OnceLock::new();
    MADE.get_or_init(make).as_ref()
}

/// A mapping that tells the calls of one endpoint and leaves the other's to be counted.
fn mapping() -> String {
    format!(
        "[[endpoint]]\nname = \"GET /a\"\n\
         statements = [{{ sql = \"{STATEMENT_A}\", calls_per_request = 1 }}]\n\
         [[endpoint]]\nname = \"GET /b\"\ntables = [\"b\"]\n"
    )
}

fn make() -> Option<Evidence> {
    let program = locust::program()?;
    let lab = newest()?;
    let app = App::start(&lab);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [stats, history, saved, map] = [
        "out_stats.csv",
        "out_stats_history.csv",
        "run.json",
        "map.toml",
    ]
    .map(path);
    fs::write(&map, mapping()).unwrap();

    let dsn = lab.primary().dsn();
    let mut args = vec!["analyze", &dsn, "--format", "json", "--save", &saved];
    args.extend(["--api", &stats, "--api", &history, "--"]);
    let load = locust::command(program, folder.path(), locust::VARYING, &app.url());
    args.extend(load.iter().map(String::as_str));
    let live = dbperf(&args);
    assert_eq!(live.code, Some(0), "{}", live.stderr);
    let mean_ms = means(&lab);
    let served = app.served();
    app.stop();
    // From here on no server is needed.
    lab.stop().unwrap();

    let from = |more: &[&str]| {
        let mut args = vec!["analyze", "--from", &saved, "--api", &stats];
        args.extend(more);
        let output = dbperf(&args);
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        output
    };
    let json = ["--format", "json"];
    let both = ["--format", "json", "--api", &history];
    let evidence = Evidence {
        live: live.json(),
        again: from(&both).json(),
        mapped: from(&["--format", "json", "--api", &history, "--map", &map]).json(),
        without_history: from(&json).json(),
        imported: dbperf(&["import", "--format", "json", &stats, &history]).json(),
        text: from(&["--api", &history]).stdout,
        run: serde_json::from_slice(&fs::read(&saved).unwrap()).unwrap(),
        stats: fs::read_to_string(&stats).unwrap(),
        served,
        mean_ms,
    };
    Some(evidence)
}

/// What the server's own view says of the two statements since it was started.
fn means(lab: &dbperf::lab::Lab) -> [f64; 2] {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = support::connect(lab.primary()).await;
        let mut means = [0.0; 2];
        for (mean, table) in means.iter_mut().zip(["a", "b"]) {
            let sql = format!(
                "SELECT (sum(total_exec_time) / sum(calls))::float8 FROM pg_stat_statements \
                 WHERE query LIKE 'SELECT pg_sleep(%FROM {table}'"
            );
            *mean = client.query_one(&sql, &[]).await.unwrap().get(0);
        }
        means
    })
}

impl Evidence {
    /// Execution inside the server for one request of `/a` and of `/b`.
    pub(crate) fn truth_ms(&self) -> [f64; 2] {
        [self.mean_ms[0], self.mean_ms[1] * f64::from(CALLS_B)]
    }
}
