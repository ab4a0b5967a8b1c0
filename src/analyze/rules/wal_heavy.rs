//! `wal-heavy`: one statement writes a fifth of all WAL.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::text::{one_line, percent, size};
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "wal-heavy",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let top_level = || {
        facts
            .statements()
            .map(|all| all.iter().filter(|s| s.toplevel != Some(false)))
    };
    let total: i64 = top_level()?.map(|s| s.wal_bytes).sum();
    let found =
        facts.tunable()?.filter_map(|s| {
            let share = s.wal_bytes as f64 / (total as f64).max(1.0);
            let heavy = total >= t::WAL_HEAVY_MIN_BYTES && share >= t::WAL_HEAVY_RATIO;
            heavy.then(|| {
                let pages = s.wal_fpi;
                Draft::new(RULE.id, Severity::Info)
                .about("statement", &s.query_id)
                .title(&format!("{} of all WAL: {}", percent(share), one_line(&s.query)))
                .detail(format!(
                    "{} of WAL in {} calls, with {pages} full page images, which come after every \
                     checkpoint",
                    size(s.wal_bytes.unsigned_abs()),
                    s.calls
                ))
                .note("fewer indexes on the table, fewer changed rows, larger max_wal_size")
                .fire(facts)
            })
        });
    facts.of_statements(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::delta;
    use crate::analyze::rules::testing::Case;

    fn case(bytes: i64) -> Case {
        let mut writer = delta(1, 10, 10.0);
        writer.counters.wal_bytes = bytes;
        writer.counters.wal_fpi = 77;
        let mut other = delta(2, 10, 10.0);
        other.counters.wal_bytes = 15 << 20;
        let mut all = vec![writer];
        all.extend((0..4).map(|i| {
            let mut delta = other.clone();
            delta.key.queryid = crate::record::QueryId(10 + i);
            delta
        }));
        Case::with_statements(all)
    }

    #[test]
    fn a_fifth_of_the_wal_is_heavy() {
        let fired = case(60 << 20).fired(&RULE);
        assert_eq!(fired.len(), 1);
        assert!(fired[0].title.starts_with("50.0 % of all WAL") && fired[0].detail.contains("77"));
    }

    #[test]
    fn little_wal_is_quiet() {
        let mut small = delta(1, 10, 10.0);
        small.counters.wal_bytes = 1 << 20;
        Case::with_statements(vec![small]).assert_quiet(&RULE);
    }
}
