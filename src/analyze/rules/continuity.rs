//! Whether counters at both ends of the window may be subtracted.

use crate::record::server::Disturbance;

use super::Facts;

/// The reason why the server's cumulative counters are not of one undisturbed life.
pub(super) fn continuous(facts: &Facts<'_>) -> Result<(), String> {
    let reason = facts.run.disturbances.iter().find_map(|d| match d {
        Disturbance::DatabaseStatsReset => Some("its statistics were reset"),
        Disturbance::Crash => Some("a crash lost its counters"),
        Disturbance::Restart => Some("the server was restarted"),
        Disturbance::Failover => Some("another server answered"),
        Disturbance::StatementsReset
        | Disturbance::StatementsEvicted { .. }
        | Disturbance::ConnectionLost => None,
    });
    reason.map_or(Ok(()), |why| {
        Err(format!(
            "the counters of the server do not cover the window: {why} inside it"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::Case;

    #[test]
    fn resets_of_the_server_break_the_window_and_those_of_statements_do_not() {
        let mut case = Case::new();
        case.run.disturbances = vec![Disturbance::StatementsReset, Disturbance::ConnectionLost];
        assert_eq!(continuous(&case.facts()), Ok(()));
        case.run.disturbances.push(Disturbance::Restart);
        let reason = continuous(&case.facts()).unwrap_err();
        assert!(reason.contains("restarted"), "{reason}");
    }
}
