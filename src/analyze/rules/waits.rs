//! Shares of waits, judged by the lower end of their interval.

use crate::analyze::conclusions::{DatabaseTime, WaitShare};

/// The share of several waits together.
pub(super) struct Share {
    /// Share of active session time (0 to 1).
    pub(super) ratio: f64,
    /// Half width of its 95 % interval. Shares of one sample are negatively correlated, so the
    /// root of the summed squares is not too narrow.
    pub(super) error: f64,
    /// Backend milliseconds per second of the window.
    pub(super) ms_per_sec: f64,
}

impl Share {
    /// The share of the waits that `belongs` picks.
    pub(super) fn of(time: &DatabaseTime, belongs: impl Fn(&WaitShare) -> bool) -> Self {
        let picked = || time.by_wait_class.iter().filter(|w| belongs(w));
        let ratio: f64 = picked().map(|w| w.share_ratio).sum();
        Self {
            ratio,
            error: picked()
                .map(|w| w.share_error_ratio.powi(2))
                .sum::<f64>()
                .sqrt(),
            ms_per_sec: ratio * time.average_active_sessions * 1000.0,
        }
    }

    /// The lower end of the interval.
    pub(super) fn low(&self) -> f64 {
        (self.ratio - self.error).max(0.0)
    }

    /// Such as `12.3 % ± 1.0 %`.
    pub(super) fn words(&self) -> String {
        format!("{:.1} % ± {:.1} %", 100.0 * self.ratio, 100.0 * self.error)
    }
}

/// A wait of this class with this event.
pub(super) fn is(wait: &WaitShare, class: &str, event: &str) -> bool {
    wait.wait_class == class && wait.wait_event.as_deref() == Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::database_time;

    #[test]
    fn shares_of_a_class_add_up_and_their_errors_as_squares() {
        let time = database_time(
            2.0,
            &[
                ("Lock", "tuple", 0.3, 0.03),
                ("Lock", "relation", 0.2, 0.04),
            ],
        );
        let share = Share::of(&time, |w| w.wait_class == "Lock");
        assert!((share.ratio - 0.5).abs() < 1e-9);
        assert!((share.error - 0.05).abs() < 1e-9);
        assert!((share.low() - 0.45).abs() < 1e-9);
        assert!((share.ms_per_sec - 1000.0).abs() < 1e-9);
        assert_eq!(share.words(), "50.0 % ± 5.0 %");
    }
}
