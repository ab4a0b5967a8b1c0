//! `jit-on-oltp`: just-in-time compilation is on for everybody, and costs more than it saves.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::remedies::{alter_system, reset_system};
use super::{Facts, Judgement, Outcome, Rule, jit_heavy};

pub(super) const RULE: Rule = Rule {
    id: "jit-on-oltp",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    if facts.setting("jit")?.reset_val != "on" {
        return Ok(Vec::new());
    }
    let outcomes = jit_heavy::RULE.evaluate(facts);
    let heavy = outcomes.iter().filter_map(|outcome| match outcome {
        Outcome::Fired(finding) => Some(finding.saves_ms_per_sec.unwrap_or(0.0)),
        _ => None,
    });
    let (mut count, mut saves) = (0, 0.0);
    for each in heavy {
        count += 1;
        saves += each;
    }
    if count == 0 {
        let missing = outcomes.into_iter().find_map(|outcome| match outcome {
            Outcome::NotEvaluated(reason) => Some(reason),
            _ => None,
        });
        return missing.map_or(Ok(Vec::new()), Err);
    }
    let finding = Draft::new(RULE.id, Severity::Warning)
        .about("setting", "jit")
        .title(&format!(
            "jit is on, and compiling takes a fifth or more of the time of {count} statement(s)"
        ))
        .detail(
            "Just-in-time compilation pays for queries that run for seconds. Where short ones \
             reach jit_above_cost, by their size or by a wrong estimate, it costs more than it \
             saves. The statements are those of jit-heavy",
        )
        .saves(saves)
        .sql(alter_system("jit", "off"))
        .undo(reset_system("jit"))
        .note(
            "holds for every statement that begins after the reload; long analytical queries may \
             be slower: for those ALTER ROLE … SET jit = on. A higher jit_above_cost is the \
             gentler way",
        );
    Ok(vec![finding.fire(facts)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{delta, set};
    use crate::analyze::rules::testing::Case;
    use crate::record::Millis;

    fn case(jit: &str, each_ms: Option<f64>) -> Case {
        let mut statement = delta(1, 10, 1_000.0);
        let ms = each_ms.map(Millis);
        statement.counters.jit_generation_time = ms;
        statement.counters.jit_inlining_time = ms;
        statement.counters.jit_optimization_time = ms;
        statement.counters.jit_emission_time = ms;
        let mut case = Case::with_statements(vec![statement]);
        set(&mut case.run, "jit", jit);
        case
    }

    #[test]
    fn on_and_heavy_is_a_warning() {
        let finding = case("on", Some(75.0)).the_finding(&RULE);
        assert!(finding.title.contains("1 statement(s)"));
        assert_eq!(finding.saves_ms_per_sec, Some(5.0));
        case("on", Some(1.0)).assert_quiet(&RULE);
        case("off", Some(75.0)).assert_quiet(&RULE);
    }

    #[test]
    fn without_times_nothing_is_decided() {
        assert!(case("on", None).missing_fact(&RULE).contains("1.10"));
        let mut hidden = case("on", Some(75.0));
        hidden.run.server.as_mut().unwrap().settings.clear();
        assert!(hidden.missing_fact(&RULE).contains("jit"));
    }
}
