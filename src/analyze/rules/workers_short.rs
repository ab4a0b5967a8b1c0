//! `workers-short`: a statement gets fewer parallel workers than its plans ask for.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::text::{one_line, percent};
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "workers-short",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let mut found = Vec::new();
    for s in facts.tunable()? {
        let counted = s
            .parallel_workers_to_launch
            .zip(s.parallel_workers_launched);
        let (wanted, launched) = counted.ok_or_else(|| {
            "pg_stat_statements counts parallel workers only from extension 1.12 on".to_owned()
        })?;
        let share = launched as f64 / (wanted as f64).max(1.0);
        let matters = s
            .share_ratio
            .is_some_and(|s| s >= t::STATEMENT_MATTERS_RATIO);
        if !matters || wanted < t::WORKERS_MIN_WANTED || share >= t::WORKERS_SHORT_RATIO {
            continue;
        }
        let limit = facts.setting("max_parallel_workers");
        let limit = limit.map_or("not visible", |s| s.reset_val.as_str());
        let draft = Draft::new(RULE.id, Severity::Info)
            .about("statement", &s.query_id)
            .title(&format!(
                "{} of the parallel workers were there: {}",
                percent(share),
                one_line(&s.query)
            ))
            .detail(format!(
                "Its plans asked for {wanted} workers in {} calls and got {launched}; max_parallel_workers is {limit}. \
                 A plan that was made for several processes then runs in fewer, often slower than a serial one",
                s.calls
            ))
            .note(
                "where cores are free: a larger max_parallel_workers (and max_worker_processes, which needs a \
                 restart); where they are not: a smaller max_parallel_workers_per_gather for this role",
            );
        found.push(draft.fire(facts));
    }
    facts.of_statements(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::delta;
    use crate::analyze::rules::testing::Case;

    fn case(workers: Option<(i64, i64)>) -> Case {
        let mut parallel = delta(1, 10, 1_000.0);
        parallel.counters.parallel_workers_to_launch = workers.map(|w| w.0);
        parallel.counters.parallel_workers_launched = workers.map(|w| w.1);
        Case::with_statements(vec![parallel])
    }

    #[test]
    fn a_quarter_less_than_wanted_is_short() {
        let finding = case(Some((40, 30))).the_finding(&RULE);
        assert!(finding.title.starts_with("75.0 % of the parallel workers"));
        assert!(
            finding
                .detail
                .contains("asked for 40 workers in 10 calls and got 30")
        );
    }

    #[test]
    fn nearly_all_or_hardly_any_are_not() {
        case(Some((40, 36))).assert_quiet(&RULE);
        case(Some((4, 0))).assert_quiet(&RULE);
        case(Some((0, 0))).assert_quiet(&RULE);
    }

    #[test]
    fn older_extensions_do_not_tell() {
        assert!(case(None).missing_fact(&RULE).contains("1.12"));
    }
}
