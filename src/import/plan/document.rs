//! Texts that hold plans: files, what was copied from psql, and the messages of `auto_explain`.

use serde_json::Value;

use super::text;

/// A plan, and the statement where it is told.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenPlan {
    /// `Query Text`.
    pub query: Option<String>,
    /// The first element of EXPLAIN (FORMAT JSON).
    pub document: Value,
}

/// A text that is no plan. No variant holds more than the first words of a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanProblem {
    /// There is no node in it.
    #[error("there is no plan in it: no line has `(cost=… rows=… width=…)`")]
    NoNode,
    /// It is JSON without a plan.
    #[error("it is JSON without a `Plan`, as EXPLAIN (FORMAT JSON) has it")]
    NoPlan,
    /// It is damaged JSON.
    #[error("it is damaged JSON at line {line}")]
    Json {
        /// Line of the damage.
        line: usize,
    },
    /// A node without costs, as EXPLAIN (COSTS OFF) prints it.
    #[error("the node `{0}` has no costs; plans are read with them (leave COSTS OFF out)")]
    NoCosts(String),
    /// A node of an unknown kind.
    #[error("the node `{0}` is of a kind that is not known")]
    Kind(String),
    /// A node that belongs to none.
    #[error("the node `{0}` is indented as below no other: the indentation was lost")]
    Tree(String),
}

/// The plans of a text: JSON with one or several, or one plan in text form; as it is, or as psql prints it.
///
/// # Errors
/// There is no plan in it, or it is not understood.
pub fn plans(content: &str) -> Result<Vec<GivenPlan>, PlanProblem> {
    let lines = undecorated(content);
    let first = lines
        .iter()
        .map(|line| line.trim_start())
        .find(|line| !line.is_empty());
    if first.is_some_and(|line| line.starts_with(['[', '{'])) {
        return of_json(&lines.join("\n"));
    }
    Ok(vec![of_text(&lines)?])
}

/// The message of `auto_explain` behind `plan:`.
///
/// # Errors
/// It is not understood: the log is damaged, or in a form other than text and JSON.
pub fn logged(body: &str) -> Result<GivenPlan, PlanProblem> {
    if body.trim_start().starts_with('{') {
        return of_json(body)?.into_iter().next().ok_or(PlanProblem::NoPlan);
    }
    of_text(&body.lines().collect::<Vec<_>>())
}

/// The lines without psql's heading, rule, `+` and count, and without a common indentation.
fn undecorated(content: &str) -> Vec<&str> {
    let content = content.strip_prefix('\u{feff}').unwrap_or(content);
    let mut lines: Vec<&str> = content.lines().map(str::trim_end).collect();
    let heading = lines.iter().position(|line| line.trim() == "QUERY PLAN");
    if let Some(heading) = heading {
        lines.drain(..=heading);
        let rule =
            |line: &&str| !line.is_empty() && line.chars().all(|c| matches!(c, '-' | '+' | '|'));
        if lines.first().is_some_and(rule) {
            lines.remove(0);
        }
        let count = |line: &str| {
            line.starts_with('(') && (line.ends_with("rows)") || line.ends_with("row)"))
        };
        let ends = lines
            .iter()
            .position(|line| count(line))
            .unwrap_or(lines.len());
        lines.truncate(ends);
        for line in &mut lines {
            *line = line.strip_suffix('+').map_or(*line, str::trim_end);
        }
    }
    let indent = |line: &&str| line.len() - line.trim_start_matches(' ').len();
    let common = lines
        .iter()
        .filter(|line| !line.is_empty())
        .map(indent)
        .min();
    let common = common.unwrap_or(0);
    lines
        .into_iter()
        .map(|line| line.get(common..).unwrap_or(""))
        .collect()
}

fn of_json(content: &str) -> Result<Vec<GivenPlan>, PlanProblem> {
    let mut found = Vec::new();
    for value in serde_json::Deserializer::from_str(content).into_iter::<Value>() {
        let value = value.map_err(|e| PlanProblem::Json { line: e.line() })?;
        collect(&value, &mut found);
    }
    if found.is_empty() {
        return Err(PlanProblem::NoPlan);
    }
    Ok(found)
}

