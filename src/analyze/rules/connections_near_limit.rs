//! `connections-near-limit`: client connections come near what the server allows.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::text::percent;
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "connections-near-limit",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let observed = facts.observed_pool()?;
    let usable = observed.usable_connections;
    let usable = usable.ok_or_else(|| "max_connections is not visible".to_owned())?;
    let ratio = f64::from(observed.size) / f64::from(usable.max(1));
    if ratio < t::CONNECTIONS_WARNING_RATIO {
        return Ok(Vec::new());
    }
    let severity = if ratio >= t::CONNECTIONS_CRITICAL_RATIO {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let finding = Draft::new(RULE.id, severity)
        .about("server", "max_connections")
        .title(&format!(
            "{} of {usable} usable connections were in use ({})",
            observed.size,
            percent(ratio)
        ))
        .detail(format!(
            "At most {} of them did something at the same time; at the limit new clients get \
             SQLSTATE 53300",
            observed.in_use_max
        ))
        .note(
            "smaller pools, or PgBouncer in transaction mode; raising max_connections needs a \
             restart and memory",
        );
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::conclusions::ObservedPool;
    use crate::analyze::rules::testing::{Case, pool};

    fn case(size: u32, usable: Option<u32>) -> Case {
        let mut case = Case::new();
        let mut pool = pool();
        pool.observed = Some(ObservedPool {
            size,
            in_use_mean: 5.0,
            in_use_max: 9,
            idle_in_transaction_ratio: None,
            connections_per_sec: None,
            usable_connections: usable,
        });
        case.conclusions.pool = Some(pool);
        case
    }

    #[test]
    fn severity_rises_towards_the_limit() {
        let finding = case(80, Some(97)).the_finding(&RULE);
        assert!(
            finding.title.contains("80 of 97 usable connections") && finding.detail.contains('9')
        );
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(
            case(96, Some(97)).the_finding(&RULE).severity,
            Severity::Critical
        );
        case(70, Some(97)).assert_quiet(&RULE);
        assert!(
            case(70, None)
                .missing_fact(&RULE)
                .contains("max_connections")
        );
    }
}
