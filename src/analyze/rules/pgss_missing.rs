//! `pgss-missing`: `pg_stat_statements` is not preloaded or not created.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::remedies::literal;
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "pgss-missing",
    judge,
};

const LIBRARY: &str = "pg_stat_statements";
const SETTING: &str = "shared_preload_libraries";

fn judge(facts: &Facts<'_>) -> Judgement {
    let server = facts.server()?;
    let created = server.extensions.contains_key(LIBRARY);
    let libraries = server.setting(SETTING).map(libraries);
    let preloaded = match &libraries {
        Some(names) => Some(names.iter().any(|n| n == LIBRARY)),
        None => facts.run.statements.is_some().then_some(true),
    };
    let (title, detail) = match (created, preloaded) {
        (true, Some(true)) => return Ok(Vec::new()),
        (true, None) => {
            return Err(format!(
                "the setting {SETTING} is not visible (GRANT pg_read_all_settings)"
            ));
        }
        (true, Some(false)) => (
            "pg_stat_statements is created but not preloaded: no statement is counted",
            "The extension exists in this database, but without its library in \
             shared_preload_libraries its view only raises an error",
        ),
        (false, Some(true)) => (
            "pg_stat_statements is preloaded but not created in this database",
            "The server counts statements, but there is no view in this database to read them",
        ),
        (false, _) => (
            "pg_stat_statements is not installed: no statement is known by its cost",
            "Without it dbperf sees waits and sessions, but not which statement costs what; the \
             sections on statements and plans are absent from this report",
        ),
    };
    let mut draft = Draft::new(RULE.id, Severity::Warning)
        .about("server", &server.database)
        .title(title)
        .detail(detail);
    if preloaded == Some(true) {
        draft = draft
            .sql("CREATE EXTENSION pg_stat_statements;".to_owned())
            .undo("DROP EXTENSION pg_stat_statements;".to_owned())
            .note("no restart is needed; needs the right to create extensions");
    } else if let Some(names) = &libraries {
        draft = draft
            .sql(format!(
                "{} -- then restart, then: CREATE EXTENSION IF NOT EXISTS pg_stat_statements;",
                preload(names, Some(LIBRARY))
            ))
            .undo(preload(names, None))
            .note(
                "preloading needs a restart, which ends every session; the package of PostgreSQL's \
                 contrib modules must be installed, or the server will not start",
            );
    } else {
        draft = draft.note(
            "add pg_stat_statements to shared_preload_libraries (not visible to this role) beside \
             what is there, restart, then CREATE EXTENSION pg_stat_statements",
        );
    }
    Ok(vec![draft.fire(facts)])
}

/// The names in a list of libraries.
fn libraries(value: &str) -> Vec<String> {
    let names = value.split(',').map(|n| n.trim().trim_matches('"'));
    names.filter(|n| !n.is_empty()).map(str::to_owned).collect()
}

/// Each library is a literal of its own: one literal with commas would become the name of one
/// library that does not exist, and the server would not start.
fn preload(names: &[String], added: Option<&str>) -> String {
    let all = names.iter().map(String::as_str).chain(added);
    let list: Vec<String> = all.map(literal).collect();
    if list.is_empty() {
        format!("ALTER SYSTEM RESET {SETTING};")
    } else {
        format!("ALTER SYSTEM SET {SETTING} = {};", list.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{set, statement_window};
    use crate::analyze::rules::testing::Case;

    fn case(created: bool, preloaded: Option<&str>) -> Case {
        let mut case = Case::new();
        if created {
            let server = case.run.server.as_mut().unwrap();
            let version = "1.10".to_owned();
            server.extensions.insert(LIBRARY.to_owned(), version);
        }
        if let Some(value) = preloaded {
            set(&mut case.run, SETTING, value);
        }
        case
    }

    #[test]
    fn both_halves_are_needed() {
        case(true, Some("auto_explain, pg_stat_statements")).assert_quiet(&RULE);
        let created = case(true, Some("")).the_finding(&RULE);
        assert!(created.title.contains("not preloaded"));
        let preloaded = case(false, Some(LIBRARY)).the_finding(&RULE);
        assert!(preloaded.title.contains("not created"));
        let sql = preloaded.remediation.sql.unwrap();
        assert_eq!(sql, "CREATE EXTENSION pg_stat_statements;");
    }

    #[test]
    fn what_is_preloaded_stays() {
        let finding = case(false, Some("auto_explain, \"pgaudit\"")).the_finding(&RULE);
        let sql = finding.remediation.sql.unwrap();
        let wanted = "ALTER SYSTEM SET shared_preload_libraries = \
                      'auto_explain', 'pgaudit', 'pg_stat_statements';";
        assert!(sql.starts_with(wanted), "{sql}");
        assert_eq!(
            finding.remediation.undo_sql.as_deref(),
            Some("ALTER SYSTEM SET shared_preload_libraries = 'auto_explain', 'pgaudit';")
        );
        let none = case(false, Some("")).the_finding(&RULE);
        assert_eq!(
            none.remediation.undo_sql.as_deref(),
            Some("ALTER SYSTEM RESET shared_preload_libraries;")
        );
    }

    #[test]
    fn a_hidden_list_is_not_overwritten() {
        let finding = case(false, None).the_finding(&RULE);
        assert_eq!(finding.remediation.sql, None);
        let mut created = case(true, None);
        assert!(created.missing_fact(&RULE).contains(SETTING));
        created.run.statements = Some(statement_window(vec![]));
        created.assert_quiet(&RULE);
    }
}
