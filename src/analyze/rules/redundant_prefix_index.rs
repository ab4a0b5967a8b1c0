//! `redundant-prefix-index`: an index whose columns begin another one.

use super::index_verdict::findings;
use super::{Facts, Judgement, Rule};
use crate::analyze::conclusions::IndexVerdict;

pub(super) const RULE: Rule = Rule {
    id: "redundant-prefix-index",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let verdict = IndexVerdict::DropRedundant;
    findings(facts, RULE.id, verdict, "begins another index")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::conclusions::Severity;
    use crate::analyze::fixture::{index, run_with_indexes};
    use crate::analyze::rules::testing::Case;
    use crate::record::Bytes;

    fn case(wide_mib: u64) -> Case {
        let mut wide = index(2, 1, "wide", &[2, 3]);
        wide.size_bytes = Some(Bytes(wide_mib << 20));
        Case::of(run_with_indexes(vec![
            (index(1, 1, "narrow", &[2]), 9),
            (wide, 9),
        ]))
    }

    #[test]
    fn a_prefix_is_found_and_a_much_larger_cover_weakens() {
        let finding = case(30).the_finding(&RULE);
        assert_eq!(
            (finding.severity, finding.subject.name.as_str()),
            (Severity::Warning, "public.narrow")
        );
        let finding = case(100).the_finding(&RULE);
        assert_eq!(finding.severity, Severity::Info);
        assert!(finding.detail.contains("5.0 times"));
    }

    #[test]
    fn a_unique_prefix_is_kept() {
        let mut case = case(30);
        case.run.indexes.facts.as_mut().unwrap()[0].indisunique = true;
        case.assert_quiet(&RULE);
    }
}
