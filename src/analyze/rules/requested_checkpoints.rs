//! `requested-checkpoints`: the WAL fills up before the time of a checkpoint has come.

use crate::analyze::conclusions::Severity;

use super::continuity::continuous;
use super::draft::Draft;
use super::remedies::{alter_system, reset_system};
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "requested-checkpoints",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let span = facts.run.database.stat_checkpointer.as_ref();
    let span = span.ok_or_else(|| facts.missing("pg_stat_checkpointer"))?;
    continuous(facts)?;
    facts.window()?;
    let (Some(first), Some(last)) = (span.first.first(), span.last.first()) else {
        return Err("pg_stat_checkpointer has no row".to_owned());
    };
    let requested = last.num_requested - first.num_requested;
    let timed = last.num_timed - first.num_timed;
    if first.stats_reset != last.stats_reset || requested < 0 || timed < 0 {
        return Err("the counters of pg_stat_checkpointer were reset in the window".to_owned());
    }
    if requested <= timed {
        return Ok(Vec::new());
    }
    if facts.run.meta.lab {
        let trap = "a lab checkpoints on request: it was just loaded and copied to its standby";
        return Ok(vec![Outcome::Suppressed(trap.to_owned())]);
    }
    let megabytes = facts.number_setting("max_wal_size").ok();
    let now = megabytes.map_or("not visible".to_owned(), |mb| format!("{mb:.0} MB"));
    let wanted = (2.0 * megabytes.unwrap_or(0.0) / 1024.0).max(t::MAX_WAL_SIZE_GB);
    let severity = if requested == 1 {
        Severity::Info
    } else {
        Severity::Warning
    };
    let finding = Draft::new(RULE.id, severity)
        .about("setting", "max_wal_size")
        .title(&format!(
            "{requested} checkpoint(s) were requested, {timed} came by time"
        ))
        .detail(format!(
            "A checkpoint before its time is one that WAL of max_wal_size ({now}), a backup or a \
             CHECKPOINT command asked for. After each, the first change of every page writes the \
             whole page to the WAL again"
        ))
        .sql(alter_system("max_wal_size", &format!("'{wanted:.0}GB'")))
        .undo(reset_system("max_wal_size"))
        .note(
            "no restart is needed; recovery after a crash takes longer, and the WAL needs that \
             much disk; one request alone may have been a backup",
        );
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{set, span};
    use crate::analyze::rules::testing::Case;
    use crate::record::Millis;
    use crate::record::database::StatCheckpointer;
    use crate::record::server::Disturbance;

    fn row(num_timed: i64, num_requested: i64) -> StatCheckpointer {
        StatCheckpointer {
            num_timed,
            num_requested,
            write_time: Millis(0.0),
            sync_time: Millis(0.0),
            buffers_written: 0,
            stats_reset: None,
        }
    }

    fn case(timed: i64, requested: i64) -> Case {
        let mut case = Case::new();
        let rows = span(vec![row(100, 10)], vec![row(100 + timed, 10 + requested)]);
        case.run.database.stat_checkpointer = Some(rows);
        set(&mut case.run, "max_wal_size", "1024");
        case
    }

    #[test]
    fn more_requested_than_timed_is_found() {
        let finding = case(1, 3).the_finding(&RULE);
        assert_eq!(
            finding.title,
            "3 checkpoint(s) were requested, 1 came by time"
        );
        assert_eq!(finding.severity, Severity::Warning);
        assert!(finding.remediation.sql.unwrap().contains("'8GB'"));
        case(2, 2).assert_quiet(&RULE);
        case(0, 0).assert_quiet(&RULE);
    }

    #[test]
    fn a_single_request_is_good_to_know_only() {
        assert_eq!(case(0, 1).the_finding(&RULE).severity, Severity::Info);
    }

    #[test]
    fn a_lab_checkpoints_on_request() {
        let mut case = case(0, 5);
        case.run.meta.lab = true;
        assert!(case.suppressed(&RULE).contains("just loaded"));
    }

    #[test]
    fn a_large_limit_is_doubled() {
        let mut case = case(0, 5);
        set(&mut case.run, "max_wal_size", "16384");
        let sql = case.the_finding(&RULE).remediation.sql.unwrap();
        assert!(sql.contains("'32GB'"), "{sql}");
    }

    #[test]
    fn counters_that_were_reset_decide_nothing() {
        assert!(case(0, -5).missing_fact(&RULE).contains("reset"));
        let mut crashed = case(0, 5);
        crashed.run.disturbances = vec![Disturbance::Crash];
        assert!(crashed.missing_fact(&RULE).contains("crash"));
    }
}
