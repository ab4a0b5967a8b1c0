//! `database-saturated`: requests wait for connections because the database has no room.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "database-saturated",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let recommendation = facts.recommendation()?;
    if recommendation.verdict != "database-saturated" {
        return Ok(Vec::new());
    }
    let finding = Draft::new(RULE.id, Severity::Critical)
        .evidence(recommendation.evidence)
        .about("server", "capacity")
        .title(&format!(
            "the database is saturated: more connections would not help, {} are enough",
            recommendation.pool_size
        ))
        .detail(recommendation.reasons.join(". "))
        .note(
            "the opposite of a larger pool: make the statements cheaper that take most time, or \
             give the server more cores; a larger pool only moves the queue into the database",
        );
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::pool_case;

    #[test]
    fn the_verdict_is_reported_as_critical() {
        let finding = pool_case("database-saturated").the_finding(&RULE);
        assert_eq!(finding.severity, Severity::Critical);
        assert!(finding.title.contains("8 are enough"));
        pool_case("too-small").assert_quiet(&RULE);
    }
}
