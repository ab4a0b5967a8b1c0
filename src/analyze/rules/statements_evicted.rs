//! `statements-evicted`: `pg_stat_statements` dropped entries in the window.

use crate::analyze::conclusions::Severity;
use crate::record::server::Disturbance;

use super::draft::Draft;
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "statements-evicted",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let window = facts.run.statements.as_ref();
    let window = window.ok_or_else(|| facts.missing("pg_stat_statements"))?;
    let all = window.disturbances.iter().chain(&facts.run.disturbances);
    let passes: i64 = all
        .filter_map(|d| match d {
            Disturbance::StatementsEvicted { passes } => Some(*passes),
            _ => None,
        })
        .max()
        .unwrap_or(0);
    if passes == 0 && window.evicted == 0 {
        return Ok(Vec::new());
    }
    let max = facts.setting("pg_stat_statements.max");
    let max = max.map_or("not visible", |s| s.reset_val.as_str());
    let finding = Draft::new(RULE.id, Severity::Info)
        .about("setting", "pg_stat_statements.max")
        .title(&format!(
            "pg_stat_statements dropped {} known entries in {passes} passes",
            window.evicted
        ))
        .detail(format!(
            "More different statements ran than pg_stat_statements.max ({max}) holds, so the \
             sums of this report miss a part"
        ))
        .note(
            "raise pg_stat_statements.max (needs a restart), or find what makes texts unique: \
             literals, IN lists of many lengths, comments with request ids",
        );
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::rules::testing::Case;

    #[test]
    fn evictions_are_reported() {
        let mut case = Case::with_statements(vec![]);
        case.assert_quiet(&RULE);
        let window = case.run.statements.as_mut().unwrap();
        window.evicted = 4;
        window.disturbances = vec![Disturbance::StatementsEvicted { passes: 2 }];
        let finding = case.the_finding(&RULE);
        assert!(finding.title.contains("4 known entries in 2 passes"));
    }
}
