//! `buffer-contention`: sessions contend for the same pages.

use crate::analyze::conclusions::{Severity, WaitShare};

use super::draft::Draft;
use super::waits::Share;
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "buffer-contention",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let time = facts.waits()?;
    let share = Share::of(time, belongs);
    if share.low() < t::BUFFER_WAIT_RATIO {
        return Ok(Vec::new());
    }
    let finding = Draft::new(RULE.id, Severity::Warning)
        .about("server", "buffer-contention")
        .title(&format!(
            "{} of active session time is waiting for a page that others use",
            share.words()
        ))
        .detail(format!(
            "{} samples with {:.2} active sessions on average; the limit is {:.0} %",
            time.samples,
            time.average_active_sessions,
            100.0 * t::BUFFER_WAIT_RATIO
        ))
        .saves(share.ms_per_sec)
        .note(
            "one page is hot: spread the rows that everybody updates, or insert in a less narrow place",
        );
    Ok(vec![finding.fire(facts)])
}

/// Names of buffer locks differ between versions but begin alike.
fn belongs(wait: &WaitShare) -> bool {
    wait.wait_class == "LWLock"
        && wait
            .wait_event
            .as_deref()
            .is_some_and(|e| e.starts_with("Buffer"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::{Case, database_time};

    fn case(event: &str, share: f64) -> Case {
        let mut case = Case::new();
        let waits = [("LWLock", event, share, 0.01)];
        case.conclusions.database_time = Some(database_time(2.0, &waits));
        case
    }

    #[test]
    fn the_lower_end_of_the_share_decides() {
        let finding = case("BufferContent", 0.10).the_finding(&RULE);
        assert!(finding.title.contains("± 1.0 % of active session time"));
        assert_eq!(finding.saves_ms_per_sec, Some(0.10 * 2.0 * 1000.0));
        case("BufferContent", t::BUFFER_WAIT_RATIO).assert_quiet(&RULE);
        case("Other", 0.9).assert_quiet(&RULE);
    }
}
