//! The command: file, summary, exit codes.

use std::process::{Command, Output};

use crate::{newest, prepared, support};

fn dbperf(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dbperf"));
    command.args(["capture", "statements"]).args(arguments);
    command.env_remove("DATABASE_URL").output().unwrap()
}

#[tokio::test]
async fn the_file_is_written_and_the_summary_says_what_is_missing() {
    let (lab, client) = prepared(newest()).await.unwrap();
    client
        .simple_query("SELECT id FROM orders WHERE id = 3")
        .await
        .unwrap();
    client
        .simple_query("DELETE FROM orders WHERE id = 4")
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("captured.sql");
    let dsn = lab.primary().dsn();
    let output = dbperf(&[&dsn, "-o", file.to_str().unwrap()]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(
        stderr.contains("% of the calls") && stderr.contains("--writes"),
        "{stderr}"
    );
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("column public.orders.id") && !text.contains("-- writes"),
        "{text}"
    );

    let output = dbperf(&[&dsn, "--writes", "--quiet"]);
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("-- writes") && text.contains("DELETE FROM orders"),
        "{text}"
    );
    // Nothing was written by capturing.
    let row = client
        .query_one("SELECT count(*) FROM orders", &[])
        .await
        .unwrap();
    assert_eq!(row.get::<_, i64>(0), 6199);
}

#[test]
fn what_is_missing_has_its_exit_code() {
    let _ = support::TESTED;
    let output = dbperf(&["host=127.0.0.1 port=1 user=u password=canary"]);
    assert_eq!(output.status.code(), Some(3));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("cannot reach") && !stderr.contains("canary"),
        "{stderr}"
    );
    assert_eq!(dbperf(&["--top", "0"]).status.code(), Some(2));
}
