//! `sessions-lost`: sessions that ended without a good-bye.

use crate::analyze::conclusions::Severity;
use crate::record::database::StatDatabase;

use super::draft::Draft;
use super::text::percent;
use super::{Facts, Judgement, Rule, thresholds as t};

pub(super) const RULE: Rule = Rule {
    id: "sessions-lost",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let (before, after) = facts.database()?;
    let old = || "pg_stat_database counts lost sessions only from PostgreSQL 14 on".to_owned();
    let delta = |of: fn(&StatDatabase) -> Option<i64>| Some(of(after)? - of(before)?);
    let counts = || {
        Some([
            delta(|d| d.sessions)?,
            delta(|d| d.sessions_abandoned)?,
            delta(|d| d.sessions_fatal)?,
            delta(|d| d.sessions_killed)?,
        ])
    };
    let [all, abandoned, fatal, killed] = counts().ok_or_else(old)?;
    let lost = abandoned + fatal + killed;
    let ratio = lost as f64 / (all as f64).max(1.0);
    if lost == 0 || ratio < t::SESSIONS_LOST_RATIO {
        return Ok(Vec::new());
    }
    let finding = Draft::new(RULE.id, Severity::Info)
        .about("server", "sessions")
        .title(&format!(
            "{lost} sessions were lost ({} of new ones)",
            percent(ratio.min(1.0))
        ))
        .detail(format!(
            "{abandoned} lost their client, {fatal} ended by a fatal error, {killed} were \
             terminated by an operator, while {all} were opened"
        ))
        .note("look into the server's log at those times; clients should close their connections");
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{run, span, stat_database};
    use crate::analyze::rules::testing::Case;

    fn case(all: i64, abandoned: Option<i64>) -> Case {
        let mut run = run();
        let mut last = stat_database();
        last.sessions = Some(all);
        last.sessions_abandoned = abandoned;
        run.database.stat_database = Some(span(vec![stat_database()], vec![last]));
        Case::of(run)
    }

    #[test]
    fn a_hundredth_lost_is_found() {
        assert!(
            case(100, Some(2))
                .the_finding(&RULE)
                .title
                .contains("2 sessions were lost")
        );
        case(100, Some(0)).assert_quiet(&RULE);
        case(1_000, Some(2)).assert_quiet(&RULE);
        assert!(
            case(100, None)
                .missing_fact(&RULE)
                .contains("PostgreSQL 14")
        );
    }
}
