//! `unused-index`: an index that nobody scanned, on any node, for long enough.

use crate::analyze::conclusions::{IndexVerdict, Severity};
use crate::analyze::indexes::Usage;

use super::draft::Draft;
use super::text::size;
use super::{Facts, Judgement, Outcome, Rule};

pub(super) const RULE: Rule = Rule {
    id: "unused-index",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let judged = facts.judged_indexes()?;
    let outcomes = judged.iter().filter_map(|judged| {
        let index = &judged.index;
        let never = index.scans_total == Some(0);
        match &judged.usage {
            Usage::Unknown(fact) if index.verdict == IndexVerdict::Keep => {
                Some(Outcome::NotEvaluated(fact.clone()))
            }
            Usage::Protected(trap) if never => Some(Outcome::Suppressed(trap.clone())),
            Usage::Unused { lab: false, .. } if index.verdict == IndexVerdict::DropUnused => {
                let severity = if judged.doubts.is_empty() {
                    Severity::Warning
                } else {
                    Severity::Info
                };
                let doubts = judged.doubts.iter().map(|d| format!("; but {d}"));
                let bytes = index.size_bytes.unwrap_or(0);
                let draft = Draft::new(RULE.id, severity)
                    .about("index", &format!("{}.{}", index.schema, index.index))
                    .title(&format!(
                        "{} on {} was never scanned and takes {}",
                        index.index,
                        index.table,
                        size(bytes)
                    ))
                    .detail(format!("{}{}", index.reason, doubts.collect::<String>()))
                    .sql(index.remediation_sql.clone())
                    .undo(index.undo_sql.clone())
                    .note(judged.lock_note.clone().unwrap_or_default());
                Some(draft.fire(facts))
            }
            _ => None,
        }
    });
    Ok(outcomes.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{index, run_with_indexes};
    use crate::analyze::rules::testing::Case;

    fn case(scans: i64) -> Case {
        Case::of(run_with_indexes(vec![(index(1, 1, "i_old", &[2]), scans)]))
    }

    #[test]
    fn an_unused_index_is_found_with_sql_and_undo() {
        let finding = case(0).the_finding(&RULE);
        assert_eq!(finding.severity, Severity::Warning);
        assert!(finding.title.contains("i_old on tasks") && finding.title.contains("20.0 MiB"));
        let remedy = finding.remediation;
        assert_eq!(
            remedy.sql.as_deref(),
            Some("DROP INDEX CONCURRENTLY public.i_old;")
        );
        assert!(
            remedy
                .undo_sql
                .unwrap()
                .contains("CREATE INDEX CONCURRENTLY i_old")
        );
        case(5).assert_quiet(&RULE);
    }

    #[test]
    fn traps_suppress_and_unasked_standbys_decide_nothing() {
        let mut owned = case(0);
        owned.run.indexes.facts.as_mut().unwrap()[0].indisunique = true;
        assert!(owned.suppressed(&RULE).contains("uniqueness"));
        let mut unasked = case(0);
        unasked.run.indexes.standbys_not_asked = Some(2);
        assert!(unasked.missing_fact(&RULE).contains("2 streaming standbys"));
    }

    #[test]
    fn a_doubt_weakens_to_info() {
        let mut case = case(0);
        case.run.indexes.facts.as_mut().unwrap()[0].indisclustered = true;
        let finding = case.the_finding(&RULE);
        assert_eq!(finding.severity, Severity::Info);
        assert!(finding.detail.contains("CLUSTER"));
    }
}
