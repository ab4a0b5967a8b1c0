//! `index-unused-by-workload`: an index that this run did not scan, which alone proves little.

use crate::analyze::conclusions::{Evidence, IndexVerdict, Severity};
use crate::analyze::indexes::Usage;

use super::draft::Draft;
use super::text::size;
use super::{Facts, Judgement, Outcome, Rule};

pub(super) const RULE: Rule = Rule {
    id: "index-unused-by-workload",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let judged = facts.judged_indexes()?;
    let outcomes = judged.iter().filter_map(|judged| {
        let index = &judged.index;
        let reason = match &judged.usage {
            Usage::NotByWorkload(reason) if index.verdict == IndexVerdict::Keep => reason,
            Usage::Unused {
                lab: true, reason, ..
            } if index.verdict == IndexVerdict::DropUnused => reason,
            Usage::Unknown(fact) if index.verdict == IndexVerdict::Keep => {
                return Some(Outcome::NotEvaluated(fact.clone()));
            }
            Usage::Protected(trap) if index.scans == Some(0) => {
                return Some(Outcome::Suppressed(trap.clone()));
            }
            _ => return None,
        };
        let draft = Draft::new(RULE.id, Severity::Info)
            .evidence(Evidence::RuleOfThumb)
            .about("index", &format!("{}.{}", index.schema, index.index))
            .title(&format!(
                "{} on {} was not scanned in this run and takes {}",
                index.index,
                index.table,
                size(index.size_bytes.unwrap_or(0))
            ))
            .detail(reason.clone())
            .note(format!(
                "a workload of this length proves nothing about nightly or monthly jobs; watch \
                 idx_scan on every node for at least 7 days, then: {}",
                judged
                    .lock_note
                    .clone()
                    .unwrap_or_else(|| "drop it concurrently".to_owned())
            ));
        Some(draft.fire(facts))
    });
    Ok(outcomes.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{index, load_result, run_with_indexes};
    use crate::analyze::rules::testing::Case;

    #[test]
    fn a_lab_names_workload_and_duration_and_offers_no_sql() {
        let mut run = run_with_indexes(vec![(index(1, 1, "i_old", &[2]), 0)]);
        run.meta.lab = true;
        run.replay = Some(load_result());
        let finding = Case::of(run).the_finding(&RULE);
        assert!(
            finding.detail.contains("app.sql in 60 s"),
            "{}",
            finding.detail
        );
        assert_eq!(finding.remediation.sql, None);
        let note = finding.remediation.note.unwrap();
        assert!(note.contains("DROP INDEX CONCURRENTLY public.i_old;"));
    }

    #[test]
    fn an_index_used_before_is_named_only_with_a_workload() {
        let mut run = run_with_indexes(vec![(index(1, 1, "i", &[2]), 9)]);
        Case::of(run.clone()).assert_quiet(&RULE);
        run.replay = Some(load_result());
        assert!(Case::of(run).the_finding(&RULE).detail.contains("9 times"));
    }
}
