//! Takes values out of plans: a condition of a custom plan holds the values it was planned with,
//! and those may be anybody's data.

use pg_query::protobuf::Token;
use serde_json::Value;

/// What stands where a value stood.
const HIDDEN: &str = "$?";

/// Keys of EXPLAIN (FORMAT JSON) that name a part of the plan or the schema. The text under any
/// other key may be an expression, so an unknown key is scrubbed.
const NAMES: [&str; 32] = [
    "Alias",
    "CTE Name",
    "Cache Mode",
    "Command",
    "Conflict Arbiter Indexes",
    "Conflict Resolution",
    "Constraint Name",
    "Custom Plan Provider",
    "Format",
    "Function Name",
    "Index Name",
    "Join Type",
    "Node Type",
    "Operation",
    "Parent Relationship",
    "Partial Mode",
    "Relation",
    "Relation Name",
    "Sampling Method",
    "Scan Direction",
    "Schema",
    "Settings",
    "Sort Method",
    "Sort Methods Used",
    "Sort Space Type",
    "Storage",
    "Strategy",
    "Subplan Name",
    "Subplans Removed",
    "Table Function Name",
    "Trigger Name",
    "Tuplestore Name",
];

/// Replaces every literal in every expression of a plan, in place. Settings are no data.
pub fn scrub(plan: &mut Value) {
    match plan {
        Value::Object(fields) => {
            let expressions = fields
                .iter_mut()
                .filter(|(key, _)| !NAMES.contains(&key.as_str()));
            expressions.for_each(|(_, value)| scrub(value));
        }
        Value::Array(items) => items.iter_mut().for_each(scrub),
        Value::String(text) => *text = without_literals(text),
        _ => {}
    }
}

/// The expression with `$?` for every literal; all of it is hidden if it does not even scan.
#[must_use]
pub fn without_literals(expression: &str) -> String {
    let Ok(scanned) = pg_query::scan(expression) else {
        return HIDDEN.to_owned();
    };
    let mut text = String::with_capacity(expression.len());
    let mut at = 0;
    let mut before = "";
    for token in scanned.tokens {
        let (Ok(start), Ok(end)) = (usize::try_from(token.start), usize::try_from(token.end))
        else {
            return HIDDEN.to_owned();
        };
        let literal = [
            Token::Sconst,
            Token::Usconst,
            Token::Iconst,
            Token::Fconst,
            Token::Bconst,
            Token::Xconst,
        ]
        .iter()
        .any(|kind| token.token == *kind as i32);
        let Some(between) = expression.get(at..start) else {
            return HIDDEN.to_owned();
        };
        let word = expression.get(start..end).unwrap_or(HIDDEN);
        // `SubPlan 1` is the number of a part of the plan.
        let number_of_part = matches!(before, "SubPlan" | "InitPlan");
        text.push_str(between);
        text.push_str(if literal && !number_of_part {
            HIDDEN
        } else {
            word
        });
        before = word;
        at = end;
    }
    text.push_str(expression.get(at..).unwrap_or_default());
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_value_survives_anywhere_in_a_plan() {
        let mut plan = json!({"Plan": {
            "Node Type": "Limit",
            "Plans": [{
                "Node Type": "Index Scan",
                "Relation Name": "people",
                "Index Cond": "((name = 'canary O''Hara'::text) AND (age > 424242))",
                "Filter": "(score = ANY ('{canary,2}'::numeric[]))",
                "Sort Key": ["(lower(name))", "((x + 424242.5))"],
                "Output": ["id", "'canary'::text"],
                "Remote SQL": "SELECT a FROM t WHERE a = 424242",
                "Not Yet Known": ["canary = 'canary'"],
                "Subplan Name": "InitPlan 1",
                "Join Filter": "(a = (InitPlan 1).col1 OR (SubPlan 2) OR b = 2)",
                "Plan Rows": 424_242,
            }]
        }});
        scrub(&mut plan);
        let inner = &plan["Plan"]["Plans"][0];
        assert_eq!(inner["Index Cond"], "((name = $?::text) AND (age > $?))");
        assert_eq!(inner["Filter"], "(score = ANY ($?::numeric[]))");
        assert_eq!(inner["Sort Key"][0], "(lower(name))");
        assert_eq!(inner["Relation Name"], "people");
        assert_eq!(inner["Remote SQL"], "SELECT a FROM t WHERE a = $?");
        assert_eq!(inner["Subplan Name"], "InitPlan 1");
        assert_eq!(
            inner["Join Filter"],
            "(a = (InitPlan 1).col1 OR (SubPlan 2) OR b = $?)"
        );
        assert_eq!(inner["Plan Rows"], 424_242, "estimates are not data");
        assert!(!plan.to_string().contains("'canary"));
    }

    #[test]
    fn what_does_not_scan_is_hidden_whole() {
        assert_eq!(without_literals("(a = 'unterminated"), HIDDEN);
    }
}
