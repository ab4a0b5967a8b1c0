//! `driver-saturated`: the load generator was the limit, so its numbers are its own.

use crate::analyze::conclusions::Severity;

use super::draft::Draft;
use super::text::percent;
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "driver-saturated",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let loads = || facts.run.replay.iter().chain(&facts.run.api);
    if loads().next().is_none() {
        return Err("no load result is part of this run (--workload or --api)".to_owned());
    }
    let known: Vec<_> = loads()
        .filter_map(|l| Some((l, l.driver_saturated?)))
        .collect();
    if known.is_empty() {
        return Err("the load tool does not tell whether it was itself the limit".to_owned());
    }
    let found = known
        .into_iter()
        .filter(|(_, saturated)| *saturated)
        .map(|(load, _)| {
            let cpu = load.driver_cpu_ratio.map_or_else(
                || "its processor use is not known".to_owned(),
                |ratio| format!("its threads were busy {} of the time", percent(ratio)),
            );
            Draft::new(RULE.id, Severity::Critical)
            .about("driver", &load.source.tool)
            .title(&format!("{} was itself the limit: {cpu}", load.source.tool))
            .detail(
                "Latencies hold the driver's own delays and the throughput is the driver's \
                 maximum, not the server's",
            )
            .note("run the load from another machine, with more driver threads, or with less load")
            .fire(facts)
        });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::load_result;
    use crate::analyze::rules::testing::Case;

    fn case(saturated: Option<bool>) -> Case {
        let mut case = Case::new();
        let mut load = load_result();
        load.driver_saturated = saturated;
        load.driver_cpu_ratio = Some(0.97);
        case.run.replay = Some(load);
        case
    }

    #[test]
    fn a_saturated_driver_doubts_the_measurement() {
        let finding = case(Some(true)).the_finding(&RULE);
        assert_eq!(finding.subject.kind, "driver");
        assert!(finding.title.contains("97.0 % of the time"));
        case(Some(false)).assert_quiet(&RULE);
        assert!(case(None).missing_fact(&RULE).contains("does not tell"));
    }
}
