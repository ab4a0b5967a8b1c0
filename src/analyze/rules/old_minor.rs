//! `old-minor`: the server lacks minor releases.

use crate::analyze::conclusions::{Evidence, Severity};

use super::draft::Draft;
use super::{Facts, Judgement, Outcome, Rule};

pub(super) const RULE: Rule = Rule {
    id: "old-minor",
    judge,
};

/// When the table below was true (postgresql.org, release of that day).
const KNOWN_ON: &str = "2026-08-13";

/// The latest minor of each major version. 13 has no further ones.
const LATEST: [(u32, u32); 6] = [(13, 23), (14, 24), (15, 19), (16, 15), (17, 11), (18, 6)];

/// The last minor of a version that is no longer maintained.
const ENDED: [u32; 1] = [13];

fn judge(facts: &Facts<'_>) -> Judgement {
    let server = facts.server()?;
    let (major, minor) = (server.major(), server.version_num % 10_000);
    let known = LATEST.iter().find(|(known, _)| *known == major);
    let Some((_, latest)) = known else {
        return Err(format!(
            "the minor releases of PostgreSQL {major} were not known when this dbperf was built"
        ));
    };
    let ended = ENDED.contains(&major);
    if minor >= *latest && !ended {
        return Ok(Vec::new());
    }
    if facts.run.meta.lab {
        let trap = "a lab runs the programs of this machine".to_owned();
        return Ok(vec![Outcome::Suppressed(trap)]);
    }
    let title = if ended {
        format!("PostgreSQL {major} gets no more corrections; the server is {major}.{minor}")
    } else {
        format!("the server is {major}.{minor}, and {major}.{latest} was out on {KNOWN_ON}")
    };
    let finding = Draft::new(RULE.id, Severity::Info)
        .evidence(Evidence::RuleOfThumb)
        .about("server", &format!("{major}.{minor}"))
        .title(&title)
        .detail(
            "Minor releases mend errors that lose data, crash or open security holes, and change \
             nothing else. Newer ones than this dbperf knows of may be out",
        )
        .note(if ended {
            "upgrade to a version that is maintained, by pg_upgrade, logical replication or a dump"
        } else {
            "install the new programs and restart the server; read the release notes for indexes \
             that have to be rebuilt. Standbys first"
        });
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::Case;

    fn case(version_num: u32) -> Case {
        let mut case = Case::new();
        case.run.server.as_mut().unwrap().version_num = version_num;
        case
    }

    #[test]
    fn older_than_the_latest_known_is_good_to_know() {
        let finding = case(150_018).the_finding(&RULE);
        assert_eq!(
            finding.title,
            "the server is 15.18, and 15.19 was out on 2026-08-13"
        );
        case(150_019).assert_quiet(&RULE);
        case(150_099).assert_quiet(&RULE);
        let mut lab = case(150_018);
        lab.run.meta.lab = true;
        assert!(lab.suppressed(&RULE).contains("lab"));
    }

    #[test]
    fn a_version_that_has_ended_is_said_with_its_last_minor_too() {
        assert!(case(130_023).the_finding(&RULE).title.contains("no more"));
    }

    #[test]
    fn an_unknown_version_decides_nothing() {
        assert!(case(990_000).missing_fact(&RULE).contains("PostgreSQL 99"));
    }
}
