//! `requested-checkpoints`: more checkpoints come from full WAL than from the clock.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::{Facts, Judgement, Outcome, Rule};

pub(super) const RULE: Rule = Rule {
    id: "requested-checkpoints",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let span = facts.run.database.stat_checkpointer.as_ref();
    let rows = span.and_then(|s| Some((s.first.first()?, s.last.first()?)));
    let (first, last) = rows.ok_or_else(|| facts.missing("pg_stat_checkpointer"))?;
    if first.stats_reset != last.stats_reset {
        return Err("the counters of the checkpointer were reset".to_owned());
    }
    let requested = last.num_requested - first.num_requested;
    let timed = last.num_timed - first.num_timed;
    if requested <= timed {
        return Ok(Vec::new());
    }
    if facts.run.meta.lab {
        let trap = "a lab that was just loaded checkpoints on request".to_owned();
        return Ok(vec![Outcome::Suppressed(trap)]);
    }
    let finding = Draft::new(RULE.id, Severity::Warning)
        .about("setting", "max_wal_size")
        .title(&format!(
            "{requested} checkpoints were requested and {timed} came by the clock"
        ))
        .detail(
            "WAL reached max_wal_size before checkpoint_timeout; after every checkpoint, changed \
             pages are written to WAL in full",
        )
        .sql("ALTER SYSTEM SET max_wal_size = '8GB';".to_owned())
        .undo("ALTER SYSTEM RESET max_wal_size;".to_owned())
        .note("then SELECT pg_reload_conf(); crash recovery takes longer and pg_wal grows");
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::span;
    use crate::analyze::rules::testing::Case;
    use crate::record::Millis;
    use crate::record::database::StatCheckpointer;

    fn case(requested: i64, timed: i64) -> Case {
        let row = |num_requested, num_timed| StatCheckpointer {
            num_timed,
            num_requested,
            write_time: Millis(0.0),
            sync_time: Millis(0.0),
            buffers_written: 0,
            stats_reset: None,
        };
        let mut case = Case::new();
        let rows = span(vec![row(5, 5)], vec![row(5 + requested, 5 + timed)]);
        case.run.database.stat_checkpointer = Some(rows);
        case
    }

    #[test]
    fn more_requested_than_timed_is_found() {
        assert!(
            case(3, 1)
                .the_finding(&RULE)
                .title
                .contains("3 checkpoints were requested and 1")
        );
        case(1, 1).assert_quiet(&RULE);
        assert!(
            Case::new()
                .missing_fact(&RULE)
                .contains("pg_stat_checkpointer")
        );
    }
}
