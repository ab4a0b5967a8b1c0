//! `statement-variants`: one statement fills the view with many ids.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::text::one_line;
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "statement-variants",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let found = facts.statements()?.iter().filter_map(|s| {
        let ids = s.query_ids.len();
        (ids >= t::STATEMENT_VARIANTS).then(|| {
            Draft::new(RULE.id, Severity::Info)
                .about("statement", &s.query_id)
                .title(&format!("{ids} ids of one statement: {}", one_line(&s.query)))
                .detail(format!(
                    "pg_stat_statements keeps {ids} entries whose texts differ in constants and the lengths of lists \
                     alone; {} calls. They push others out of the view, and each text is parsed and planned for \
                     itself",
                    s.calls
                ))
                .note(
                    "send lists as one array parameter, WHERE id = ANY ($1), and values as parameters; tables of the \
                     same name in many schemas have ids of their own rightly",
                )
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

    fn case(ids: i64) -> Case {
        let mut case = Case::with_statements((1..=ids).map(|id| delta(id, 1, 1.0)).collect());
        let texts = &mut case.run.statements.as_mut().unwrap().texts;
        for text in texts.values_mut() {
            text.fingerprint = Some("one tree".to_owned());
        }
        case.conclude();
        case
    }

    #[test]
    fn twenty_ids_are_many() {
        let finding = case(20).the_finding(&RULE);
        assert!(finding.title.starts_with("20 ids of one statement"));
        case(19).assert_quiet(&RULE);
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
