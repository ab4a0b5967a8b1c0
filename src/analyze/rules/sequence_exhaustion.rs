//! `sequence-exhaustion`: a sequence, or the column that takes from it, comes to its end.

use crate::analyze::conclusions::{SequenceUse, Severity};
use crate::analyze::health::sequences::used;
use crate::analyze::indexes::sql::qualified;
use crate::record::health::Sequence;

use super::draft::Draft;
use super::text::percent;
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "sequence-exhaustion",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let health = facts.run.health.as_ref();
    let sequences = health.and_then(|h| h.sequences.as_ref());
    let sequences = sequences.ok_or_else(|| facts.missing("pg_sequence"))?;
    let mut found: Vec<Outcome> = sequences.iter().filter_map(|s| judged(facts, s)).collect();
    // Those of which the value is not known are one fact that is missing.
    if sequences.iter().any(|s| !s.value_read) {
        found.push(Outcome::NotEvaluated(facts.missing("pg_sequence")));
    }
    Ok(found)
}

fn judged(facts: &Facts<'_>, sequence: &Sequence) -> Option<Outcome> {
    let used = used(sequence)?;
    let severity = if used.used_ratio >= t::SEQUENCE_CRITICAL_RATIO {
        Severity::Critical
    } else if used.used_ratio >= t::SEQUENCE_WARNING_RATIO {
        Severity::Warning
    } else {
        return Some(Outcome::Quiet);
    };
    let name = format!("{}.{}", used.schema, used.sequence);
    if used.cycles {
        return Some(Outcome::Suppressed(format!(
            "{name} begins anew at its limit"
        )));
    }
    let draft = Draft::new(RULE.id, severity)
        .about("sequence", &name)
        .title(&format!(
            "{name} has used {} of its numbers, {} are left",
            percent(used.used_ratio),
            used.left
        ))
        .detail(format!(
            "Its last value is {}, {}. At the limit every INSERT that takes from it fails",
            used.last_value,
            limit(&used)
        ));
    Some(remedy(draft, sequence, &used).fire(facts))
}

fn limit(used: &SequenceUse) -> String {
    let column = used.column.as_deref().unwrap_or("its column");
    let type_name = used.column_type.as_deref().unwrap_or("unknown type");
    match (used.limited_by.as_str(), &used.column) {
        ("column", _) => format!(
            "and {column} is of type {type_name}, which ends at {}",
            used.limit
        ),
        (_, Some(_)) => format!(
            "and it ends at {} itself, while {column} is of type {type_name}",
            used.limit
        ),
        (_, None) => format!("and it ends at {}", used.limit),
    }
}

/// A sequence that ends before its column is widened at once; a column is another matter.
fn remedy(draft: Draft, sequence: &Sequence, used: &SequenceUse) -> Draft {
    let wide_columns = sequence.columns.iter().all(|c| c.type_name == "bigint");
    if used.limited_by == "sequence" && wide_columns && sequence.seqincrement > 0 {
        let quoted = qualified(&used.schema, &used.sequence);
        return draft
            .sql(format!(
                "ALTER SEQUENCE {quoted} AS bigint MAXVALUE {};",
                i64::MAX
            ))
            .undo(format!("ALTER SEQUENCE {quoted} MAXVALUE {};", used.limit))
            .note(
                "a short SHARE ROW EXCLUSIVE lock on the sequence; taking it back works as long \
                 as the last value is below the old limit. Its readers must be able to hold the \
                 larger numbers",
            );
    }
    draft.note(
        "a new bigint column, filled in portions, then swapped in one short transaction; then \
         ALTER SEQUENCE … AS bigint. ALTER COLUMN … TYPE bigint rewrites the table and its indexes \
         under an ACCESS EXCLUSIVE lock. Columns that refer to it, and the application, need the \
         larger type too. The reverse swap takes it back",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::run;
    use crate::analyze::health::testing::{sequence, window};
    use crate::analyze::rules::testing::Case;
    use crate::record::health::SequenceColumn;
    use crate::record::{Coverage, Status};

    fn case(sequences: Vec<Sequence>) -> Case {
        let mut run = run();
        let mut health = window();
        health.sequences = Some(sequences);
        run.health = Some(health);
        Case::of(run)
    }

    fn with_max(last: i64, max: i64, type_name: &str) -> Sequence {
        let mut ids = sequence(last);
        ids.seqmax = max;
        ids.columns = vec![SequenceColumn {
            schemaname: "public".to_owned(),
            relname: "t".to_owned(),
            attname: "id".to_owned(),
            type_name: type_name.to_owned(),
        }];
        ids
    }

    #[test]
    fn seven_tenths_are_a_warning_and_nine_critical() {
        let of = |last| case(vec![with_max(last, 1_000, "bigint")]);
        assert_eq!(of(700).the_finding(&RULE).severity, Severity::Warning);
        let finding = of(900).the_finding(&RULE);
        assert_eq!(finding.severity, Severity::Critical);
        assert_eq!(
            finding.title,
            "public.ids has used 90.0 % of its numbers, 100 are left"
        );
        assert_eq!(
            finding.remediation.sql.as_deref(),
            Some("ALTER SEQUENCE public.ids AS bigint MAXVALUE 9223372036854775807;")
        );
        of(699).assert_quiet(&RULE);
    }

    #[test]
    fn a_small_column_of_a_large_sequence_is_named() {
        let finding = case(vec![with_max(31_000, i64::MAX, "smallint")]).the_finding(&RULE);
        assert!(finding.detail.contains("public.t.id is of type smallint"));
        assert_eq!(finding.remediation.sql, None, "the column is the limit");
    }

    #[test]
    fn one_that_cycles_never_ends() {
        let mut cycling = with_max(990, 1_000, "bigint");
        cycling.seqcycle = true;
        assert!(case(vec![cycling]).suppressed(&RULE).contains("anew"));
    }

    #[test]
    fn a_value_that_may_not_be_read_is_not_small() {
        let mut hidden = sequence(1);
        (hidden.readable, hidden.value_read, hidden.last_value) = (false, false, None);
        let mut case = case(vec![hidden, sequence(1)]);
        let reason = "the values of 1 sequences may not be read";
        let row = Coverage::not_ok("pg_sequence", Status::Partial, reason);
        case.run.coverage.push(row);
        let outcomes = case.outcomes(&RULE);
        assert!(
            outcomes.iter().any(
                |o| matches!(o, Outcome::NotEvaluated(why) if why.contains("may not be read"))
            ),
            "{outcomes:?}"
        );
        case.run.health = None;
        assert!(case.missing_fact(&RULE).contains("pg_sequence"));
    }

    #[test]
    fn one_that_was_never_used_is_quiet() {
        let mut fresh = with_max(1, 1_000, "integer");
        fresh.last_value = None;
        case(vec![fresh]).assert_quiet(&RULE);
    }
}
