//! `invalid-index`: an index that queries do not use and writes pay for.

use super::index_verdict::findings;
use super::{Facts, Judgement, Rule};
use crate::analyze::conclusions::IndexVerdict;

pub(super) const RULE: Rule = Rule {
    id: "invalid-index",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let verdict = IndexVerdict::InvalidRebuild;
    findings(facts, RULE.id, verdict, "is invalid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{index, run_with_indexes};
    use crate::analyze::rules::testing::Case;

    fn case(building: bool, kind: &str) -> Case {
        let mut broken = index(1, 1, "broken", &[2]);
        broken.indisvalid = false;
        broken.building = building;
        broken.relkind = kind.to_owned();
        Case::of(run_with_indexes(vec![(broken, 0)]))
    }

    #[test]
    fn an_invalid_index_is_found_unless_it_is_being_built() {
        let finding = case(false, "i").the_finding(&RULE);
        assert!(finding.title.contains("broken on tasks is invalid"));
        let sql = finding.remediation.sql.unwrap();
        assert_eq!(sql, "REINDEX INDEX CONCURRENTLY public.broken;");
        case(true, "i").assert_quiet(&RULE);
    }

    #[test]
    fn a_partitioned_parent_lacks_a_child() {
        let finding = case(false, "I").the_finding(&RULE);
        assert!(finding.detail.contains("partition"));
        assert_eq!(finding.remediation.sql, None);
    }
}
