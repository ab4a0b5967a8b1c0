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
            let role = s.user.as_deref().map(quote_ident);
            let work_mem = enough_work_mem(per_call);
            let sql = |role: &String| format!("ALTER ROLE {role} SET work_mem = '{work_mem}MB';");
            let undo = |role: &String| format!("ALTER ROLE {role} RESET work_mem;");
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
                .sql(role.as_ref().map(sql))
                .undo(role.as_ref().map(undo))
                .note(
                    "an index in the order of the sort avoids the sort; work_mem is for every \
                     node of every process of every connection (times hash_mem_multiplier), and a \
                     role's setting holds for new connections",
                )
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

/// A sort needs about twice as much memory as disk: the next power of two, 16 to 256 MB.
fn enough_work_mem(per_call: f64) -> u32 {
    let wanted = 2.0 * per_call / 1_048_576.0;
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
        Case::with_statements(vec![spilling])
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
