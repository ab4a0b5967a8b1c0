//! The `dbperf` command: everything happens in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    dbperf::cli::main()
}
