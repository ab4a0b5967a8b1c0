//! Who the servers run as: `PostgreSQL` refuses root, so a lab started by root drops to another user.

use std::{
    ffi::OsStr,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::unistd::{Uid, User, geteuid};

use super::{LabError, error::io, folder::reachable_by};

/// The user that a lab's servers run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user's name, for messages.
    pub name: String,
    /// The user's id, which is the owner of the data folders.
    pub uid: u32,
    /// The user's primary group.
    pub gid: u32,
    drops: bool,
}

impl Account {
    /// The account for this process: the user itself, or for root `postgres`, else `nobody`.
    ///
    /// # Errors
    ///
    /// [`LabError::NoAccount`] when root has nobody to drop to.
    pub fn current() -> Result<Self, LabError> {
        let own = geteuid();
        let candidates: &[&str] = if own.is_root() {
            &["postgres", "nobody"]
        } else {
            &[]
        };
        for name in candidates {
            if let Ok(Some(user)) = User::from_name(name) {
                return Ok(Self::of(user, true));
            }
        }
        if own.is_root() {
            return Err(LabError::NoAccount);
        }
        Ok(match User::from_uid(own) {
            Ok(Some(user)) => Self::of(user, false),
            // A container may run under a number that no user database knows.
            _ => Self {
                name: format!("with id {own}"),
                uid: own.as_raw(),
                gid: nix::unistd::getegid().as_raw(),
                drops: false,
            },
        })
    }

    fn of(user: User, drops: bool) -> Self {
        Self {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            drops,
        }
    }

    /// Whether the servers run as somebody else than this process.
    #[must_use]
    pub fn drops_privileges(&self) -> bool {
        self.drops
    }

    /// Hands a folder to the account; nothing to do where the account is the process's own.
    pub(super) fn own(&self, path: &Path) -> Result<(), LabError> {
        if self.drops {
            std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid))
                .map_err(io("hand over", path))?;
        }
        Ok(())
    }

    /// Fails with the name of the first folder that the account cannot enter on the way to `path`.
    pub(super) fn must_reach(&self, path: &Path) -> Result<(), LabError> {
        if !self.drops {
            return Ok(());
        }
        reachable_by(path, self.uid, self.gid).map_err(|blocked| LabError::Unreachable {
            path: path.to_path_buf(),
            blocked,
            account: self.name.clone(),
        })
    }

    /// A command that runs as the account, in `cwd`, apart from the terminal.
    ///
    /// It has a process group of its own, so that the terminal's Ctrl-C reaches dbperf only, which
    /// then stops the servers in order. The environment is cleared but for what a program needs to
    /// run: `PG*` variables would change the server, and credentials in the variables of a process
    /// that drops privileges must not become readable by the user it drops to.
    pub(super) fn command(&self, program: &Path, cwd: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .stdin(Stdio::null())
            .current_dir(cwd)
            .env_clear()
            .process_group(0);
        for name in ["PATH", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("LC_ALL", "C");
        if self.drops {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Runs a command to its end and returns what it printed on stdout.
    pub(super) fn run<I, S>(&self, program: &Path, cwd: &Path, args: I) -> Result<String, LabError>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let output = self
            .command(program, cwd)
            .args(args)
            .output()
            .map_err(io("run", program))?;
        finished(program, &output)
    }
}

/// The stdout of a program that succeeded; otherwise the error with its last lines.
pub(super) fn finished(program: &Path, output: &std::process::Output) -> Result<String, LabError> {
    let stdout = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(stdout.into_owned());
    }
    let said = format!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
    Err(LabError::Program {
        program: PathBuf::from(program),
        status: output.status.to_string(),
        output: last_lines(&said, 15),
    })
}

/// The last `count` lines of a text, without the empty ones.
pub(super) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// The id of the user that this process acts as.
pub(super) fn own_uid() -> u32 {
    Uid::effective().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_skip_the_empty_ones() {
        assert_eq!(last_lines("a\n\nb\n  \nc\n", 2), "b\nc");
        assert_eq!(last_lines("a", 5), "a");
        assert_eq!(last_lines("", 5), "");
    }

    #[test]
    fn children_get_neither_credentials_nor_server_variables() {
        let account = Account::current().unwrap();
        let command = account.command(Path::new("true"), Path::new("/"));
        let names: Vec<_> = command
            .get_envs()
            .filter_map(|(name, value)| value.and(name.to_str()))
            .collect();
        assert!(names.contains(&"LC_ALL"));
        let kept = [
            "PATH",
            "TZ",
            "LD_LIBRARY_PATH",
            "DYLD_LIBRARY_PATH",
            "LC_ALL",
        ];
        assert!(names.iter().all(|n| kept.contains(n)), "{names:?}");
        let said = account
            .run(Path::new("env"), Path::new("/"), std::iter::empty::<&str>())
            .unwrap();
        assert!(!said.contains("CARGO_MANIFEST_DIR"), "{said}");
    }

    #[test]
    fn root_drops_to_another_user() {
        let account = Account::current().unwrap();
        assert_eq!(account.drops_privileges(), own_uid() == 0);
        let uid = account
            .run(Path::new("id"), Path::new("/"), ["-u"])
            .unwrap();
        assert_eq!(uid.trim(), account.uid.to_string());
        assert_ne!(uid.trim(), "0");
    }
}
