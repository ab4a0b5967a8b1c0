//! `missing-fk-index`: a foreign key whose referencing columns have no index.

use crate::analyze::conclusions::{Evidence, Severity};
use crate::analyze::missing_indexes::{lock_note, serving, undo_sql, wanted_by_keys};

use super::draft::Draft;
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "missing-fk-index",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let wanted = wanted_by_keys(facts.run)?;
    let found = wanted.into_iter().map(|wanted| {
        let paid = wanted.parent_deletes > 0 && wanted.partly_served_by.is_none();
        let severity = if paid {
            Severity::Warning
        } else {
            Severity::Info
        };
        let index = &wanted.index;
        // One that the statements want may serve the key, too, and names are told apart there.
        let recommended = facts.conclusions.missing_indexes.as_deref();
        let offered = serving(recommended.unwrap_or_default(), index).unwrap_or(index);
        Draft::new(RULE.id, severity)
            .evidence(Evidence::RuleOfThumb)
            .about("table", &format!("{}.{}", index.schema, index.table))
            .title(&format!(
                "foreign key {} on {} ({}) has no index; {} rows were deleted from its parent",
                wanted.constraint,
                index.table,
                index.columns.join(", "),
                wanted.parent_deletes
            ))
            .detail(index.reason.clone())
            .sql(offered.create_sql.clone())
            .undo(undo_sql(offered))
            .note(lock_note(offered))
            .fire(facts)
    });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{index, run_with_indexes, span, table, table_stats};
    use crate::analyze::rules::testing::Case;
    use crate::record::indexes::{ForeignKey, IndexFacts};

    fn case(parent_deletes: i64, indexes: Vec<IndexFacts>) -> Case {
        let mut run = run_with_indexes(indexes.into_iter().map(|i| (i, 9)).collect());
        run.indexes.foreign_keys = Some(vec![ForeignKey {
            conname: "tasks_a_fkey".to_owned(),
            conrelid: 1,
            confrelid: 2,
            conkey: vec![2],
            confkey: vec![1],
            conindid: 0,
            conparentid: 0,
        }]);
        run.tables.facts = Some(vec![table(1, "tasks"), table(2, "plans")]);
        let mut parent = table_stats(2, "plans");
        parent.n_tup_del = parent_deletes;
        let rows = vec![table_stats(1, "tasks"), parent];
        run.tables.stat_user_tables = Some(span(rows.clone(), rows));
        Case::of(run)
    }

    #[test]
    fn deletes_in_the_parent_raise_it() {
        let finding = case(3, vec![]).the_finding(&RULE);
        assert_eq!(finding.severity, Severity::Warning);
        assert!(finding.title.contains("tasks_a_fkey") && finding.title.contains("3 rows"));
        let undo = finding.remediation.undo_sql.unwrap();
        assert_eq!(undo, "DROP INDEX CONCURRENTLY public.tasks_a_idx;");
        assert_eq!(case(0, vec![]).the_finding(&RULE).severity, Severity::Info);
    }

    #[test]
    fn a_served_key_is_quiet_and_a_partly_served_one_is_info() {
        case(3, vec![index(9, 1, "i", &[2])]).assert_quiet(&RULE);
        let mut partial = index(9, 1, "part", &[2]);
        partial.predicate = Some("(b > 0)".to_owned());
        let finding = case(3, vec![partial]).the_finding(&RULE);
        assert_eq!(finding.severity, Severity::Info);
        assert!(finding.detail.contains("questionable"));
    }

    #[test]
    fn it_is_offered_under_the_name_that_is_told_apart() {
        let mut case = case(3, vec![]);
        let all = case.conclusions.missing_indexes.as_mut().unwrap();
        all[0].create_sql =
            "CREATE INDEX CONCURRENTLY tasks_a_idx1 ON public.tasks (a);".to_owned();
        let undo = case.the_finding(&RULE).remediation.undo_sql.unwrap();
        assert_eq!(undo, "DROP INDEX CONCURRENTLY public.tasks_a_idx1;");
    }

    #[test]
    fn an_index_that_statements_want_serves_the_key_as_well() {
        let mut case = case(3, vec![]);
        let all = case.conclusions.missing_indexes.as_mut().unwrap();
        all[0].columns.push("b".to_owned());
        all[0].create_sql = "CREATE INDEX CONCURRENTLY wide ON public.tasks (a, b);".to_owned();
        let sql = case.the_finding(&RULE).remediation.sql.unwrap();
        assert_eq!(
            sql,
            "CREATE INDEX CONCURRENTLY wide ON public.tasks (a, b);"
        );
    }
}
