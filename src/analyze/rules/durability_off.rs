//! `durability-off`: a crash of the machine can lose or corrupt data.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::remedies::{alter_system, reset_system};
use super::{Facts, Judgement, Outcome, Rule};

pub(super) const RULE: Rule = Rule {
    id: "durability-off",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let fsync = facts.setting("fsync")?;
    let full_pages = facts.setting("full_page_writes")?;
    let off = [("fsync", fsync), ("full_page_writes", full_pages)]
        .into_iter()
        .filter(|(_, setting)| setting.reset_val == "off");
    Ok(off.map(|(name, _)| outcome(facts, name)).collect())
}

fn outcome(facts: &Facts<'_>, name: &str) -> Outcome {
    if facts.run.meta.lab {
        return Outcome::Suppressed(format!(
            "{name} is off on purpose: the lab is thrown away after the run"
        ));
    }
    let harm = if name == "fsync" {
        "written data stays in the operating system's cache, so a crash of the machine can leave \
         a corrupt cluster that only a backup cures"
    } else {
        "a page that was half written when the machine crashed cannot be repaired from the WAL"
    };
    Draft::new(RULE.id, Severity::Critical)
        .about("setting", name)
        .title(&format!(
            "{name} is off: a crash of the machine can corrupt the data"
        ))
        .detail(format!(
            "With {name} off {harm}. Times measured here are better than those of a durable \
             server"
        ))
        .sql(alter_system(name, "on"))
        .undo(reset_system(name))
        .note(
            "no restart is needed; what was written before is safe only after a checkpoint and, \
             for fsync, a sync of the whole data folder (initdb --sync-only while stopped)",
        )
        .fire(facts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::set;
    use crate::analyze::rules::testing::Case;

    fn case(fsync: &str, full_page_writes: &str) -> Case {
        let mut case = Case::new();
        set(&mut case.run, "fsync", fsync);
        set(&mut case.run, "full_page_writes", full_page_writes);
        case
    }

    #[test]
    fn each_setting_is_a_finding() {
        case("on", "on").assert_quiet(&RULE);
        let both = case("off", "off").fired(&RULE);
        let names: Vec<_> = both.iter().map(|f| f.subject.name.as_str()).collect();
        assert_eq!(names, ["fsync", "full_page_writes"]);
        let one = case("on", "off").the_finding(&RULE);
        assert_eq!(one.severity, Severity::Critical);
        assert!(one.title.starts_with("full_page_writes is off"));
    }

    #[test]
    fn a_lab_does_it_on_purpose() {
        let mut case = case("off", "on");
        case.run.meta.lab = true;
        assert!(case.suppressed(&RULE).contains("on purpose"));
        assert!(case.fired(&RULE).is_empty());
    }

    #[test]
    fn a_setting_that_is_not_visible_decides_nothing() {
        let mut case = Case::new();
        set(&mut case.run, "fsync", "on");
        assert!(case.missing_fact(&RULE).contains("full_page_writes"));
    }
}
