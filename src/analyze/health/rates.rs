//! Counters over the window: checkpoints and temporary files.

use crate::analyze::conclusions::{Checkpoints, TempFiles};
use crate::record::Run;
use crate::record::server::Disturbance;

/// Checkpoints in the window; `None` where the counters do not cover it.
#[must_use]
pub fn checkpoints(run: &Run) -> Option<Checkpoints> {
    let span = run.database.stat_checkpointer.as_ref()?;
    let (first, last) = (span.first.first()?, span.last.first()?);
    let seconds = (span.last_at.0 - span.first_at.0) / 1000.0;
    let buffers = last.buffers_written - first.buffers_written;
    let block = run
        .server
        .as_ref()
        .and_then(|s| s.setting("block_size"))
        .and_then(|v| v.parse().ok())
        .unwrap_or(8192.0);
    let (timed, requested) = (
        last.num_timed - first.num_timed,
        last.num_requested - first.num_requested,
    );
    let same_life = continuous(run) && first.stats_reset == last.stats_reset;
    if !same_life || seconds <= 0.0 || timed < 0 || requested < 0 || buffers < 0 {
        return None;
    }
    Some(Checkpoints {
        timed,
        requested,
        write_ms: last.write_time.0 - first.write_time.0,
        sync_ms: last.sync_time.0 - first.sync_time.0,
        written_bytes_per_sec: buffers as f64 * block / seconds,
    })
}

/// Temporary files of this database; `None` where the counters do not cover the window.
#[must_use]
pub fn temp_files(run: &Run) -> Option<TempFiles> {
    let oid = run.server.as_ref()?.database_oid;
    let span = run.database.stat_database.as_ref()?;
    let first = span.first.iter().find(|d| d.datid == oid)?;
    let last = span.last.iter().find(|d| d.datid == oid)?;
    let seconds = (span.last_at.0 - span.first_at.0) / 1000.0;
    let files = last.temp_files - first.temp_files;
    let bytes = last.temp_bytes - first.temp_bytes;
    let same_life = continuous(run) && first.stats_reset == last.stats_reset;
    (same_life && seconds > 0.0 && files >= 0 && bytes >= 0).then_some(TempFiles {
        files,
        bytes,
        bytes_per_sec: bytes as f64 / seconds,
    })
}

/// Nothing happened to the server's cumulative counters.
fn continuous(run: &Run) -> bool {
    run.disturbances.iter().all(|d| {
        matches!(
            d,
            Disturbance::StatementsReset
                | Disturbance::StatementsEvicted { .. }
                | Disturbance::ConnectionLost
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{run, span, stat_database};
    use crate::record::Millis;
    use crate::record::database::StatCheckpointer;

    #[test]
    fn counters_become_rates_and_a_reset_nothing() {
        let row = |n: i64| StatCheckpointer {
            num_timed: n,
            num_requested: 2 * n,
            write_time: Millis(n as f64),
            sync_time: Millis(0.0),
            buffers_written: 600 * n,
            stats_reset: None,
        };
        let mut run = run();
        run.database.stat_checkpointer = Some(span(vec![row(3)], vec![row(4)]));
        let found = checkpoints(&run).unwrap();
        assert_eq!((found.timed, found.requested), (1, 2));
        assert!((found.written_bytes_per_sec - 81_920.0).abs() < 1e-6);
        run.database.stat_checkpointer = Some(span(vec![row(4)], vec![row(3)]));
        assert_eq!(checkpoints(&run), None);
    }

    #[test]
    fn temporary_files_are_those_of_the_window() {
        let mut last = stat_database();
        (last.temp_files, last.temp_bytes) = (3, 6_000);
        let mut run = run();
        assert_eq!(temp_files(&run), None);
        run.database.stat_database = Some(span(vec![stat_database()], vec![last]));
        let found = temp_files(&run).unwrap();
        assert_eq!((found.files, found.bytes), (3, 6_000));
        assert!((found.bytes_per_sec - 100.0).abs() < 1e-9);
        run.disturbances = vec![Disturbance::Crash];
        assert_eq!(temp_files(&run), None);
    }
}
