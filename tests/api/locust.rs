//! Locust: where it is, and what it is told.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The version that is tested; the fixtures of the importer are of the same one.
const VERSION: &str = "2.47.0";

/// The program that `make setup-tools` installs. `None` where it is missing, which is said on
/// stderr; where everything is required (`DBPERF_TEST_REQUIRE=all`, or a build server) it fails.
pub(crate) fn program() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND.get_or_init(find).as_deref()
}

fn find() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/locust");
    let stamp = fs::read_to_string(folder.join(".version")).unwrap_or_default();
    if stamp.starts_with(&format!("locust=={VERSION} ")) {
        return Some(folder.join("bin/locust"));
    }
    let asked = |name: &str| std::env::var(name).unwrap_or_default();
    assert!(
        asked("DBPERF_TEST_REQUIRE").trim() != "all" && asked("CI").is_empty(),
        "there is no Locust {VERSION} in {}; `make setup-tools` installs it",
        folder.display()
    );
    // The harness holds back what a passing test prints by macro; this it does not.
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED: no Locust {VERSION} (`make setup-tools` installs it)"
    );
    None
}

/// Users that ask for one endpoint after the other by a mix that changes every three seconds, in two
/// stages: 4 users, then 7.
pub(crate) const VARYING: &str = r#"
import random, time
from locust import HttpUser, LoadTestShape, constant, task

PHASES = [(8, 1, 1), (1, 6, 2), (1, 1, 8), (5, 1, 4), (1, 5, 5), (6, 4, 1), (2, 1, 2), (0, 3, 1)]
BEGIN = time.time()


class Stages(LoadTestShape):
    def tick(self):
        at = self.get_run_time()
        if at < 12:
            return (4, 4)
        return (7, 4) if at < 25 else None


class Visitor(HttpUser):
    wait_time = constant(0.1)

    @task
    def visit(self):
        phase = PHASES[int((time.time() - BEGIN) / 3) % len(PHASES)]
        self.client.get(random.choices(["/a", "/b", "/c"], phase)[0])
"#;

/// Users that ask for the three endpoints in the same order again and again.
pub(crate) const CONSTANT: &str = r#"
from locust import HttpUser, constant, task


class Visitor(HttpUser):
    wait_time = constant(0.1)

    @task
    def visit(self):
        for path in ["/a", "/b", "/c"]:
            self.client.get(path)
"#;

/// The load command: the script is written to `folder`, results go to `folder/out_*.csv`.
pub(crate) fn command(program: &Path, folder: &Path, script: &str, url: &str) -> Vec<String> {
    let file = folder.join("locustfile.py");
    fs::write(&file, script).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let mut command = vec![text(program)];
    command.extend(["-f".to_owned(), text(&file), "--csv".to_owned()]);
    command.push(text(&folder.join("out")));
    let rest = [
        "--csv-full-history",
        "--headless",
        "--only-summary",
        "--host",
        url,
    ];
    command.extend(rest.map(str::to_owned));
    command
}

/// One row of Locust's statistics, read without dbperf: name, requests, mean in milliseconds.
pub(crate) fn rows(stats: &str) -> Vec<(String, u64, f64)> {
    let mut lines = stats.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|h| *h == name).unwrap();
    let (count, mean) = (column("Request Count"), column("Average Response Time"));
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            let name = format!("{} {}", fields[0], fields[1]);
            (
                name.trim().to_owned(),
                fields[count].parse().unwrap(),
                fields[mean].parse().unwrap(),
            )
        })
        .collect()
}
