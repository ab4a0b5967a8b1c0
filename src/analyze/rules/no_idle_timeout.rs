//! `no-idle-timeout`: nothing ends a transaction that was forgotten.

use crate::analyze::conclusions::Severity;
use crate::analyze::indexes::sql::quote_ident;

use super::draft::Draft;
use super::{Facts, Judgement, Outcome, Rule};

pub(super) const RULE: Rule = Rule {
    id: "no-idle-timeout",
    judge,
};

const SETTING: &str = "idle_in_transaction_session_timeout";

fn judge(facts: &Facts<'_>) -> Judgement {
    if facts.number_setting(SETTING)? > 0.0 {
        return Ok(Vec::new());
    }
    if facts.run.meta.lab {
        let trap = "the settings of a lab are dbperf's own".to_owned();
        return Ok(vec![Outcome::Suppressed(trap)]);
    }
    let database = quote_ident(&facts.server()?.database);
    let finding = Draft::new(RULE.id, Severity::Info)
        .about("setting", SETTING)
        .title(&format!(
            "{SETTING} is 0: a forgotten transaction stays open for ever"
        ))
        .detail(
            "A client that stops between BEGIN and COMMIT keeps its locks and its connection, and \
             keeps VACUUM from removing dead rows, until somebody ends it by hand",
        )
        .sql(format!("ALTER DATABASE {database} SET {SETTING} = '60s';"))
        .undo(format!("ALTER DATABASE {database} RESET {SETTING};"))
        .note(
            "holds for new connections only; a session over the limit is ended with SQLSTATE \
             25P03, so set it above the longest pause that the application needs",
        );
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::set;
    use crate::analyze::rules::testing::Case;

    #[test]
    fn zero_is_found_and_a_limit_is_not() {
        let mut case = Case::new();
        assert!(case.missing_fact(&RULE).contains(SETTING));
        set(&mut case.run, SETTING, "0");
        let finding = case.the_finding(&RULE);
        assert_eq!(
            finding.remediation.sql.as_deref(),
            Some("ALTER DATABASE app SET idle_in_transaction_session_timeout = '60s';")
        );
        set(&mut case.run, SETTING, "60000");
        case.assert_quiet(&RULE);
    }

    #[test]
    fn a_lab_is_set_up_by_dbperf_itself() {
        let mut case = Case::new();
        set(&mut case.run, SETTING, "0");
        case.run.meta.lab = true;
        assert!(case.suppressed(&RULE).contains("lab"));
    }
}
