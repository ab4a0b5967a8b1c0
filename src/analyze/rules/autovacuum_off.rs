//! `autovacuum-off`: no table is vacuumed or analysed by itself.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::{Facts, Judgement, Outcome, Rule};

pub(super) const RULE: Rule = Rule {
    id: "autovacuum-off",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    if facts.setting("autovacuum")?.reset_val != "off" {
        return Ok(Vec::new());
    }
    if facts.run.meta.lab {
        let trap = "the settings of a lab are dbperf's own".to_owned();
        return Ok(vec![Outcome::Suppressed(trap)]);
    }
    let finding = Draft::new(RULE.id, Severity::Critical)
        .about("setting", "autovacuum")
        .title("autovacuum is off")
        .detail("Dead rows stay, statistics grow old, and transaction ids run out")
        .sql("ALTER SYSTEM SET autovacuum = on;".to_owned())
        .undo("ALTER SYSTEM RESET autovacuum;".to_owned())
        .note("then SELECT pg_reload_conf(); the first round will be busy");
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::set;
    use crate::analyze::rules::testing::Case;

    #[test]
    fn the_setting_decides() {
        let mut case = Case::new();
        assert!(case.missing_fact(&RULE).contains("autovacuum"));
        set(&mut case.run, "autovacuum", "off");
        let finding = case.the_finding(&RULE);
        assert_eq!(finding.subject.name, "autovacuum");
        assert_eq!(finding.severity, Severity::Critical);
        set(&mut case.run, "autovacuum", "another");
        case.assert_quiet(&RULE);
        set(&mut case.run, "autovacuum", "off");
        case.run.meta.lab = true;
        assert!(case.suppressed(&RULE).contains("lab"));
    }
}
