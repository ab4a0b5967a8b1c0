//! `restart-pending`: a setting was changed and does not hold yet.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "restart-pending",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let settings = &facts.server()?.settings;
    if settings.is_empty() {
        return Err(facts.missing("pg_settings"));
    }
    let pending: Vec<&str> = settings
        .iter()
        .filter(|(_, setting)| setting.pending_restart)
        .map(|(name, _)| name.as_str())
        .collect();
    if pending.is_empty() {
        return Ok(Vec::new());
    }
    let names = pending.join(", ");
    let finding = Draft::new(RULE.id, Severity::Info)
        .about("setting", &names)
        .title(&format!(
            "{} changed setting(s) wait for a restart: {names}",
            pending.len()
        ))
        .detail(
            "The configuration file holds another value than the running server, so this run \
             measured the old one, and the next restart will change how the server behaves",
        )
        .note(
            "compare pg_file_settings with pg_settings, then restart at a quiet time or take the \
             change out of the file; a restart ends every session",
        );
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::set;
    use crate::analyze::rules::testing::Case;

    #[test]
    fn pending_settings_are_named_together() {
        let mut case = Case::new();
        assert!(case.missing_fact(&RULE).contains("pg_settings"));
        set(&mut case.run, "shared_buffers", "16384");
        set(&mut case.run, "max_connections", "100");
        set(&mut case.run, "work_mem", "4096");
        case.assert_quiet(&RULE);
        for name in ["shared_buffers", "max_connections"] {
            let settings = &mut case.run.server.as_mut().unwrap().settings;
            settings.get_mut(name).unwrap().pending_restart = true;
        }
        let finding = case.the_finding(&RULE);
        assert_eq!(
            finding.title,
            "2 changed setting(s) wait for a restart: max_connections, shared_buffers"
        );
    }
}
