//! k6: where it is, what it is told, and what it measured.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

/// The version that is tested; the fixtures of the importer are of the same one.
const VERSION: &str = "1.1.0";

/// The program that `make setup-tools` installs. `None` where it is missing, which is said on
/// stderr; where everything is required (`DBPERF_TEST_REQUIRE=all`, or a build server) it fails.
pub(crate) fn program() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND.get_or_init(find).as_deref()
}

fn find() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/k6");
    let stamp = fs::read_to_string(folder.join(".version")).unwrap_or_default();
    if stamp.starts_with(&format!("k6=={VERSION} ")) {
        return Some(folder.join("bin/k6"));
    }
    let asked = |name: &str| std::env::var(name).unwrap_or_default();
    assert!(
        asked("DBPERF_TEST_REQUIRE").trim() != "all" && asked("CI").is_empty(),
        "there is no k6 {VERSION} in {}; `make setup-tools` installs it",
        folder.display()
    );
    // The harness holds back what a passing test prints by macro; this it does not.
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED: no k6 {VERSION} (`make setup-tools` installs it)"
    );
    None
}

/// One user for a while, and then as many as asked for; every answer's `Server-Timing` is recorded.
const SCRIPT: &str = r"
import http from 'k6/http';
import { Trend } from 'k6/metrics';

const users = Number(__ENV.USERS);
const stage = (target, duration) => ({ target, duration });

export const options = {
  scenarios: {
    growing: {
      executor: 'ramping-vus', startVUs: 1, gracefulStop: '5s', gracefulRampDown: '5s',
      stages: [stage(1, '4s'), stage(users, '0s'), stage(users, '8s')],
    },
  },
};

const timing = {};
for (const name of ['pool', 'db', 'app', 'total']) {
  timing[name] = new Trend(`server_timing_${name}`, true);
}

export default function () {
  const answer = http.get(`${__ENV.URL}/work`, { tags: { name: '/work' } });
  for (const [, name, dur] of answer.headers['Server-Timing'].matchAll(/(\w+);dur=([\d.]+)/g)) {
    timing[name].add(Number(dur), { name: '/work', method: 'GET' });
  }
}
";

/// The load command; results go to `folder/out.ndjson`.
pub(crate) fn command(program: &Path, folder: &Path, url: &str, users: u32) -> Vec<String> {
    let script = folder.join("work.js");
    fs::write(&script, SCRIPT).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let out = format!("json={}", text(&folder.join("out.ndjson")));
    let (url, users) = (format!("URL={url}"), format!("USERS={users}"));
    let program = text(program);
    let script = text(&script);
    [
        program.as_str(),
        "run",
        "--quiet",
        "--no-usage-report",
        "--no-summary",
        "-e",
        &url,
        "-e",
        &users,
        "--out",
        &out,
        &script,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// The mean response time and the number of requests, read without dbperf.
pub(crate) fn mean_ms(ndjson: &str) -> (f64, u64) {
    let (mut sum, mut count) = (0.0, 0);
    for line in ndjson.lines() {
        let point: Value = serde_json::from_str(line).unwrap();
        if point["metric"] == "http_req_duration" && point["type"] == "Point" {
            sum += point["data"]["value"].as_f64().unwrap();
            count += 1;
        }
    }
    assert!(count > 0, "k6 measured nothing");
    (sum / count as f64, count)
}

/// The same result without what the service told.
pub(crate) fn without_timing(ndjson: &str) -> String {
    let lines = ndjson.lines().filter(|l| !l.contains("server_timing_"));
    lines.flat_map(|l| [l, "\n"]).collect()
}
