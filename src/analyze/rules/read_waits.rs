//! `read-waits`: sessions wait for reads of data files.

use crate::analyze::conclusions::{Severity, WaitShare};

use super::draft::Draft;
use super::waits::Share;
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "read-waits",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let time = facts.waits()?;
    let share = Share::of(time, belongs);
    if share.low() < t::READ_WAIT_RATIO {
        return Ok(Vec::new());
    }
    let finding = Draft::new(RULE.id, Severity::Info)
        .about("server", "read-waits")
        .title(&format!(
            "{} of active session time is waiting for reads of data files",
            share.words()
        ))
        .detail(format!(
            "{} samples with {:.2} active sessions on average; the limit is {:.0} %",
            time.samples,
            time.average_active_sessions,
            100.0 * t::READ_WAIT_RATIO
        ))
        .saves(share.ms_per_sec)
        .note(
            "fewer blocks (indexes, fewer rows) or more memory; right after a start or a load the cache is cold",
        );
    Ok(vec![finding.fire(facts)])
}

/// From PostgreSQL 18 on, an I/O worker reads and the session waits for it.
fn belongs(wait: &WaitShare) -> bool {
    let names = [("IO", "DataFileRead"), ("IO", "AioIoCompletion")];
    names
        .into_iter()
        .any(|(class, event)| super::waits::is(wait, class, event))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::{Case, database_time};

    fn case(event: &str, share: f64) -> Case {
        let mut case = Case::new();
        let waits = [("IO", event, share, 0.01)];
        case.conclusions.database_time = Some(database_time(2.0, &waits));
        case
    }

    #[test]
    fn the_lower_end_of_the_share_decides() {
        let finding = case("DataFileRead", 0.25).the_finding(&RULE);
        assert!(finding.title.contains("± 1.0 % of active session time"));
        assert_eq!(finding.saves_ms_per_sec, Some(0.25 * 2.0 * 1000.0));
        case("DataFileRead", t::READ_WAIT_RATIO).assert_quiet(&RULE);
        case("Other", 0.9).assert_quiet(&RULE);
    }
}
