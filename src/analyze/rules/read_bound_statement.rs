//! `read-bound-statement`: half of a statement's time is spent reading blocks.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::text::{one_line, percent};
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "read-bound-statement",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let statements = facts.tunable()?;
    if facts.setting("track_io_timing")?.reset_val != "on" {
        return Err("track_io_timing is off, so the time of reads is not measured".to_owned());
    }
    let bound = statements.filter_map(|s| {
        let read = s.blk_read_ms?;
        let share = read / s.total_exec_ms.max(f64::MIN_POSITIVE);
        let matters = s.share_ratio? >= t::STATEMENT_MATTERS_RATIO;
        (matters && share >= t::READ_BOUND_RATIO).then(|| {
            Draft::new(RULE.id, Severity::Warning)
                .about("statement", &s.query_id)
                .title(&format!(
                    "{} of its time is reading blocks: {}",
                    percent(share),
                    one_line(&s.query)
                ))
                .detail(format!(
                    "{read:.0} of {:.0} ms were spent reading {} blocks that were not in shared \
                     buffers",
                    s.total_exec_ms, s.shared_blks_read
                ))
                .saves(facts.per_sec(read))
                .note(
                    "read fewer blocks (an index, fewer rows, a covering index) or keep them in \
                     memory; right after a start or a load the cache is cold",
                )
                .fire(facts)
        })
    });
    facts.of_statements(bound.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{delta, set};
    use crate::analyze::rules::testing::Case;
    use crate::record::Millis;

    fn case(read_ms: f64) -> Case {
        let mut statement = delta(1, 10, 1_200.0);
        statement.counters.shared_blk_read_time = Millis(read_ms);
        let mut case = Case::with_statements(vec![statement]);
        set(&mut case.run, "track_io_timing", "on");
        case.conclude();
        case
    }

    #[test]
    fn reads_that_take_half_of_the_time_are_found() {
        let finding = case(900.0).the_finding(&RULE);
        assert!(finding.title.starts_with("75.0 % of its time"));
        assert_eq!(finding.saves_ms_per_sec, Some(15.0));
        case(500.0).assert_quiet(&RULE);
    }

    #[test]
    fn without_io_timing_it_is_not_evaluated() {
        let mut case = case(900.0);
        set(&mut case.run, "track_io_timing", "off");
        case.conclude();
        assert!(case.missing_fact(&RULE).contains("track_io_timing"));
    }
}
