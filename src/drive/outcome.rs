//! What a load left behind becomes a result, or the reason why there is none.

use std::sync::atomic::Ordering;

use jiff::Timestamp;

use crate::record::pool::PoolRecord;

use super::client::Shared;
use super::course::Measured;
use super::detail::Detail;
use super::doubt::Doubt;
use super::options::whole;
use super::recorder::{Frame, Recorder};
use super::target::Target;
use super::{DriveError, DriveOptions, Replayed};

/// What only the caller knows of a load.
pub(super) struct Told<'a> {
    /// The command.
    pub(super) tool: &'static str,
    /// The file that says what was run.
    pub(super) file: &'a str,
    /// What the reader of this result has to know.
    pub(super) remarks: Vec<String>,
    /// What the reader of any such result has to know.
    pub(super) notes: Vec<String>,
}

/// The result of what was measured, or why there is none.
///
/// # Errors
/// A thread could not begin or died, nothing was measured, or there were more failures than allowed.
pub(super) fn conclude<T: Target>(
    shared: &Shared<T>,
    told: Told<'_>,
    measured: Measured<T::Detail>,
    pool: impl FnOnce() -> Option<PoolRecord>,
) -> Result<Replayed, DriveError> {
    let options = &shared.options;
    if let Some(error) = measured.failed {
        return Err(error);
    }
    let recorder = measured.recorder.ok_or(DriveError::Died)?;
    let most = recorder.failures.iter().max_by_key(|(_, count)| **count);
    let most = most.map_or_else(String::new, |(key, count)| format!("{key} ({count} times)"));
    let doubt = Doubt {
        record: measured.driver.clone(),
        schedule_lag: recorder.schedule_lag(),
        clients_were_busy: shared.clients_were_busy.load(Ordering::Relaxed),
    };
    let mut warnings = doubt.warnings();
    warnings.extend(told.remarks);
    warnings.extend(remarks(options, &recorder, &doubt));
    let partial = shared.window.get().map(|window| {
        let frame = Frame {
            tool: told.tool,
            file: told.file.to_owned(),
            arrival: options.arrival(),
            opened: Some(*window),
            ended: measured.ended,
            ended_at: Timestamp::now(),
            driver: measured.driver,
            saturated: doubt.saturated(),
            warnings,
            notes: told.notes,
            clients: (!options.is_open()).then(|| {
                let (profile, options) = (options.profile(), options.clone());
                Box::new(move |at| options.share(whole(profile.level(at)))) as _
            }),
        };
        Replayed {
            pool: pool(),
            load: recorder.finish(frame),
            comparison: None,
            sweep: None,
            interrupted: measured.interrupted,
            window_started: window.0,
            window_ended: measured.ended,
        }
    });
    if shared.too_many_errors.load(Ordering::Relaxed) {
        return Err(DriveError::TooManyErrors {
            errors: shared.progress.errors(),
            limit: options.max_errors.unwrap_or_default(),
            most,
            partial: partial.map(Box::new),
        });
    }
    partial.ok_or(DriveError::Interrupted)
}

/// What the reader of an open loop's result has to know.
fn remarks<D: Detail>(
    options: &DriveOptions,
    recorder: &Recorder<D>,
    doubt: &Doubt,
) -> Vec<String> {
    let mut remarks = Vec::new();
    if doubt.clients_were_busy && options.is_open() {
        remarks.push(format!(
            "the rate was not held by {} clients: requests waited for a free one, and that wait is in the \
             schedule lag and in the latency; use more --clients or a lower --rate",
            options.clients()
        ));
    }
    let skipped = recorder.skipped_total();
    if skipped > 0 {
        remarks.push(format!(
            "{skipped} requests were due and not sent, because they were too late: they are counted as \
             skipped and in no percentile"
        ));
    }
    remarks
}
