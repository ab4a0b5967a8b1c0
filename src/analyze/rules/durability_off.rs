//! `durability-off`: a crash of this server loses or corrupts data.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::{Facts, Judgement, Outcome, Rule};

pub(super) const RULE: Rule = Rule {
    id: "durability-off",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let mut outcomes = Vec::new();
    for name in ["fsync", "full_page_writes"] {
        if facts.setting(name)?.reset_val == "on" {
            continue;
        }
        if facts.run.meta.lab {
            let trap = format!("a lab is thrown away and turns {name} off on purpose");
            outcomes.push(Outcome::Suppressed(trap));
            continue;
        }
        let draft = Draft::new(RULE.id, Severity::Critical)
            .about("setting", name)
            .title(&format!("{name} is off"))
            .detail("A crash of the machine can leave data files that cannot be repaired")
            .sql(format!("ALTER SYSTEM SET {name} = on;"))
            .undo(format!("ALTER SYSTEM RESET {name};"))
            .note("then SELECT pg_reload_conf(); writes become slower, which is their true cost");
        outcomes.push(draft.fire(facts));
    }
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::set;
    use crate::analyze::rules::testing::Case;

    fn case(fsync: &str) -> Case {
        let mut case = Case::new();
        set(&mut case.run, "fsync", fsync);
        set(&mut case.run, "full_page_writes", "on");
        case
    }

    #[test]
    fn off_is_critical_but_not_in_a_lab() {
        let finding = case("off").the_finding(&RULE);
        assert_eq!(finding.severity, Severity::Critical);
        assert_eq!(finding.title, "fsync is off");
        case("on").assert_quiet(&RULE);
        let mut lab = case("off");
        lab.run.meta.lab = true;
        assert!(lab.suppressed(&RULE).contains("lab"));
        assert!(Case::new().missing_fact(&RULE).contains("fsync"));
    }
}
