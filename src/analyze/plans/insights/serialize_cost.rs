//! `serialize-cost`: rows take long to become text or bytes for the client.

use crate::analyze::conclusions::Severity;
use crate::analyze::rules::thresholds as t;

use super::look::Look;
use super::remark::Remark;
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "serialize-cost",
    finding: Promotion::Never,
    judge,
};

fn judge(look: &Look<'_>) -> Judgement {
    look.must_be_executed()?;
    let serialization = look.tree.serialization_ms.ok_or(
        "the conversion of rows for the client was not measured: EXPLAIN (ANALYZE, SERIALIZE) of \
         PostgreSQL 17 measures it",
    )?;
    let share = look
        .of_execution(serialization)
        .ok_or("the execution time is not known")?;
    if share.ratio <= t::SERIALIZE_RATIO {
        return Ok(Vec::new());
    }
    let remark = Remark::of_plan(look, Severity::Info)
        .weighs(share)
        .title(&format!(
            "converting the rows takes {serialization:.1} of {:.1} ms",
            look.tree.execution_ms.unwrap_or(0.0)
        ))
        .detail(
            "the rows of the result are fetched from where large values are kept, and turned into \
             what the client gets",
        )
        .note("select fewer columns and rows; large values only where they are shown");
    Ok(vec![remark])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{insights_of, missing_of, of, ran, run};

    #[test]
    fn conversion_is_compared_with_the_execution() {
        let document = |ms: f64| {
            json!({"Plan": ran("Result", &json!({}), vec![]), "Execution Time": 80.0,
                "Serialization": {"Time": ms, "Output Volume": 100, "Format": "text"}})
        };
        let found = of("serialize-cost", insights_of(&document(20.0), true)).unwrap();
        assert_eq!(found.title, "converting the rows takes 20.0 of 80.0 ms");
        assert_eq!(
            of("serialize-cost", insights_of(&document(2.0), true)),
            None
        );
        let unmeasured = json!({"Plan": ran("Result", &json!({}), vec![]), "Execution Time": 80.0});
        let why = missing_of(&run(), "serialize-cost", &unmeasured, true).unwrap();
        assert!(why.contains("SERIALIZE"), "{why}");
    }
}
