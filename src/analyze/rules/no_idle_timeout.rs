//! `no-idle-timeout`: nothing ends a session that forgot its transaction.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::{Facts, Judgement, Outcome, Rule};

pub(super) const RULE: Rule = Rule {
    id: "no-idle-timeout",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    if facts
        .setting("idle_in_transaction_session_timeout")?
        .reset_val
        != "0"
    {
        return Ok(Vec::new());
    }
    if facts.run.meta.lab {
        let trap = "the settings of a lab are dbperf's own".to_owned();
        return Ok(vec![Outcome::Suppressed(trap)]);
    }
    let finding = Draft::new(RULE.id, Severity::Info)
        .about("setting", "idle_in_transaction_session_timeout")
        .title("idle_in_transaction_session_timeout is 0")
        .detail("A session that keeps a transaction open holds its locks and old row versions for ever")
        .sql("ALTER SYSTEM SET idle_in_transaction_session_timeout = '60s';".to_owned())
        .undo("ALTER SYSTEM RESET idle_in_transaction_session_timeout;".to_owned())
        .note("then SELECT pg_reload_conf(); better for the role of the application alone (ALTER ROLE app SET); it ends the session with SQLSTATE 25P03");
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
        assert!(
            case.missing_fact(&RULE)
                .contains("idle_in_transaction_session_timeout")
        );
        set(&mut case.run, "idle_in_transaction_session_timeout", "0");
        let finding = case.the_finding(&RULE);
        assert_eq!(finding.subject.name, "idle_in_transaction_session_timeout");
        assert_eq!(finding.severity, Severity::Info);
        set(
            &mut case.run,
            "idle_in_transaction_session_timeout",
            "another",
        );
        case.assert_quiet(&RULE);
        set(&mut case.run, "idle_in_transaction_session_timeout", "0");
        case.run.meta.lab = true;
        assert!(case.suppressed(&RULE).contains("lab"));
    }
}
