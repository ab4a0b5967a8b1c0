//! `io-timing-off`: the server does not measure the time of reads and writes.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::{Facts, Judgement, Outcome, Rule};

pub(super) const RULE: Rule = Rule {
    id: "io-timing-off",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    if facts.setting("track_io_timing")?.reset_val != "off" {
        return Ok(Vec::new());
    }
    if facts.run.meta.lab {
        let trap = "the settings of a lab are dbperf's own".to_owned();
        return Ok(vec![Outcome::Suppressed(trap)]);
    }
    let finding = Draft::new(RULE.id, Severity::Info)
        .about("setting", "track_io_timing")
        .title("track_io_timing is off, so the time of reads is not measured")
        .detail("Statements and plans show blocks, but not what reading them took")
        .sql("ALTER SYSTEM SET track_io_timing = on;".to_owned())
        .undo("ALTER SYSTEM RESET track_io_timing;".to_owned())
        .note("then SELECT pg_reload_conf(); check with pg_test_timing first that reading the clock is cheap on that machine");
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
        assert!(case.missing_fact(&RULE).contains("track_io_timing"));
        set(&mut case.run, "track_io_timing", "off");
        let finding = case.the_finding(&RULE);
        assert_eq!(finding.subject.name, "track_io_timing");
        assert_eq!(finding.severity, Severity::Info);
        set(&mut case.run, "track_io_timing", "another");
        case.assert_quiet(&RULE);
        set(&mut case.run, "track_io_timing", "off");
        case.run.meta.lab = true;
        assert!(case.suppressed(&RULE).contains("lab"));
    }
}
