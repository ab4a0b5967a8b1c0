//! `temp-spill`: a statement that writes temporary files.

use crate::analyze::conclusions::Severity;
use crate::analyze::indexes::sql::quote_ident;

use super::draft::Draft;
use super::text::{one_line, size};
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "temp-spill",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let spilling = facts.tunable()?.filter_map(|s| {
        let bytes = s.temp_blks_written as f64 * facts.block_bytes();
        let per_call = bytes / (s.calls as f64).max(1.0);
        // Over the life of a server any sum is large.
        let spills = (bytes >= t::TEMP_SPILL_BYTES && !facts.read_once())
            || per_call >= t::TEMP_SPILL_BYTES_PER_CALL;
        spills.then(|| {
            let cure = cure(facts, s.user.as_deref(), per_call);
            Draft::new(RULE.id, Severity::Warning)
                .about("statement", &s.query_id)
                .title(&format!(
                    "{} of temporary files per call: {}",
                    size_of(per_call),
                    one_line(&s.query)
                ))
                .detail(format!(
                    "{} calls wrote {} of temporary files: a sort or a hash did not fit into \
                     work_mem",
                    s.calls,
                    size_of(bytes)
                ))
                .saves(s.temp_blk_ms.and_then(|ms| facts.per_sec(ms)))
                .sql(cure.sql)
                .undo(cure.undo)
                .note(cure.note)
                .fire(facts)
        })
    });
    facts.of_statements(spilling.collect())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a counter is not negative and below 2^53"
)]
fn size_of(bytes: f64) -> String {
    size(bytes as u64)
}

/// What helps: SQL only where it gives the role more than a session has today.
struct Cure {
    sql: Option<String>,
    undo: Option<String>,
    note: String,
}

fn cure(facts: &Facts<'_>, role: Option<&str>, per_call: f64) -> Cure {
    const INDEX: &str = "an index in the order of the sort avoids the sort";
    const EVERY_NODE: &str = "work_mem is for every node of every process of every connection \
                              (times hash_mem_multiplier)";
    let words = |note: String| Cure {
        sql: None,
        undo: None,
        note,
    };
    let present = match facts.number_setting("work_mem") {
        Ok(kilobytes) => kilobytes / 1024.0,
        Err(why) => {
            return words(format!(
                "{INDEX}; more work_mem may hold it, but {why}, and no value is proposed that \
                 could be less. {EVERY_NODE}"
            ));
        }
    };
    let wanted = enough_work_mem(per_call);
    let Some(role) = role.filter(|_| f64::from(wanted) > present) else {
        return words(format!(
            "{INDEX}; work_mem is {} for a new session. {EVERY_NODE}",
            size_of(present * MEGABYTE)
        ));
    };
    let role = quote_ident(role);
    Cure {
        sql: Some(format!("ALTER ROLE {role} SET work_mem = '{wanted}MB';")),
        undo: Some(format!("ALTER ROLE {role} RESET work_mem;")),
        note: format!(
            "{INDEX}; {EVERY_NODE}, and a role's setting holds for new connections. A role may \
             have a value of its own already, which is not read here: pg_db_role_setting shows it. \
             Keep it if it is larger; RESET does not bring it back"
        ),
    }
}

const MEGABYTE: f64 = 1_048_576.0;

/// A sort needs about twice as much memory as disk: the next power of two, 16 to 256 MB.
fn enough_work_mem(per_call: f64) -> u32 {
    let wanted = 2.0 * per_call / MEGABYTE;
    [16, 32, 64, 128]
        .into_iter()
        .find(|mb| f64::from(*mb) >= wanted)
        .unwrap_or(256)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{delta, set};
    use crate::analyze::rules::testing::Case;
    use crate::record::Millis;

    fn case(calls: i64, blocks: i64) -> Case {
        let mut spilling = delta(1, calls, 1_000.0);
        spilling.counters.temp_blks_written = blocks;
        spilling.counters.temp_blk_read_time = Some(Millis(60.0));
        spilling.counters.temp_blk_write_time = Some(Millis(120.0));
        let mut case = Case::with_statements(vec![spilling]);
        set(&mut case.run, "work_mem", "4096");
        case
    }

    #[test]
    fn a_megabyte_per_call_is_a_spill() {
        let finding = case(10, 12_800).the_finding(&RULE);
        assert!(
            finding
                .title
                .starts_with("10.0 MiB of temporary files per call")
        );
        let sql = finding.remediation.sql.unwrap();
        assert_eq!(sql, "ALTER ROLE app SET work_mem = '32MB';");
        assert_eq!(finding.saves_ms_per_sec, None, "track_io_timing is off");
    }

    #[test]
    fn work_mem_is_never_lowered() {
        let mut case = case(10, 38_400);
        let sql = case.the_finding(&RULE).remediation.sql.unwrap();
        assert_eq!(sql, "ALTER ROLE app SET work_mem = '64MB';");
        for present in ["65536", "524288"] {
            set(&mut case.run, "work_mem", present);
            let remedy = case.the_finding(&RULE).remediation;
            assert_eq!((remedy.sql, remedy.undo_sql), (None, None), "{present}");
        }
        let note = case.the_finding(&RULE).remediation.note.unwrap();
        assert!(note.contains("512.0 MiB for a new session"), "{note}");
    }

    #[test]
    fn what_a_session_has_today_must_be_known() {
        let mut case = case(10, 38_400);
        case.run
            .server
            .as_mut()
            .unwrap()
            .settings
            .remove("work_mem");
        let remedy = case.the_finding(&RULE).remediation;
        assert_eq!(remedy.sql, None);
        assert!(remedy.note.unwrap().contains("work_mem is not visible"));
    }

    #[test]
    fn a_value_that_the_role_had_is_warned_of() {
        let note = case(10, 12_800).the_finding(&RULE).remediation.note;
        assert!(note.unwrap().contains("RESET does not bring it back"));
    }

    #[test]
    fn its_time_is_known_with_io_timing() {
        let mut case = case(10, 12_800);
        set(&mut case.run, "track_io_timing", "on");
        case.conclude();
        assert_eq!(case.the_finding(&RULE).saves_ms_per_sec, Some(3.0));
    }

    #[test]
    fn little_per_call_and_in_all_is_quiet() {
        case(1_000, 12_000).assert_quiet(&RULE);
        assert_eq!(
            case(1_000, 13_000).fired(&RULE).len(),
            1,
            "over 100 MB in all"
        );
    }
}
