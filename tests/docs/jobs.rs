//! The job of the page on several machines starts machines that fit together.

use std::fs;

use crate::help::dbperf;
use crate::pages;

/// The value of a key that stands once in the job.
fn value<'a>(job: &'a str, key: &str) -> &'a str {
    let lines = job.lines().map(|line| line.trim().trim_start_matches("- "));
    let mut values = lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
    let found = values.next().unwrap_or_else(|| panic!("{key} is missing"));
    assert_eq!(values.next(), None, "{key} stands twice");
    found.trim_matches('"')
}

/// The command of the container: the folded lines behind `- >-`.
fn command(job: &str) -> String {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut lines = job.lines().skip_while(|line| line.trim() != "- >-");
    let opening = depth(lines.next().unwrap());
    let folded = lines.take_while(|line| depth(line) > opening);
    folded.map(str::trim).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_kubernetes_job_starts_every_machine_of_the_load() {
    let page = pages::page("docs/several-machines.md");
    let jobs: Vec<_> = page
        .fences()
        .into_iter()
        .filter(|f| f.info == "yaml")
        .collect();
    let [job] = jobs.as_slice() else {
        panic!("one job: {jobs:?}");
    };
    let job = &job.body;
    for line in job.lines() {
        let spaces = line.len() - line.trim_start_matches(' ').len();
        assert!(spaces % 2 == 0 && !line.contains('\t'), "{line}");
    }
    assert_eq!(
        (value(job, "apiVersion"), value(job, "kind")),
        ("batch/v1", "Job")
    );
    assert_eq!(value(job, "completionMode"), "Indexed");
    let machines = value(job, "completions");
    assert_eq!(value(job, "parallelism"), machines);
    assert_eq!(value(job, "backoffLimit"), "0");
    let command = command(job);
    let shard = format!("--shard \"$((JOB_COMPLETION_INDEX + 1))/{machines}\"");
    assert!(command.contains(&shard), "{command}");
    assert!(job.contains("name: START_AT") && command.contains("--start-at \"$START_AT\""));

    // Every pod's shell and dbperf understand it, as far as the server that is not there.
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("runs")).unwrap();
    fs::write(
        folder.path().join("workload.sql"),
        "-- operation: o\nSELECT 1;\n",
    )
    .unwrap();
    let here = folder.path().to_str().unwrap();
    let script = command
        .replace("/workload/", &format!("{here}/"))
        .replace("/runs/", &format!("{here}/runs/"));
    let program = dbperf().get_program().to_owned();
    let programs = std::path::Path::new(&program).parent().unwrap();
    for index in 0..machines.parse::<u32>().unwrap() {
        let output = std::process::Command::new("/bin/sh")
            .args(["-c", &script])
            .env("PATH", programs)
            .env("JOB_COMPLETION_INDEX", index.to_string())
            .env("START_AT", "2099-01-01T12:00:00Z")
            .env(
                "DBPERF_DATABASE_URL",
                format!("host={here}/nowhere dbname=x user=x"),
            )
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains("cannot connect"), "{said}");
    }
}
