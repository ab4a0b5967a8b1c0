//! A captured workload as what is replayed.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use super::analyze::refused_writes;
use super::args::{DriveArgs, PoolArg, Speed};
use super::exit::Failure;
use super::measure::{Job, Load};
use crate::drive::CapturedOptions;
use crate::workload::CapturedFile;

/// Bytes from which a captured workload is recognised.
const HEAD: u64 = 256;

/// Whether the file is a captured workload.
///
/// # Errors
/// It cannot be read.
pub(super) fn recognises(path: &Path) -> Result<bool, Failure> {
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(HEAD).read_to_end(&mut head))
        .map_err(|e| Failure::input(format!("cannot read {}: {e}", path.display())))?;
    Ok(CapturedFile::recognises(&head))
}

fn open(path: &Path) -> Result<CapturedFile, Failure> {
    CapturedFile::open(path).map_err(|e| Failure::input(e.to_string()))
}

/// Whether the captured sessions wrote.
///
/// # Errors
/// The file cannot be read.
pub(super) fn writes(path: &Path) -> Result<bool, Failure> {
    Ok(open(path)?.header().writes)
}

/// The load that replays the file.
///
/// # Errors
/// The file cannot be read, it writes and nobody agreed, or flags do not fit it.
pub(super) fn load(path: &Path, drive: &DriveArgs, lab: bool) -> Result<Load, Failure> {
    let file = open(path)?;
    let name = path.display();
    refuse_idle_flags(&name.to_string(), drive)?;
    let header = file.header();
    if header.writes && !lab && !drive.writes {
        return Err(refused_writes(&name.to_string()));
    }
    let speed = drive.speed.unwrap_or(Speed(Some(1.0))).0;
    let span = Duration::from_micros(header.span_us);
    Ok(Load::Replay(Job::Captured {
        path: path.to_path_buf(),
        options: CapturedOptions {
            speed,
            duration: drive.duration,
            statement_timeout: Some(drive.statement_timeout),
            max_errors: Some(drive.max_errors),
            start_at: drive.start_at,
            shard: drive.shard.unwrap_or_default(),
            allow_writes: lab || drive.writes,
        },
        length: speed.map_or(Duration::ZERO, |speed| span.div_f64(speed)),
    }))
}

/// When its calls are sent, over which connections, and with which values is in the file.
fn refuse_idle_flags(name: &str, drive: &DriveArgs) -> Result<(), Failure> {
    let idle = [
        ("--clients", drive.clients.is_some()),
        ("--rate", drive.rate.is_some()),
        ("--arrival", drive.arrival.is_some()),
        ("--stages", drive.stages.is_some()),
        ("--think", drive.think.is_some()),
        ("--warmup", drive.warmup.is_some()),
        ("--max-schedule-lag", drive.max_schedule_lag.is_some()),
        ("--pool-size", drive.pool_size.is_some()),
        ("--acquire-timeout", drive.acquire_timeout.is_some()),
        ("--driver-threads", drive.driver_threads.is_some()),
        ("-D", !drive.define.is_empty()),
    ];
    if let Some((flag, _)) = idle.into_iter().find(|(_, given)| *given) {
        return Err(Failure::usage(format!(
            "{flag} has no meaning for {name}: a captured workload has its own sessions, times and values; \
             --speed makes it faster or slower"
        )));
    }
    match drive.pool.as_slice() {
        [] | [PoolArg::None] => Ok(()),
        _ => Err(Failure::usage(format!(
            "{name} is a captured workload, whose sessions keep their own connections: leave --pool out"
        ))),
    }
}
