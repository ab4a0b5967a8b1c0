//! How another thread watches and stops a replay.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// A hook, called once.
type Hook = Box<dyn FnOnce() + Send>;

/// The other end of a replay: stop it, watch its progress, hold its window until an observer is
/// ready.
pub struct Control {
    stop: Arc<watch::Sender<bool>>,
    gate: Arc<watch::Sender<bool>>,
    progress: Arc<Progress>,
    on_warm: Mutex<Option<Hook>>,
}

/// Opens the window of a gated replay, from any thread.
#[derive(Debug, Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// Lets the window begin.
    pub fn open(&self) {
        self.0.send_replace(true);
    }
}

/// Stops a replay from any thread. Requests under way are cancelled on the server, and what was recorded
/// is returned.
#[derive(Debug, Clone)]
pub struct Stopper(Arc<watch::Sender<bool>>);

/// Counts while a replay runs, warm-up included.
#[derive(Debug, Default)]
pub struct Progress {
    requests: AtomicU64,
    errors: AtomicU64,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            stop: Arc::new(watch::Sender::new(false)),
            gate: Arc::new(watch::Sender::new(true)),
            progress: Arc::default(),
            on_warm: Mutex::new(None),
        }
    }
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control")
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

impl Control {
    /// A control that calls `on_warm` when the warm-up is over, on the driver's thread, and goes on
    /// warming up until the gate opens: so an observer's window can begin before the replay's.
    #[must_use]
    pub fn gated(on_warm: impl FnOnce() + Send + 'static) -> (Self, Gate) {
        let gate = Arc::new(watch::Sender::new(false));
        let control = Self {
            gate: Arc::clone(&gate),
            on_warm: Mutex::new(Some(Box::new(on_warm))),
            ..Self::default()
        };
        (control, Gate(gate))
    }

    /// The control of one block of several: it is stopped with the others, and counts for itself.
    pub(super) fn block(&self) -> Self {
        Self {
            stop: Arc::clone(&self.stop),
            ..Self::default()
        }
    }

    /// A handle that stops the replay.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.stop))
    }

    /// Counts that change while the replay runs.
    #[must_use]
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Completes when somebody stops the replay.
    pub(super) async fn stopped(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// Says that the warm-up is over.
    pub(super) fn warm(&self) {
        let hook = self
            .on_warm
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(hook) = hook {
            hook();
        }
    }

    /// Completes when the window may begin; at once without a gate.
    pub(super) async fn gate_opened(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.gate.subscribe().wait_for(|open| *open).await;
    }
}

impl Stopper {
    /// Stops the replay now.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Progress {
    /// Requests that ended, failures included.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Failed requests.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// Adds what a block counted.
    pub(super) fn add(&self, block: &Self) {
        self.requests.fetch_add(block.requests(), Ordering::Relaxed);
        self.errors.fetch_add(block.errors(), Ordering::Relaxed);
    }

    pub(super) fn count(&self, failed: bool) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if failed {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
    }
}
