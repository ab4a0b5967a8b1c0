//! The command under test.

use std::process::Command;

/// `dbperf` in an environment in which only what a test passes decides: no server, and no width of a terminal.
pub(crate) fn dbperf() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dbperf"));
    for (name, _) in std::env::vars() {
        if name.starts_with("PG") || name.contains("DATABASE_URL") || name == "COLUMNS" {
            command.env_remove(name);
        }
    }
    command
}
