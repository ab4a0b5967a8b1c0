//! `pgss-missing`: `pg_stat_statements` is not there, so no statement can be measured.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "pgss-missing",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let server = facts.server()?;
    if facts.run.statements.is_some() {
        return Ok(Vec::new());
    }
    let created = server.extensions.contains_key("pg_stat_statements");
    let preloaded = server
        .setting("shared_preload_libraries")
        .map(|all| all.contains("pg_stat_statements"));
    if created && preloaded != Some(false) {
        // It is there and could not be read, for a reason that the collector gives.
        return Err(facts.missing("pg_stat_statements"));
    }
    let (title, sql, note) = if preloaded == Some(true) {
        (
            "pg_stat_statements is preloaded but not created in this database",
            Some("CREATE EXTENSION pg_stat_statements;".to_owned()),
            "no restart is needed",
        )
    } else {
        (
            "pg_stat_statements is not installed, so no statement was measured",
            None,
            "add it to shared_preload_libraries, restart, then CREATE EXTENSION \
             pg_stat_statements; it costs a few per cent at most",
        )
    };
    let undo = sql
        .is_some()
        .then(|| "DROP EXTENSION pg_stat_statements;".to_owned());
    let finding = Draft::new(RULE.id, Severity::Warning)
        .about("setting", "shared_preload_libraries")
        .title(title)
        .detail(facts.missing("pg_stat_statements"))
        .sql(sql)
        .undo(undo)
        .note(note);
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::set;
    use crate::analyze::rules::testing::Case;

    #[test]
    fn what_is_missing_decides_the_cure() {
        let mut case = Case::new();
        set(&mut case.run, "shared_preload_libraries", "auto_explain");
        let finding = case.the_finding(&RULE);
        assert!(finding.title.contains("not installed") && finding.remediation.sql.is_none());
        set(
            &mut case.run,
            "shared_preload_libraries",
            "pg_stat_statements",
        );
        let finding = case.the_finding(&RULE);
        assert!(
            finding
                .remediation
                .sql
                .unwrap()
                .starts_with("CREATE EXTENSION")
        );
    }

    #[test]
    fn present_is_quiet_and_unreadable_decides_nothing() {
        Case::with_statements(vec![]).assert_quiet(&RULE);
        let mut case = Case::new();
        let extensions = &mut case.run.server.as_mut().unwrap().extensions;
        extensions.insert("pg_stat_statements".to_owned(), "1.10".to_owned());
        assert!(case.missing_fact(&RULE).contains("was not read"));
    }
}
