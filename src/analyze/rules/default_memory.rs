//! `default-memory`: shared buffers are as small as on the day of the installation.

use crate::analyze::conclusions::{Evidence, Severity};
use crate::record::Bytes;

use super::draft::Draft;
use super::text::size;
use super::{Facts, Judgement, Outcome, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "default-memory",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let host = &facts.run.host;
    let buffers = facts.number_setting("shared_buffers")? * facts.block_bytes();
    let memory = host.memory_bytes.filter(|_| host.server_is_local);
    let Bytes(memory) = memory
        .ok_or_else(|| "the memory of the server is not known (SQL cannot tell)".to_owned())?;
    if buffers > t::DEFAULT_SHARED_BUFFERS_BYTES || memory < t::DEFAULT_MEMORY_MIN_BYTES {
        return Ok(Vec::new());
    }
    let database = facts.server()?.size_bytes;
    if database.is_some_and(|Bytes(size)| size as f64 <= buffers) {
        let fits = "the whole database fits into them".to_owned();
        return Ok(vec![Outcome::Suppressed(fits)]);
    }
    if facts.run.meta.lab {
        let trap = "the settings of a lab are dbperf's own".to_owned();
        return Ok(vec![Outcome::Suppressed(trap)]);
    }
    let quarter = memory / 4 / (1 << 20);
    let finding = Draft::new(RULE.id, Severity::Warning)
        .evidence(Evidence::RuleOfThumb)
        .about("setting", "shared_buffers")
        .title(&format!(
            "shared_buffers is {:.0} MiB{} on a machine with {}",
            buffers / f64::from(1 << 20),
            if buffers < t::DEFAULT_SHARED_BUFFERS_BYTES {
                ", below its default of 128 MB,"
            } else {
                ", its default,"
            },
            size(memory)
        ))
        .detail(
            "Blocks that do not fit are read again and again from the operating system's cache, \
             or from disk; a quarter of the memory is the usual start value on a machine that \
             serves the database alone",
        )
        .sql(format!(
            "ALTER SYSTEM SET shared_buffers = '{quarter}MB'; -- then restart"
        ))
        .undo("ALTER SYSTEM RESET shared_buffers; -- then restart".to_owned())
        .note(
            "needs a restart, which ends every session and empties the cache; leave memory for \
             work_mem of all sessions and for other programs of the machine",
        );
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::set;
    use crate::analyze::rules::testing::Case;

    fn case(blocks: &str, gib: u64) -> Case {
        let mut case = Case::new();
        set(&mut case.run, "shared_buffers", blocks);
        case.run.host.memory_bytes = Some(Bytes(gib << 30));
        case.run.host.server_is_local = true;
        case
    }

    #[test]
    fn the_default_on_a_large_machine_is_found() {
        let finding = case("16384", 16).the_finding(&RULE);
        assert_eq!(
            finding.title,
            "shared_buffers is 128 MiB, its default, on a machine with 16.0 GiB"
        );
        assert_eq!(
            finding.remediation.sql.as_deref(),
            Some("ALTER SYSTEM SET shared_buffers = '4096MB'; -- then restart")
        );
        let below = case("8192", 16).the_finding(&RULE);
        assert!(
            below
                .title
                .starts_with("shared_buffers is 64 MiB, below its default")
        );
        case("16385", 16).assert_quiet(&RULE);
        case("16384", 3).assert_quiet(&RULE);
    }

    #[test]
    fn a_database_that_fits_needs_no_more() {
        let mut case = case("16384", 16);
        case.run.server.as_mut().unwrap().size_bytes = Some(Bytes(40 << 20));
        assert!(case.suppressed(&RULE).contains("fits"));
    }

    #[test]
    fn the_memory_of_another_machine_says_nothing() {
        let mut case = case("16384", 16);
        case.run.host.server_is_local = false;
        assert!(case.missing_fact(&RULE).contains("memory"));
    }

    #[test]
    fn a_lab_is_set_up_by_dbperf_itself() {
        let mut case = case("16384", 16);
        case.run.meta.lab = true;
        assert!(case.suppressed(&RULE).contains("lab"));
    }
}
