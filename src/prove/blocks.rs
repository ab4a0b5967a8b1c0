//! One block: a replay of its own, with new connections and the same seed number.

use std::sync::Arc;

use tokio::sync::watch;

use crate::drive::{self, Control, DriveError, DriveOptions, Replayed};
use crate::pg::Connector;
use crate::workload::Workload;

use super::ProveError;
use super::hand::stopped;

/// Runs it on a thread of its own, and stops it when the user interrupts. A block that was cut short is no block.
pub(super) async fn replay(
    workload: &Arc<Workload>,
    target: Connector,
    options: &DriveOptions,
    stop: &watch::Receiver<bool>,
) -> Result<Replayed, ProveError> {
    let control = Control::default();
    let stopper = control.stopper();
    let (workload, options) = (Arc::clone(workload), options.clone());
    let replay = move || drive::replay(&workload, target, &options, &control);
    let mut thread = tokio::task::spawn_blocking(replay);
    let ended = tokio::select! {
        ended = &mut thread => ended,
        () = stopped(stop) => {
            stopper.stop();
            thread.await
        }
    };
    let replayed = ended.map_err(|_| ProveError::Drive(DriveError::Died))?;
    match replayed {
        Ok(replayed) if !replayed.interrupted => Ok(replayed),
        Ok(_) | Err(DriveError::Interrupted) => Err(ProveError::Interrupted),
        Err(error) => Err(error.into()),
    }
}
