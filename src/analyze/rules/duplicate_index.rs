//! `duplicate-index`: two indexes that are the same.

use crate::analyze::conclusions::{IndexVerdict, Severity};

use super::draft::Draft;
use super::text::size;
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "duplicate-index",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let judged = facts.judged_indexes()?;
    let found = judged
        .into_iter()
        .filter(|j| j.index.verdict == IndexVerdict::DropDuplicate);
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
                "{} on {} is the same as another index and takes {}",
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
