//! `lock-logging-off`: long lock waits leave no trace in the log.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::{Facts, Judgement, Outcome, Rule};

pub(super) const RULE: Rule = Rule {
    id: "lock-logging-off",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    if facts.setting("log_lock_waits")?.reset_val != "off" {
        return Ok(Vec::new());
    }
    if facts.run.meta.lab {
        let trap = "the settings of a lab are dbperf's own".to_owned();
        return Ok(vec![Outcome::Suppressed(trap)]);
    }
    let finding = Draft::new(RULE.id, Severity::Info)
        .about("setting", "log_lock_waits")
        .title("log_lock_waits is off")
        .detail("A wait for a lock longer than deadlock_timeout is not logged, so its holder cannot be found later")
        .sql("ALTER SYSTEM SET log_lock_waits = on;".to_owned())
        .undo("ALTER SYSTEM RESET log_lock_waits;".to_owned())
        .note("then SELECT pg_reload_conf(); one line in the log per long wait");
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
        assert!(case.missing_fact(&RULE).contains("log_lock_waits"));
        set(&mut case.run, "log_lock_waits", "off");
        let finding = case.the_finding(&RULE);
        assert_eq!(finding.subject.name, "log_lock_waits");
        assert_eq!(finding.severity, Severity::Info);
        set(&mut case.run, "log_lock_waits", "another");
        case.assert_quiet(&RULE);
        set(&mut case.run, "log_lock_waits", "off");
        case.run.meta.lab = true;
        assert!(case.suppressed(&RULE).contains("lab"));
    }
}
