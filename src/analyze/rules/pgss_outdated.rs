//! `pgss-outdated`: `pg_stat_statements` was not updated after an upgrade of the server.

use std::cmp::Ordering;

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::remedies::literal;
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "pgss-outdated",
    judge,
};

const EXTENSION: &str = "pg_stat_statements";

fn judge(facts: &Facts<'_>) -> Judgement {
    let server = facts.server()?;
    let installed = server.extensions.get(EXTENSION);
    let installed = installed.ok_or("pg_stat_statements is not installed")?;
    let available = server.extension_default_versions.get(EXTENSION);
    let available = available.ok_or("the default version of pg_stat_statements was not read")?;
    if compare(installed, available) != Ordering::Less {
        return Ok(Vec::new());
    }
    let finding = Draft::new(RULE.id, Severity::Warning)
        .about("server", &server.database)
        .title(&format!(
            "pg_stat_statements is {installed}, the server brings {available}"
        ))
        .detail(
            "The extension kept its old version when the server was upgraded, so columns that \
             this server could fill are absent from its view",
        )
        .sql(format!("ALTER EXTENSION {EXTENSION} UPDATE;"))
        .undo(format!(
            "DROP EXTENSION {EXTENSION}; CREATE EXTENSION {EXTENSION} VERSION {};",
            literal(installed)
        ))
        .note(
            "the views are made anew: own grants on them are lost and have to be given again; \
             views that depend on them stand in the way",
        );
    Ok(vec![finding.fire(facts)])
}

/// Versions by their numbers: 1.9 is older than 1.10.
fn compare(a: &str, b: &str) -> Ordering {
    let numbers = |version: &str| -> Vec<u32> {
        let parts = version.split('.');
        parts.map(|p| p.parse().unwrap_or(0)).collect()
    };
    numbers(a).cmp(&numbers(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::Case;

    fn case(installed: &str, available: &str) -> Case {
        let mut case = Case::new();
        let server = case.run.server.as_mut().unwrap();
        let name = EXTENSION.to_owned();
        server.extensions.insert(name.clone(), installed.to_owned());
        let versions = &mut server.extension_default_versions;
        versions.insert(name, available.to_owned());
        case
    }

    #[test]
    fn versions_compare_by_number() {
        let finding = case("1.9", "1.10").the_finding(&RULE);
        assert_eq!(
            finding.title,
            "pg_stat_statements is 1.9, the server brings 1.10"
        );
        case("1.10", "1.10").assert_quiet(&RULE);
        case("1.10", "1.9").assert_quiet(&RULE);
    }

    #[test]
    fn what_is_not_installed_is_not_judged() {
        let missing = Case::new().missing_fact(&RULE);
        assert_eq!(missing, "pg_stat_statements is not installed");
    }
}
