//! `statement-cache-thrash`: comments make every text unique, so that no cache of prepared statements hits.

use crate::analyze::conclusions::{Evidence, Severity, Statement};

use super::draft::Draft;
use super::text::{one_line, percent};
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "statement-cache-thrash",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let statements = facts.statements()?;
    let all: i64 = statements.iter().map(|s| s.calls).sum();
    let marked: Vec<&Statement> = statements.iter().filter(|s| is_traced(&s.query)).collect();
    let calls: i64 = marked.iter().map(|s| s.calls).sum();
    let share = calls as f64 / (all as f64).max(1.0);
    let most = marked.iter().max_by_key(|s| s.calls);
    let Some(most) = most.filter(|_| share >= t::STATEMENT_MATTERS_RATIO) else {
        return facts.of_statements(Vec::new());
    };
    let draft = Draft::new(RULE.id, Severity::Warning)
        .evidence(Evidence::Estimated)
        .about("statement", &most.query_id)
        .title(&format!(
            "{} of all calls carry a trace id in their text: {}",
            percent(share),
            one_line(&most.query)
        ))
        .detail(format!(
            "{} statements with {calls} calls have a comment with a trace id, which is another one in each request. \
             The server keeps the first text alone; caches by text, as drivers and PgBouncer have for prepared \
             statements, find nothing again and prepare each time. Whether such a cache is in use cannot be seen here",
            marked.len()
        ))
        .note("leave the trace id out of the comment (route and controller do no harm), or sample it");
    Ok(vec![draft.fire(facts)])
}

/// A comment of the text holds W3C's `traceparent` or a trace id by another usual name.
fn is_traced(query: &str) -> bool {
    const KEYS: [&str; 3] = ["traceparent=", "trace_id=", "request_id="];
    query.contains("/*") && KEYS.iter().any(|key| in_comment(query, key))
}

fn in_comment(query: &str, key: &str) -> bool {
    query.match_indices(key).any(|(at, _)| {
        let before = &query[..at];
        let begun = before.rfind("/*");
        begun.is_some_and(|begin| before.rfind("*/").is_none_or(|end| end < begin))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::delta;
    use crate::analyze::rules::testing::Case;

    fn case(query: &str, calls: i64) -> Case {
        let mut case = Case::with_statements(vec![delta(1, calls, 1.0), delta(2, 1_000, 1.0)]);
        let texts = &mut case.run.statements.as_mut().unwrap().texts;
        query.clone_into(&mut texts.get_mut(&1).unwrap().query);
        case.conclude();
        case
    }

    #[test]
    fn a_trace_id_in_many_texts_is_found() {
        let query = "select a from t /*route='x',traceparent='00-5bd6-01'*/";
        let finding = case(query, 1_000).the_finding(&RULE);
        assert!(
            finding.title.starts_with("50.0 % of all calls"),
            "{}",
            finding.title
        );
        assert_eq!(finding.evidence, Evidence::Estimated);
    }

    #[test]
    fn other_comments_columns_and_few_calls_are_not() {
        case("select a from t /*route='x'*/", 1_000).assert_quiet(&RULE);
        case("select a /* x */ from t where trace_id=$1", 1_000).assert_quiet(&RULE);
        case("select a from t /*traceparent='00'*/", 10).assert_quiet(&RULE);
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
