//! `disk-cost-default`: the planner takes the disk for a turning one, and it is not.
//!
//! SQL cannot tell what the disk is. How long a read takes can: the head of a turning disk needs
//! milliseconds for a block somewhere else.

use crate::analyze::conclusions::{Evidence, Severity};
use crate::analyze::figures::duration;

use super::draft::Draft;
use super::remedies::{alter_system, reset_system};
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "disk-cost-default",
    judge,
};

const COST: &str = "random_page_cost";

fn judge(facts: &Facts<'_>) -> Judgement {
    let cost = facts.number_setting(COST)?;
    if cost < t::RANDOM_PAGE_COST_DEFAULT {
        return Ok(Vec::new());
    }
    if facts.setting("track_io_timing")?.reset_val != "on" {
        return Err("the time of reads is not measured: track_io_timing is off".to_owned());
    }
    let (first, last) = facts.database()?;
    let blocks = last.blks_read - first.blks_read;
    let ms = last.blk_read_time.0 - first.blk_read_time.0;
    if blocks < t::DISK_MIN_BLOCKS {
        return Err(format!(
            "{blocks} blocks were read in the window, too few to tell what the disk is; at least \
             {} are needed",
            t::DISK_MIN_BLOCKS
        ));
    }
    let each = ms / blocks as f64;
    if each >= t::TURNING_DISK_READ_MS {
        return Ok(Vec::new());
    }
    let finding = Draft::new(RULE.id, Severity::Info)
        .evidence(Evidence::Estimated)
        .about("setting", COST)
        .title(&format!(
            "{COST} is {cost}, and a block is read in {}",
            duration(each)
        ))
        .detail(format!(
            "{blocks} blocks were read in {}. A turning disk needs milliseconds for a block \
             somewhere else, so these come from a solid disk or from the memory of the operating \
             system. With this cost the planner avoids indexes where they would be faster",
            duration(ms)
        ))
        .sql(alter_system(COST, "1.1"))
        .undo(reset_system(COST))
        .note(
            "plans may change, which is the purpose: try it first for one session (SET LOCAL) \
             with the statements that matter. Sequential reads of a turning disk are fast too, so \
             look at the disk before it is set for the server",
        );
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{run, set, span, stat_database};
    use crate::analyze::rules::testing::Case;
    use crate::record::Millis;

    fn case(cost: &str, timing: &str, blocks: i64, ms: f64) -> Case {
        let mut run = run();
        let mut last = stat_database();
        (last.blks_read, last.blk_read_time) = (blocks, Millis(ms));
        run.database.stat_database = Some(span(vec![stat_database()], vec![last]));
        set(&mut run, COST, cost);
        set(&mut run, "track_io_timing", timing);
        Case::of(run)
    }

    #[test]
    fn fast_reads_with_the_cost_of_a_turning_disk_are_said() {
        let finding = case("4", "on", 10_000, 1_000.0).the_finding(&RULE);
        assert!(
            finding.title.contains("a block is read in 0.10 ms"),
            "{}",
            finding.title
        );
        case("1.1", "on", 10_000, 1_000.0).assert_quiet(&RULE);
        case("4", "on", 10_000, 20_000.0).assert_quiet(&RULE);
    }

    #[test]
    fn without_reads_or_times_nothing_is_decided() {
        let few = case("4", "on", 999, 1.0);
        assert!(few.missing_fact(&RULE).contains("999 blocks"));
        let off = case("4", "off", 10_000, 0.0);
        assert!(off.missing_fact(&RULE).contains("track_io_timing"));
    }
}
