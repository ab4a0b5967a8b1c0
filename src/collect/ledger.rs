//! The account of every collector: what it read, what it missed and why, what it cost.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::pg::PgError;
use crate::record::{Coverage, Millis, Status};

/// Accounts by collector.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: BTreeMap<&'static str, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    duration: Millis,
    read: u64,
    failed: u64,
    /// Reason of the first failure.
    failure: Option<String>,
    /// The view does not exist in this version.
    absent: bool,
    notes: Vec<(Status, String)>,
}

impl Ledger {
    /// Awaits a reading, counts its duration (the wait for the server) and its outcome.
    pub(super) async fn time<T>(
        &mut self,
        collector: &'static str,
        reading: impl Future<Output = Result<T, PgError>>,
    ) -> Result<T, PgError> {
        let start = Instant::now();
        let result = reading.await;
        let entry = self.entries.entry(collector).or_default();
        entry.duration += Millis::from(start.elapsed());
        match &result {
            Ok(_) => entry.read += 1,
            Err(error) => self.failed(collector, error),
        }
        result
    }

    /// Counts a failed reading.
    pub(super) fn failed(&mut self, collector: &'static str, error: &PgError) {
        let entry = self.entries.entry(collector).or_default();
        entry.failed += 1;
        entry.absent |= matches!(error, PgError::ViewTooNew { .. });
        entry.failure.get_or_insert_with(|| error.to_string());
    }

    /// Adds a remark once. [`Status::Ok`] only explains; the others lower the result.
    pub(super) fn note(
        &mut self,
        collector: &'static str,
        status: Status,
        reason: impl Into<String>,
    ) {
        let note = (status, reason.into());
        let entry = self.entries.entry(collector).or_default();
        if !entry.notes.contains(&note) {
            entry.notes.push(note);
        }
    }

    /// Adds the account of another task.
    pub(super) fn merge(&mut self, other: Self) {
        for (collector, theirs) in other.entries {
            let ours = self.entries.entry(collector).or_default();
            ours.duration += theirs.duration;
            ours.read += theirs.read;
            ours.failed += theirs.failed;
            ours.absent |= theirs.absent;
            ours.failure = ours.failure.take().or(theirs.failure);
            for note in theirs.notes {
                if !ours.notes.contains(&note) {
                    ours.notes.push(note);
                }
            }
        }
    }

    /// Time spent waiting for the server, over all collectors.
    pub(super) fn total(&self) -> Millis {
        self.entries.values().map(|e| e.duration).sum()
    }

    /// One row per collector.
    pub(super) fn into_coverage(self) -> Vec<Coverage> {
        let rows = self.entries.into_iter();
        rows.map(|(collector, entry)| entry.into_coverage(collector))
            .collect()
    }
}

impl Entry {
    fn into_coverage(self, collector: &'static str) -> Coverage {
        let mut status = match (self.read, self.failed) {
            (0, 1..) if self.absent => Status::Skipped,
            (0, 1..) => Status::Failed,
            (_, 1..) => Status::Partial,
            _ => Status::Ok,
        };
        let mut reasons = Vec::new();
        if let Some(failure) = self.failure {
            reasons.push(if self.read == 0 {
                failure
            } else {
                let all = self.read + self.failed;
                format!(
                    "{} of {all} readings failed, the first: {failure}",
                    self.failed
                )
            });
        }
        for (worse, reason) in self.notes {
            if severity(worse) > severity(status) {
                status = worse;
            }
            reasons.push(reason);
        }
        let timed = self.read > 0 || self.duration.0 > 0.0;
        Coverage {
            collector: collector.to_owned(),
            status,
            reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
            duration: timed.then_some(self.duration),
        }
    }
}

fn severity(status: Status) -> u8 {
    match status {
        Status::Ok => 0,
        Status::Partial => 1,
        Status::Skipped => 2,
        Status::Failed => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> PgError {
        PgError::Refused {
            what: "v".to_owned(),
            sqlstate: "42501".to_owned(),
            message: "permission denied".to_owned(),
        }
    }

    async fn account(outcomes: &[bool]) -> Coverage {
        let mut ledger = Ledger::default();
        for ok in outcomes {
            let _result = ledger
                .time("v", async { if *ok { Ok(()) } else { Err(refused()) } })
                .await;
        }
        ledger.into_coverage().remove(0)
    }

    #[tokio::test]
    async fn the_status_follows_the_readings() {
        assert_eq!(account(&[true, true]).await.status, Status::Ok);
        assert_eq!(account(&[false]).await.status, Status::Failed);
        let partial = account(&[true, false, true]).await;
        assert_eq!(partial.status, Status::Partial);
        assert!(
            partial
                .reason
                .unwrap()
                .starts_with("1 of 3 readings failed")
        );
    }

    #[test]
    fn a_view_that_the_version_lacks_is_skipped() {
        let mut ledger = Ledger::default();
        let error = crate::pg::catalog::PG_STAT_IO.select((15, 0)).unwrap_err();
        ledger.failed("pg_stat_io", &error);
        let row = ledger.into_coverage().remove(0);
        assert_eq!(row.status, Status::Skipped);
        assert_eq!(row.duration, None);
    }

    #[test]
    fn notes_lower_the_status_and_merge_once() {
        let (mut one, mut two) = (Ledger::default(), Ledger::default());
        one.note("v", Status::Ok, "because");
        two.note("v", Status::Ok, "because");
        two.note("v", Status::Partial, "hidden");
        one.merge(two);
        let row = one.into_coverage().remove(0);
        assert_eq!(row.status, Status::Partial);
        assert_eq!(row.reason.as_deref(), Some("because; hidden"));
    }
}
