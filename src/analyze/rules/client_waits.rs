//! `client-waits`: statements wait for the client to send or to read.

use crate::analyze::conclusions::{Severity, WaitShare};

use super::draft::Draft;
use super::waits::Share;
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "client-waits",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let time = facts.waits()?;
    let share = Share::of(time, belongs);
    if share.low() < t::CLIENT_WAIT_RATIO {
        return Ok(Vec::new());
    }
    let finding = Draft::new(RULE.id, Severity::Info)
        .about("server", "client-waits")
        .title(&format!(
            "{} of active session time is waiting for the client inside statements",
            share.words()
        ))
        .detail(format!(
            "{} samples with {:.2} active sessions on average; the limit is {:.0} %",
            time.samples,
            time.average_active_sessions,
            100.0 * t::CLIENT_WAIT_RATIO
        ))
        .saves(share.ms_per_sec)
        .note(
            "the client reads its results slowly, sends its statements in pieces, or the network is slow; fetch fewer rows and columns",
        );
    Ok(vec![finding.fire(facts)])
}

/// While active, these are waits inside a statement sequence or a COPY.
fn belongs(wait: &WaitShare) -> bool {
    super::waits::is(wait, "Client", "ClientRead")
        || super::waits::is(wait, "Client", "ClientWrite")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::{Case, database_time};

    fn case(event: &str, share: f64) -> Case {
        let mut case = Case::new();
        let waits = [("Client", event, share, 0.01)];
        case.conclusions.database_time = Some(database_time(2.0, &waits));
        case
    }

    #[test]
    fn the_lower_end_of_the_share_decides() {
        let finding = case("ClientRead", 0.15).the_finding(&RULE);
        assert!(finding.title.contains("± 1.0 % of active session time"));
        assert_eq!(finding.saves_ms_per_sec, Some(0.15 * 2.0 * 1000.0));
        case("ClientRead", t::CLIENT_WAIT_RATIO).assert_quiet(&RULE);
        case("Other", 0.9).assert_quiet(&RULE);
    }
}
