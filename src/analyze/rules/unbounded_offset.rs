//! `unbounded-offset`: pages are fetched by skipping all rows before them.

use crate::analyze::conclusions::{Evidence, Severity};
use crate::analyze::statements::shape;

use super::draft::Draft;
use super::text::{one_line, percent};
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "unbounded-offset",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let found = facts.tunable()?.filter_map(|s| {
        let share = s.share_ratio.filter(|share| *share >= t::STATEMENT_MATTERS_RATIO)?;
        let calls = s.calls.max(1) as f64;
        let blocks = (s.shared_blks_hit + s.shared_blks_read) as f64 / calls;
        let rows = s.rows_per_call()?;
        // What reads little skips little.
        if blocks < t::OFFSET_MIN_BLOCKS_PER_CALL || blocks < t::OFFSET_BLOCKS_PER_ROW * rows {
            return None;
        }
        shape(&s.query).filter(|shape| shape.offset)?;
        let draft = Draft::new(RULE.id, Severity::Info)
            .evidence(Evidence::RuleOfThumb)
            .about("statement", &s.query_id)
            .title(&format!("pages by OFFSET read {blocks:.0} blocks for {rows:.0} rows: {}", one_line(&s.query)))
            .detail(format!(
                "{} calls touched {blocks:.0} blocks each to return {rows:.1} rows, {} of the execution time. OFFSET \
                 reads all rows that it skips, so that each page costs more than the one before it. How far callers \
                 go is not in the text: other conditions may have read those blocks",
                s.calls,
                percent(share)
            ))
            .note(
                "remember the sort key of the last row and ask for those after it: WHERE (created_at, id) < ($1, $2) \
                 ORDER BY created_at DESC, id DESC LIMIT 20",
            );
        Some(draft.fire(facts))
    });
    facts.of_statements(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::delta;
    use crate::analyze::rules::testing::Case;

    fn case(query: &str, blocks: i64, rows: i64) -> Case {
        let mut page = delta(1, 100, 1_000.0);
        page.counters.shared_blks_hit = blocks;
        page.counters.rows = rows;
        let mut case = Case::with_statements(vec![page]);
        let texts = &mut case.run.statements.as_mut().unwrap().texts;
        query.clone_into(&mut texts.get_mut(&1).unwrap().query);
        case.conclude();
        case
    }

    const PAGE: &str = "select id from tasks order by id limit $1 offset $2";

    #[test]
    fn many_blocks_for_few_rows_under_an_offset_are_found() {
        let finding = case(PAGE, 50_000, 2_000).the_finding(&RULE);
        assert!(
            finding
                .title
                .starts_with("pages by OFFSET read 500 blocks for 20 rows")
        );
    }

    #[test]
    fn shallow_pages_and_other_statements_are_not() {
        case(PAGE, 5_000, 2_000).assert_quiet(&RULE);
        case(PAGE, 50_000, 100_000).assert_quiet(&RULE);
        case("select id from tasks order by id limit $1", 50_000, 2_000).assert_quiet(&RULE);
    }

    #[test]
    fn without_statements_nothing_is_said() {
        assert!(
            Case::new()
                .missing_fact(&RULE)
                .contains("pg_stat_statements")
        );
    }
}
