//! `redundant-prefix-index`: an index whose columns begin another one.

use crate::analyze::conclusions::{IndexVerdict, Severity};

use super::draft::Draft;
use super::text::size;
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "redundant-prefix-index",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let judged = facts.judged_indexes()?;
    let found = judged
        .into_iter()
        .filter(|j| j.index.verdict == IndexVerdict::DropRedundant);
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
                "{} on {} begins another index and takes {}",
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
