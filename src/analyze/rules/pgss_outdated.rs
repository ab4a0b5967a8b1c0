//! `pgss-outdated`: the extension is older than the server's own version of it.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "pgss-outdated",
    judge,
};

const EXTENSION: &str = "pg_stat_statements";

fn judge(facts: &Facts<'_>) -> Judgement {
    let server = facts.server()?;
    let Some(installed) = server.extensions.get(EXTENSION) else {
        return Err(format!("{EXTENSION} is not installed"));
    };
    let available = server.extension_default_versions.get(EXTENSION);
    let available = available.ok_or_else(|| "pg_available_extensions was not read".to_owned())?;
    if number(installed) >= number(available) {
        return Ok(Vec::new());
    }
    let finding = Draft::new(RULE.id, Severity::Warning)
        .about("extension", EXTENSION)
        .title(&format!(
            "{EXTENSION} is at {installed}, the server has {available}"
        ))
        .detail("An upgraded server keeps the old version, which lacks newer columns")
        .sql(format!("ALTER EXTENSION {EXTENSION} UPDATE;"))
        .undo(format!(
            "DROP EXTENSION {EXTENSION}; CREATE EXTENSION {EXTENSION} VERSION '{installed}';"
        ))
        .note("the views are made again: grants on them have to be given again");
    Ok(vec![finding.fire(facts)])
}

fn number(version: &str) -> Vec<u32> {
    version
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::Case;

    fn case(installed: &str) -> Case {
        let mut case = Case::new();
        let server = case.run.server.as_mut().unwrap();
        server
            .extensions
            .insert(EXTENSION.to_owned(), installed.to_owned());
        let default = (EXTENSION.to_owned(), "1.10".to_owned());
        server.extension_default_versions.extend([default]);
        case
    }

    #[test]
    fn versions_are_compared_by_number() {
        let finding = case("1.9").the_finding(&RULE);
        assert!(finding.title.contains("at 1.9, the server has 1.10"));
        case("1.10").assert_quiet(&RULE);
        assert!(Case::new().missing_fact(&RULE).contains("not installed"));
    }
}
