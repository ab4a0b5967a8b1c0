//! `io-timing-off`: the server does not time its reads and writes.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::remedies::{alter_system, reset_system};
use super::{Facts, Judgement, Outcome, Rule};

pub(super) const RULE: Rule = Rule {
    id: "io-timing-off",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    if facts.setting("track_io_timing")?.reset_val == "on" {
        return Ok(Vec::new());
    }
    if facts.run.meta.lab {
        let trap = "the settings of a lab are dbperf's own".to_owned();
        return Ok(vec![Outcome::Suppressed(trap)]);
    }
    let finding = Draft::new(RULE.id, Severity::Info)
        .about("setting", "track_io_timing")
        .title("track_io_timing is off: no statement's reading time is known")
        .detail(
            "Without it the time of reads and writes is absent from pg_stat_statements, \
             pg_stat_database and EXPLAIN (BUFFERS), so reading cannot be told from computing",
        )
        .sql(alter_system("track_io_timing", "on"))
        .undo(reset_system("track_io_timing"))
        .note(
            "run pg_test_timing on the server first: a clock that needs more than about 100 ns per \
             reading makes the timing itself felt; no restart is needed",
        );
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::set;
    use crate::analyze::rules::testing::Case;

    #[test]
    fn off_is_found_and_on_is_not() {
        let mut case = Case::new();
        assert!(case.missing_fact(&RULE).contains("track_io_timing"));
        set(&mut case.run, "track_io_timing", "off");
        let finding = case.the_finding(&RULE);
        assert_eq!(
            finding.remediation.undo_sql.as_deref(),
            Some("ALTER SYSTEM RESET track_io_timing; SELECT pg_reload_conf();")
        );
        set(&mut case.run, "track_io_timing", "on");
        case.assert_quiet(&RULE);
    }

    #[test]
    fn a_lab_is_set_up_by_dbperf_itself() {
        let mut case = Case::new();
        set(&mut case.run, "track_io_timing", "off");
        case.run.meta.lab = true;
        assert!(case.suppressed(&RULE).contains("lab"));
    }
}
