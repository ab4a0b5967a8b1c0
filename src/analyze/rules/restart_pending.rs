//! `restart-pending`: the configuration file holds values that wait for a restart.

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
    let pending = settings.iter().filter(|(_, s)| s.pending_restart);
    let names: Vec<&str> = pending.map(|(name, _)| name.as_str()).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let finding = Draft::new(RULE.id, Severity::Info)
        .about("setting", &names.join(", "))
        .title(&format!("{} settings wait for a restart", names.len()))
        .detail(format!(
            "The configuration file has another value than the server for {}",
            names.join(", ")
        ))
        .note("restart the server at a quiet time, or take the change back");
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::set;
    use crate::analyze::rules::testing::Case;

    #[test]
    fn pending_settings_are_named() {
        let mut case = Case::new();
        assert!(case.missing_fact(&RULE).contains("pg_settings"));
        set(&mut case.run, "shared_buffers", "16384");
        case.assert_quiet(&RULE);
        let settings = &mut case.run.server.as_mut().unwrap().settings;
        settings.get_mut("shared_buffers").unwrap().pending_restart = true;
        let finding = case.the_finding(&RULE);
        assert!(finding.title.contains("1 settings") && finding.detail.contains("shared_buffers"));
    }
}