/// Every object with a plan, wherever a client has put it.
fn collect(value: &Value, found: &mut Vec<GivenPlan>) {
    match value {
        Value::Object(fields) if fields.get("Plan").is_some_and(Value::is_object) => {
            let query = fields.get("Query Text").and_then(Value::as_str);
            found.push(GivenPlan {
                query: query.map(str::to_owned),
                document: value.clone(),
            });
        }
        Value::Object(fields) => fields.values().for_each(|value| collect(value, found)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

/// A plan in text form, with what `auto_explain` writes in front of it.
fn of_text(lines: &[&str]) -> Result<GivenPlan, PlanProblem> {
    // The top node is the only one that is not indented; a text of a query may imitate it before.
    let top = lines
        .iter()
        .rposition(|line| !line.starts_with([' ', '\t', '-']) && text::is_node(line))
        .ok_or(PlanProblem::NoNode)?;
    let mut query: Option<String> = None;
    for line in &lines[..top] {
        if let Some(text) = line.strip_prefix("Query Text: ") {
            query.get_or_insert_with(|| text.to_owned());
        } else if line.starts_with("Query Parameters: ") {
            break;
        } else if let Some(query) = &mut query {
            query.push('\n');
            query.push_str(line);
        }
    }
    Ok(GivenPlan {
        query,
        document: text::read(&lines[top..])?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "\
Limit  (cost=1.00..2.50 rows=5 width=44) (actual time=0.100..0.200 rows=5 loops=1)
  CTE r
    ->  Seq Scan on public.orders  (cost=0.00..39.00 rows=66 width=27) (actual time=0.005..24.756 rows=66.00 loops=1)
          Filter: (orders.status = 'two
lines: yes'::text)
          Rows Removed by Filter: 13
  ->  Nested Loop  (cost=1.00..2.00 rows=13 width=44) (actual time=0.010..0.020 rows=5 loops=1)
        ->  CTE Scan on r r_1  (cost=0.00..13.00 rows=66 width=4) (never executed)
        ->  Index Scan using a on b  (cost=0.42..7.60 rows=1 width=4) (actual time=0.009..0.009 rows=0 loops=66)
              Index Cond: (id = r_1.id)
              Worker 0:  actual time=0.001..0.002 rows=1 loops=2
                Buffers: shared hit=3
        SubPlan 2
          ->  Result  (cost=0.00..0.01 rows=1 width=4) (actual time=0.001..0.001 rows=1 loops=5)
Planning:
  Buffers: shared hit=163
Planning Time: 0.824 ms
Execution Time: 1.250 ms";

    #[test]
    fn indentation_is_the_tree() {
        let plan = plans(PLAN).unwrap().remove(0).document;
        let top = &plan["Plan"];
        assert_eq!(
            (&top["Node Type"], &top["Total Cost"]),
            (&"Limit".into(), &2.5.into())
        );
        let cte = &top["Plans"][0];
        assert_eq!(
            (&cte["Subplan Name"], &cte["Parent Relationship"]),
            (&"CTE r".into(), &"InitPlan".into())
        );
        assert_eq!(cte["Filter"], "(orders.status = 'two\nlines: yes'::text)");
        assert_eq!(cte["Rows Removed by Filter"], 13);
        let join = &top["Plans"][1];
        let sides: Vec<_> = join["Plans"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| &c["Parent Relationship"])
            .collect();
        assert_eq!(sides, ["Outer", "Inner", "SubPlan"]);
        assert_eq!(join["Plans"][0]["Actual Loops"], 0);
        assert_eq!(join["Plans"][1]["Workers"][0]["Shared Hit Blocks"], 3);
        assert_eq!(
            join["Plans"][1]["Actual Loops"], 66,
            "a worker's figures are its own"
        );
        assert_eq!(plan["Planning"]["Shared Hit Blocks"], 163);
        assert_eq!(plan["Execution Time"], 1.25);
    }

    #[test]
    fn what_psql_prints_is_the_same() {
        let lines: Vec<String> = PLAN.lines().map(|line| format!(" {line}")).collect();
        let table = format!(
            "       QUERY PLAN\n-----------\n{}\n(17 rows)\n\n",
            lines.join("\n")
        );
        // The line break in the literal has the blank of psql, too.
        let unbroken = |text: &str| text.replace("two\nlines", "two lines");
        let same = plans(&unbroken(&table.replace("two\n lines", "two lines"))).unwrap();
        assert_eq!(same, plans(&unbroken(PLAN)).unwrap());
        let json = "        QUERY PLAN       \n---------\n [      +\n   {    +\n     \"Plan\": {\"Node Type\": \"Result\"}+\n   }    +\n ]\n(1 row)\n";
        assert_eq!(
            plans(json).unwrap()[0].document["Plan"]["Node Type"],
            "Result"
        );
    }

    #[test]
    fn auto_explain_tells_the_query_in_front() {
        let body = format!(
            "Query Text: SELECT 1\n  -- Seq Scan  (cost=1.00..1.00 rows=1 width=1)\n\nFROM t\nQuery Parameters: $1 = '5'\n{PLAN}"
        );
        let given = logged(&body).unwrap();
        assert_eq!(given.query.unwrap().lines().next(), Some("SELECT 1"));
        assert_eq!(given.document, plans(PLAN).unwrap()[0].document);
        let json = "{\n  \"Query Text\": \"SELECT 1\",\n  \"Plan\": {\"Node Type\": \"Result\"}\n}";
        assert_eq!(logged(json).unwrap().query.as_deref(), Some("SELECT 1"));
    }

    #[test]
    fn what_is_no_plan_says_what_was_expected() {
        let problem = |text: &str| plans(text).unwrap_err().to_string();
        assert!(problem("hello").contains("no line has"));
        assert!(problem("[{\"a\": 1}]").contains("without a `Plan`"));
        assert!(problem("[{\"Plan\": {").contains("damaged JSON at line 1"));
        assert!(
            problem("Odd Scan on t  (cost=0.00..1.00 rows=1 width=4)").contains("`Odd Scan on`")
        );
        let broken = "Limit  (cost=0.00..1.00 rows=1 width=4)\n->  Seq Scan on t  (cost=0.00..1.00 rows=1 width=4)";
        assert!(problem(broken).contains("indentation was lost"));
        let bare = "Limit  (cost=0.00..1.00 rows=1 width=4)\n  ->  Seq Scan on t";
        assert!(problem(bare).contains("COSTS OFF"));
        let several = "[{\"Plan\": {\"Node Type\": \"A\"}}]\n[{\"QUERY PLAN\": [{\"Plan\": {\"Node Type\": \"B\"}}]}]";
        assert_eq!(plans(several).unwrap().len(), 2);
    }
}
