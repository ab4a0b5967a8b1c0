//! `low-hit-ratio`: a statement finds a tenth of its blocks outside shared buffers.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::text::{one_line, percent};
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "low-hit-ratio",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let low = facts.tunable()?.filter_map(|s| {
        let (hit, read) = (s.shared_blks_hit, s.shared_blks_read);
        let share = read as f64 / ((hit + read) as f64).max(1.0);
        // Over the life of a server any statement reads a thousand blocks.
        let matters = !facts.read_once() || s.share_ratio? >= t::STATEMENT_MATTERS_RATIO;
        (matters && read >= t::LOW_HIT_MIN_BLOCKS && share >= t::LOW_HIT_READ_RATIO).then(|| {
            Draft::new(RULE.id, Severity::Info)
                .about("statement", &s.query_id)
                .title(&format!(
                    "{} of its blocks come from outside shared buffers: {}",
                    percent(share),
                    one_line(&s.query)
                ))
                .detail(format!(
                    "{read} blocks were read and {hit} found in shared buffers, in {} calls",
                    s.calls
                ))
                .note(
                    "a server that was just started or loaded has a cold cache; the cache of the \
                     operating system may have served the reads",
                )
                .fire(facts)
        })
    });
    facts.of_statements(low.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::delta;
    use crate::analyze::rules::testing::Case;

    fn case(hit: i64, read: i64) -> Case {
        let mut statement = delta(1, 10, 100.0);
        statement.counters.shared_blks_hit = hit;
        statement.counters.shared_blks_read = read;
        Case::with_statements(vec![statement])
    }

    #[test]
    fn many_reads_are_found_and_few_are_not() {
        let finding = case(3_000, 1_000).the_finding(&RULE);
        assert!(finding.title.starts_with("25.0 % of its blocks"));
        case(10_000, 1_000).assert_quiet(&RULE);
        case(0, 999).assert_quiet(&RULE);
    }
}
