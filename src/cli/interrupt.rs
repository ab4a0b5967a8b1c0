//! Ctrl-C: the first ends the measurement early and keeps the report, the second ends the program.
//! While a throwaway server is being started or removed the second waits for that, and the third
//! does not.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::exit::{Exit, Failure};
use crate::lab::Lab;

/// Listens for SIGINT, SIGTERM and SIGHUP from its making on.
#[derive(Debug, Clone)]
pub(super) struct Interrupt {
    asked: watch::Receiver<bool>,
    lab: Arc<Mutex<Option<Lab>>>,
    /// A lab is being started or removed.
    lab_work: Arc<AtomicBool>,
    /// What is said if the program ends without a report.
    last_words: Arc<Mutex<Option<String>>>,
}

impl Interrupt {
    /// Starts to listen.
    ///
    /// # Errors
    /// The system refuses a signal handler.
    pub(super) fn listen() -> Result<Self, Failure> {
        let (sender, asked) = watch::channel(false);
        let lab: Arc<Mutex<Option<Lab>>> = Arc::default();
        let refused =
            |e: std::io::Error| Failure::new(Exit::Bug, format!("cannot listen for signals: {e}"));
        let mut interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(refused)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(refused)?;
        let held = Arc::clone(&lab);
        let last_words: Arc<Mutex<Option<String>>> = Arc::default();
        let words = Arc::clone(&last_words);
        let lab_work = Arc::<AtomicBool>::default();
        let working = Arc::clone(&lab_work);
        tokio::spawn(async move {
            let mut count = 0_u32;
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
                count += 1;
                // Nobody listens any more when the command is over.
                let _ = sender.send(true);
                if count == 2 && working.load(Ordering::SeqCst) {
                    // The command ends by itself when that is done; nothing can be done about a
                    // closed terminal.
                    let _ = writeln!(
                        std::io::stderr(),
                        "dbperf: removing the throwaway server; once more leaves it behind"
                    );
                } else if count > 1 {
                    leave(&held, &words);
                }
            }
        });
        Ok(Self {
            asked,
            lab,
            lab_work,
            last_words,
        })
    }

    /// A signal came.
    pub(super) fn asked(&self) -> bool {
        *self.asked.borrow()
    }

    /// Becomes true when a signal comes.
    pub(super) fn signal(&self) -> watch::Receiver<bool> {
        self.asked.clone()
    }

    /// What is said if a second signal ends the program while something would be left behind.
    pub(super) fn last_words(&self, words: Option<String>) {
        *self
            .last_words
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = words;
    }

    /// Resolves when a signal comes; never if none does.
    pub(super) async fn wait(&self) {
        let mut asked = self.asked.clone();
        if asked.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Runs a step that a signal ends, whatever it does; for steps that leave nothing behind.
    ///
    /// # Errors
    /// The signal came first.
    pub(super) async fn or<T>(&self, step: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::select! {
            result = step => Ok(result),
            () = self.wait() => Err(Failure::interrupted()),
        }
    }

    /// Says that a lab is being started or removed, until the lab is kept or gone.
    pub(super) fn lab_work(&self, on: bool) {
        self.lab_work.store(on, Ordering::SeqCst);
    }

    /// Keeps the lab where the second signal finds it.
    pub(super) fn hold_lab(&self, lab: Lab) {
        *self.lab.lock().unwrap_or_else(PoisonError::into_inner) = Some(lab);
    }

    /// Takes the lab back, to stop it.
    pub(super) fn take_lab(&self) -> Option<Lab> {
        self.lab
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

/// The second signal: the lab is stopped, then the program ends without a report.
fn leave(lab: &Mutex<Option<Lab>>, words: &Mutex<Option<String>>) {
    if let Some(words) = words.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // Nothing can be done about a closed terminal.
        let _ = writeln!(std::io::stderr(), "{words}");
    }
    let taken = lab.lock().unwrap_or_else(PoisonError::into_inner).take();
    drop(taken);
    std::thread::sleep(Duration::from_millis(10));
    std::process::exit(i32::from(Exit::Interrupted.code()));
}
