//! `duplicate-index`: two indexes that are the same.

use super::index_verdict::findings;
use super::{Facts, Judgement, Rule};
use crate::analyze::conclusions::IndexVerdict;

pub(super) const RULE: Rule = Rule {
    id: "duplicate-index",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let verdict = IndexVerdict::DropDuplicate;
    findings(facts, RULE.id, verdict, "is the same as another index")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::conclusions::Severity;
    use crate::analyze::fixture::{index, run_with_indexes};
    use crate::analyze::rules::testing::Case;

    #[test]
    fn a_duplicate_is_found_and_different_indexes_are_not() {
        let two = |keys: &[i16]| {
            let all = vec![(index(1, 1, "a", &[2]), 9), (index(2, 1, "b", keys), 9)];
            Case::of(run_with_indexes(all))
        };
        let finding = two(&[2]).the_finding(&RULE);
        assert_eq!(finding.subject.name, "public.b");
        assert_eq!(finding.severity, Severity::Warning);
        assert!(finding.detail.contains("same as a"));
        assert_eq!(
            finding.remediation.sql.as_deref(),
            Some("DROP INDEX CONCURRENTLY public.b;")
        );
        two(&[3]).assert_quiet(&RULE);
    }
}
