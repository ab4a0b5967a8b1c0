//! `pool-oversized`: half of the pool is never used.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "pool-oversized",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let recommendation = facts.recommendation()?;
    if recommendation.verdict != "too-large" {
        return Ok(Vec::new());
    }
    let pool = facts.pool()?;
    let size = pool.replay.as_ref().map(|r| r.pool_size);
    let size = size.or(pool.observed.as_ref().map(|o| o.size));
    let size = size.ok_or_else(|| "the size of the pool is not known".to_owned())?;
    let name = pool.replay.as_ref().map_or("observed", |r| r.pool.as_str());
    let finding = Draft::new(RULE.id, Severity::Info)
        .evidence(recommendation.evidence)
        .about("pool", name)
        .title(&format!(
            "the pool has {size} connections and {} would do",
            recommendation.pool_size
        ))
        .detail(recommendation.reasons.join(". "))
        .note(
            "every idle connection costs memory and makes snapshots dearer; with more load than \
             in this run the pool may be right",
        );
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::pool_case;

    #[test]
    fn the_verdict_is_reported() {
        let finding = pool_case("too-large").the_finding(&RULE);
        assert!(finding.title.contains("has 4 connections and 8 would do"));
        assert!(finding.detail.contains("because"));
        pool_case("fits").assert_quiet(&RULE);
    }

    #[test]
    fn no_recommendation_names_its_reason() {
        let mut case = pool_case("too-large");
        let pool = case.conclusions.pool.as_mut().unwrap();
        pool.recommendation = None;
        pool.no_recommendation = Some("too few samples".to_owned());
        assert_eq!(case.missing_fact(&RULE), "too few samples");
    }
}
