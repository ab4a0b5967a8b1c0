//! What can go wrong with a lab, each with what was tried and the cure.

use std::path::PathBuf;

use super::StopMode;

/// Why a lab could not be started, stopped or looked at.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// No usable `PostgreSQL` server was found anywhere on the machine.
    #[error(
        "no PostgreSQL server (13 or newer) was found on this machine. Looked at:\n{tried}\n\
         Install one with `apt-get install postgresql postgresql-contrib` (Debian, Ubuntu), \
         `dnf install postgresql-server postgresql-contrib` (Fedora, RHEL) or \
         `brew install postgresql@17` (macOS), or name the folder that holds initdb, pg_ctl and \
         postgres with --pg-bin or DBPERF_PG_BIN"
    )]
    NoBinaries {
        /// One line for each place and what was wrong there.
        tried: String,
    },
    /// The folder named by the user holds no usable server.
    #[error(
        "{bin} (from {source_name}) cannot be used for a lab: {why}. It must hold initdb, pg_ctl \
         and postgres of PostgreSQL 13 or newer"
    )]
    BadBinaries {
        /// The folder.
        bin: PathBuf,
        /// What named it: `--pg-bin`, the environment variable or a kept lab.
        source_name: &'static str,
        /// What was wrong with it.
        why: String,
    },
    /// The server has no `pg_stat_statements` to preload.
    #[error(
        "the PostgreSQL server in {bin} has no pg_stat_statements library (looked in {looked}). \
         Install its contrib package: `apt-get install postgresql-contrib` (Debian, Ubuntu) or \
         `dnf install postgresql-contrib` (Fedora, RHEL)"
    )]
    NoContrib {
        /// The folder of the server's programs.
        bin: PathBuf,
        /// The library folders that were looked at.
        looked: String,
    },
    /// A setting that a lab cannot take.
    #[error("the lab cannot take the setting {name:?}: {why}")]
    Setting {
        /// The setting's name as given.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// The socket's path would not fit into the operating system's address structure.
    #[error(
        "the socket path {path} has {length} bytes and the limit is {limit}: set TMPDIR to a \
         folder with a shorter name, such as /tmp"
    )]
    SocketPath {
        /// The path of the socket file.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
        /// The longest path that works.
        limit: usize,
    },
    /// Started as root on a machine without an account to drop to.
    #[error(
        "PostgreSQL refuses to run as root, and neither of the users `postgres` and `nobody` \
         exists to run it as. Start dbperf as an ordinary user"
    )]
    NoAccount,
    /// The unprivileged user cannot enter a folder on the way.
    #[error(
        "started as root, the lab runs its servers as the user {account}, who cannot enter \
         {blocked} on the way to {path}: make it traversable (chmod o+x), set TMPDIR to a folder \
         such as /tmp, or start dbperf as an ordinary user"
    )]
    Unreachable {
        /// Where the user has to get.
        path: PathBuf,
        /// The first folder that stops the user.
        blocked: PathBuf,
        /// The user's name.
        account: String,
    },
    /// A file operation failed.
    #[error("the lab could not {doing} {path}: {source}")]
    Io {
        /// What was tried, as a verb phrase.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// One of the server's programs failed.
    #[error("{program} failed ({status}) in the lab:\n{output}")]
    Program {
        /// The program's path.
        program: PathBuf,
        /// How it ended.
        status: String,
        /// The last lines that it printed.
        output: String,
    },
    /// The server did not come up.
    #[error(
        "the lab's {cluster} did not start (PostgreSQL {version}). pg_ctl said: {said}\n\
         Last lines of its log:\n{log}"
    )]
    Start {
        /// `primary` or `standby`.
        cluster: String,
        /// The server's version.
        version: String,
        /// The last line of `pg_ctl`.
        said: String,
        /// The last lines of the server's log.
        log: String,
    },
    /// The server did not go down in time.
    #[error(
        "the lab's server in {data_dir} (process {pid}) was still running {waited_sec} s after a \
         {mode} stop: stop it with the mode immediate"
    )]
    Stop {
        /// The server's data folder.
        data_dir: PathBuf,
        /// The postmaster's process id.
        pid: i32,
        /// How it was asked to stop.
        mode: StopMode,
        /// How long it was waited for, in seconds.
        waited_sec: u64,
    },
    /// No `PgBouncer` was found on the machine.
    #[error(
        "no pgbouncer program was found on the PATH or in /usr/sbin, /usr/bin, /usr/local/bin, \
         /opt/homebrew/bin: `apt-get install pgbouncer` (Debian, Ubuntu), `dnf install pgbouncer` \
         (Fedora, RHEL with PostgreSQL's repository) or `brew install pgbouncer` (macOS) brings it"
    )]
    NoPgBouncer,
    /// `PgBouncer` did not come up.
    #[error("the lab's PgBouncer ({program}) did not start. It said:\n{said}")]
    Pooler {
        /// The program's path.
        program: PathBuf,
        /// The last lines of its output and its log.
        said: String,
    },
    /// A path that `PgBouncer`'s configuration file cannot hold.
    #[error(
        "PgBouncer's configuration cannot hold the path {path:?}: set TMPDIR to a folder whose name \
         is plain text, such as /tmp"
    )]
    PoolerPath {
        /// The path.
        path: PathBuf,
    },
    /// The prepared data folder cannot be used.
    #[error("the prepared data folder {path} cannot be used: {why}")]
    Template {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The place of the kept lab belongs to somebody else, or is not what dbperf made.
    #[error(
        "{path} is not a folder that belongs to you alone: {why}. Remove it, or set TMPDIR to a \
         folder of your own"
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A kept lab is there already and is not the one that was asked for.
    #[error("a lab is kept already in {folder}, {difference}: `dbperf lab stop` removes it")]
    KeptDiffers {
        /// The kept lab's folder.
        folder: PathBuf,
        /// How it differs from what was asked for.
        difference: String,
    },
}

/// For `map_err`: names the operation and the path that an I/O error belongs to.
pub(super) fn io(
    doing: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(std::io::Error) -> LabError {
    let path = path.into();
    move |source| LabError::Io {
        doing,
        path,
        source,
    }
}
