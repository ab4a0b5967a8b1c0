//! A flag that could not do anything is refused, and a result goes where it was asked for.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cli::{dbperf, run};
use crate::staged::open_to_everybody;

#[test]
fn flags_that_would_be_ignored_are_refused() {
    for flags in [
        "analyze x --lab-standby",
        "analyze x --pg-bin /nowhere",
        "analyze x --clients 3",
        "analyze x --window 1s --duration 1s",
        "analyze --from run --save other",
        "analyze --from run --clients 3",
        "analyze --from run --lab-standby",
        "slow x --warmup 1s -- true",
        "slow x --instances 3",
        "indexes x --headroom 30%",
        "lag x --pgbouncer-users 2",
        "slow x --usage run.json",
        "lag x --table tasks",
        "lag x --plans server.log",
    ] {
        let output = run(&flags.split(' ').collect::<Vec<_>>());
        assert_eq!(output.code, Some(2), "{flags}: {}", output.stderr);
    }
}

#[test]
fn a_result_goes_to_the_file_that_was_asked_for_and_is_its_owners() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("status.txt");
    let mut command = dbperf(&["lab", "status", "-o"]);
    command.arg(&file).env("TMPDIR", folder.path());
    let output = command.output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty());
    assert!(fs::read_to_string(&file).unwrap().contains("no lab"));
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_full_device_behind_standard_output_is_said() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = dbperf(&["schema"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("standard output"), "{said}");
}

#[test]
fn a_lab_goes_when_ctrl_c_comes_twice() {
    let folder = tempfile::tempdir().unwrap();
    open_to_everybody(folder.path());
    for delay in [300, 1500] {
        let mut command = dbperf(&["analyze", "--lab", "--duration", "20s"]);
        command.env("TMPDIR", folder.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        std::thread::sleep(Duration::from_millis(delay));
        kill(pid, Signal::SIGINT).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        // It may have ended already.
        let _ = kill(pid, Signal::SIGINT);
        child.wait().unwrap();
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert!(left.is_empty(), "after {delay} ms: {left:?}");
    }
}

#[test]
fn a_dash_is_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = crate::cli::dbperf(&["schema", "-o", "-"]);
    let output = command.current_dir(folder.path()).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("$schema"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
