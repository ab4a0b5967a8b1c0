//! `invalid-index`: an index that queries do not use and writes pay for.

use crate::analyze::conclusions::{IndexVerdict, Severity};

use super::draft::Draft;
use super::text::size;
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "invalid-index",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let judged = facts.judged_indexes()?;
    let found = judged
        .into_iter()
        .filter(|j| j.index.verdict == IndexVerdict::InvalidRebuild);
    let found = found.map(|judged| {
        let severity = if judged.doubts.is_empty() {
            Severity::Warning
        } else {
            Severity::Info
        };
        let doubts = judged.doubts.iter().map(|d| format!("; but {d}"));
        let index = &judged.index;
        Draft::new(RULE.id, severity)
            .about("index", &format!("{}.{}", index.schema, index.index))
            .title(&format!(
                "{} on {} is invalid and takes {}",
                index.index,
                index.table,
                size(index.size_bytes.unwrap_or(0))
            ))
            .detail(format!("{}{}", index.reason, doubts.collect::<String>()))
            .sql(index.remediation_sql.clone())
            .undo(index.undo_sql.clone())
            .note(judged.lock_note.clone().unwrap_or_default())
            .fire(facts)
    });
    Ok(found.collect())
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
