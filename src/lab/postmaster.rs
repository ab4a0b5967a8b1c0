//! The server's process: whether it runs, and stopping it by signal.
//!
//! Signals and not `pg_ctl stop`, because a stale lab is stopped without knowing which programs
//! started it.

use std::{
    fmt,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::LabError;

/// How often a stop looks whether the server has gone.
const POLL: Duration = Duration::from_millis(5);

/// How a server is asked to stop, as `pg_ctl` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Waits for every client to disconnect (SIGTERM).
    Smart,
    /// Disconnects the clients, writes a checkpoint (SIGINT).
    Fast,
    /// Leaves everything as it is; the next start recovers as after a crash (SIGQUIT).
    Immediate,
}

impl StopMode {
    fn signal(self) -> Signal {
        match self {
            Self::Smart => Signal::SIGTERM,
            Self::Fast => Signal::SIGINT,
            Self::Immediate => Signal::SIGQUIT,
        }
    }
}

impl fmt::Display for StopMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smart => "smart",
            Self::Fast => "fast",
            Self::Immediate => "immediate",
        })
    }
}

/// The process id of the server that runs on `data_dir`.
///
/// A `postmaster.pid` outlives a killed server, and its number may belong to anybody by now, so it
/// counts only if that process is a `postgres` started on this very folder.
pub(super) fn running(data_dir: &Path) -> Option<i32> {
    let file = std::fs::read_to_string(data_dir.join("postmaster.pid")).ok()?;
    // A server in single-user mode writes its number with a minus.
    let pid = file
        .lines()
        .next()?
        .trim()
        .parse::<i32>()
        .ok()?
        .checked_abs()?;
    runs(pid, &["postgres", "postmaster"], data_dir).then_some(pid)
}

/// Stops the server on `data_dir` and waits for it; a server that does not run is stopped already.
pub(super) fn stop(data_dir: &Path, mode: StopMode, patience: Duration) -> Result<(), LabError> {
    let Some(pid) = running(data_dir) else {
        return Ok(());
    };
    let begun = Instant::now();
    // It may have gone since it was looked at, which is what was wanted.
    let _ = kill(Pid::from_raw(pid), mode.signal());
    while alive(pid) {
        if begun.elapsed() >= patience {
            return Err(LabError::Stop {
                data_dir: data_dir.to_path_buf(),
                pid,
                mode,
                waited_sec: patience.as_secs(),
            });
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// Ends the server on `data_dir` whatever it takes, for clearing up: never fails, never hangs.
pub(super) fn end(data_dir: &Path) {
    if let Err(LabError::Stop { pid, .. }) =
        stop(data_dir, StopMode::Immediate, Duration::from_secs(10))
    {
        end_process(pid);
    }
}

/// Kills a process and waits a moment for it to go.
pub(super) fn end_process(pid: i32) {
    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    let begun = Instant::now();
    while alive(pid) && begun.elapsed() < Duration::from_secs(2) {
        std::thread::sleep(POLL);
    }
}

/// Whether the process exists and is more than an entry that nobody has collected yet.
fn alive(pid: i32) -> bool {
    if kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH) {
        return false;
    }
    // In a container whose first process never collects orphans, a dead server stays as a zombie.
    // The state follows the name, which is in parentheses and may itself hold any character.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| {
        !stat
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with(['Z', 'X']))
    })
}

/// Whether a process lives, is one of these programs, and has this path on its command line. The
/// command line is world-readable, unlike the process's working folder, which root in a container may
/// not see.
pub(super) fn runs(pid: i32, programs: &[&str], path: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    if pid <= 1 || !alive(pid) {
        return false;
    }
    let folder = path.as_os_str().as_bytes();
    if let Ok(line) = std::fs::read(format!("/proc/{pid}/cmdline")) {
        let mut words = line.split(|byte| *byte == 0);
        let program = words.next().unwrap_or_default();
        return programs.iter().any(|p| program.ends_with(p.as_bytes()))
            && words.any(|word| word == folder);
    }
    // Systems without /proc.
    let pid = pid.to_string();
    let Ok(output) = Command::new("ps")
        .args(["-o", "command=", "-p", &pid])
        .output()
    else {
        return false;
    };
    let line = String::from_utf8_lossy(&output.stdout);
    programs.iter().any(|p| line.contains(p)) && line.contains(&*path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_that_names_somebody_else_is_no_server() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(running(folder.path()), None);
        let mut other = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(other.id()).unwrap();
        for text in [
            format!("{pid}\n/somewhere\n"),
            "1\n".into(),
            "x".into(),
            String::new(),
        ] {
            std::fs::write(folder.path().join("postmaster.pid"), text).unwrap();
            assert_eq!(running(folder.path()), None);
            stop(folder.path(), StopMode::Immediate, Duration::ZERO).unwrap();
        }
        assert!(alive(pid), "a stranger was signalled");
        other.kill().unwrap();
        let begun = Instant::now();
        while alive(pid) {
            let waited = begun.elapsed();
            assert!(
                waited < Duration::from_secs(20),
                "an uncollected process counts as alive"
            );
            std::thread::sleep(POLL);
        }
        other.wait().unwrap();
        assert!(!alive(pid));
    }
}
