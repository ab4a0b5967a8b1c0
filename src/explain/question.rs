//! One statement that somebody asks about: the ladder as far as he asked to climb.
//!
//! ```text
//! no values            a generic plan, by EXECUTE of a prepared statement
//! values, or no $n     the plan for them
//! execute: reads       a SELECT, read-only: first without the clock per row, then with it
//! execute: changes     INSERT, UPDATE, DELETE, MERGE, in a transaction that is rolled back
//! ```

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_postgres::Client;

use super::change::{self, Allowed};
use super::error::ProbeError;
use super::gate::{changes, executable, explainable_or_why, parameter_count, with_casts};
use super::ladder::{ExplainOptions, explain, generic, in_transaction, may_execute};
use super::scrub::scrub;
use crate::pg::Session;
use crate::record::QueryId;
use crate::record::plan::PlanMode;

/// How far to climb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Execute {
    /// Plan only.
    Nothing,
    /// Execute a plain SELECT.
    Reads,
    /// Execute a change, too, and roll it back. The caller has confirmed the database.
    Changes(Allowed),
}

/// A statement to explain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// One statement, constants in it or `$n`.
    pub text: String,
    /// Values of its parameters in text form (`None` is NULL), where there are some.
    pub values: Option<Vec<Option<String>>>,
    /// How far to climb.
    pub execute: Execute,
    /// Constants may stay in the plan.
    pub literals: bool,
    /// Text and values are the user's own: a message of the server may quote them.
    pub own: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The server's id of it (14+).
    pub query_id: Option<QueryId>,
    /// Types of its parameters as the server infers them.
    pub parameter_types: Vec<String>,
    /// How far the ladder was climbed.
    pub mode: PlanMode,
    /// The first element of EXPLAIN (FORMAT JSON).
    pub plan: Option<Value>,
    /// Why there is no plan.
    pub error: Option<String>,
    /// It was to be executed and was not: why.
    pub not_executed: Option<String>,
    /// What was done, and what a rollback left behind.
    pub notes: Vec<String>,
}

/// The values do not fit the statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the statement has {needed} parameter(s){}, and {given} value(s) were given: give one --param for each, in order",
    of_types(.types)
)]
pub struct WrongValues {
    needed: usize,
    given: usize,
    types: Vec<String>,
}

fn of_types(types: &[String]) -> String {
    if types.is_empty() {
        String::new()
    } else {
        format!(" ({})", types.join(", "))
    }
}

/// What is asked for of every plan. Blocks of planning are told from 13 on.
fn planned(major: u32) -> &'static str {
    if major >= 17 {
        "VERBOSE, SETTINGS, BUFFERS, SUMMARY, MEMORY"
    } else {
        "VERBOSE, SETTINGS, BUFFERS, SUMMARY"
    }
}

const COARSE: &str = "ANALYZE, VERBOSE, SETTINGS, BUFFERS, WAL, SUMMARY, TIMING OFF";

/// With the time of making the answer ready for the wire, which is in no node.
fn executed(major: u32) -> &'static str {
    if major >= 17 {
        "ANALYZE, VERBOSE, SETTINGS, BUFFERS, WAL, SUMMARY, MEMORY, SERIALIZE TEXT"
    } else {
        "ANALYZE, VERBOSE, SETTINGS, BUFFERS, WAL, SUMMARY"
    }
}

/// Asks for the plan of one statement. `session` has the search path of the role, `catalogue` sees the system
/// catalogues only.
///
/// # Errors
/// The number of values is not that of the parameters. Everything else that goes wrong is part of the answer.
pub async fn ask(
    session: &Session,
    catalogue: &Session,
    question: &Question,
    options: &ExplainOptions,
) -> Result<Answer, WrongValues> {
    let mut answer = Answer {
        query_id: None,
        parameter_types: Vec::new(),
        mode: PlanMode::Generic,
        plan: None,
        error: None,
        not_executed: None,
        notes: Vec::new(),
    };
    let counted = explainable_or_why(&question.text).and_then(|()| parameter_count(&question.text));
    let count = match counted {
        Ok(count) => count,
        Err(refusal) => {
            answer.error = Some(refusal.to_string());
            return Ok(answer);
        }
    };
    let client = session.client();
    let text = with_casts(&question.text);
    match in_transaction(client, options, types_of(client, &text)).await {
        Ok(types) => answer.parameter_types = types,
        Err(why) => {
            answer.error = Some(question.words(&why));
            return Ok(answer);
        }
    }
    let given = question.values.as_ref().map(Vec::len);
    if given.is_some_and(|given| given != count) {
        return Err(WrongValues {
            needed: count,
            given: given.unwrap_or_default(),
            types: answer.parameter_types,
        });
    }
    let course = Course {
        session,
        catalogue,
        text,
        values: question.values.clone().unwrap_or_default(),
        options,
        question,
    };
    if count > 0 && given.is_none() {
        course.without_values(&mut answer).await;
    } else {
        Box::pin(course.with_values(&mut answer)).await;
    }
    if let Some(plan) = &mut answer.plan {
        let id = plan.get("Query Identifier").and_then(Value::as_i64);
        answer.query_id = id.map(QueryId);
        if !question.literals {
            scrub(plan);
        }
    }
    Ok(answer)
}

impl Question {
    fn words(&self, why: &ProbeError) -> String {
        if self.own {
            why.all_words()
        } else {
            why.words()
        }
    }
}

async fn types_of(client: &Client, text: &str) -> Result<Vec<String>, ProbeError> {
    let statement = client.prepare(text).await?;
    Ok(statement.params().iter().map(ToString::to_string).collect())
}

struct Course<'a> {
    session: &'a Session,
    catalogue: &'a Session,
    text: String,
    values: Vec<Option<String>>,
    options: &'a ExplainOptions,
    question: &'a Question,
}

impl Course<'_> {
    async fn without_values(&self, answer: &mut Answer) {
        let client = self.session.client();
        let how = planned(self.session.major());
        let rung = generic(client, &self.question.text, how);
        match in_transaction(client, self.options, rung).await {
            Ok(plan) => answer.plan = Some(plan),
            Err(why) => answer.error = Some(self.question.words(&why)),
        }
        if self.question.execute != Execute::Nothing {
            let why = "it has parameters and no values were given: add --param for each";
            answer.not_executed = Some(why.to_owned());
        }
    }

    async fn with_values(&self, answer: &mut Answer) {
        answer.mode = PlanMode::Custom;
        let plan = match self.explain(planned(self.session.major())).await {
            Ok(plan) => plan,
            Err(why) => {
                answer.error = Some(self.question.words(&why));
                return;
            }
        };
        let executed = match self.question.execute {
            Execute::Nothing => None,
            Execute::Reads => Some(self.read(&plan, answer).await),
            Execute::Changes(allowed) => Some(self.change(&plan, allowed, answer).await),
        };
        answer.plan = Some(plan);
        match executed {
            Some(Ok(plan)) => {
                answer.mode = PlanMode::Analyzed;
                answer.plan = Some(plan);
            }
            // What is executed meets rows, and a message may quote them.
            Some(Err(why)) => {
                let mut words = why.without_values();
                let reads = self.question.execute == Execute::Reads;
                if reads && changes(&self.question.text).is_ok() {
                    words.push_str(
                        "; --analyze-dml with --target-db executes a change in a transaction that is rolled back",
                    );
                }
                answer.not_executed = Some(words);
            }
            None => {}
        }
    }

    /// One rung in a read-only transaction of its own.
    async fn explain(&self, how: &str) -> Result<Value, ProbeError> {
        let client = self.session.client();
        let rung = explain(client, how, &self.text, &self.values);
        in_transaction(client, self.options, rung).await
    }

    async fn read(&self, plan: &Value, answer: &mut Answer) -> Result<Value, ProbeError> {
        let client = self.session.client();
        may_execute(client, &self.question.text, plan, self.options).await?;
        let started = Instant::now();
        let coarse = self.explain(COARSE).await?;
        let took = started.elapsed();
        if took > self.options.timing_limit {
            answer.notes.push(format!(
                "Executed once, without the clock per node: it took {}, and reading the clock for every row can \
                 multiply that.",
                seconds(took)
            ));
            return Ok(coarse);
        }
        match self.explain(executed(self.session.major())).await {
            Ok(fine) => {
                answer.notes.push(
                    "Executed twice, read-only: without the clock per node, then with it; shown is the second."
                        .to_owned(),
                );
                Ok(fine)
            }
            Err(why) => {
                answer.notes.push(format!(
                    "Executed without the clock per node; with it: {}.",
                    why.without_values()
                ));
                Ok(coarse)
            }
        }
    }

    /// A change is executed once, because every execution leaves something behind.
    async fn change(
        &self,
        plan: &Value,
        allowed: Allowed,
        answer: &mut Answer,
    ) -> Result<Value, ProbeError> {
        if changes(&self.question.text).is_err() && executable(&self.question.text).is_ok() {
            // A plain SELECT needs no transaction that may write.
            return self.read(plan, answer).await;
        }
        let client = self.session.client();
        let checked = change::check(
            self.catalogue,
            &self.question.text,
            plan,
            self.options,
            allowed,
        )
        .await?;
        let how = executed(self.session.major());
        let rung = explain(client, how, &self.text, &self.values);
        let plan = change::rolled_back(client, self.options, rung).await?;
        answer.notes.extend(checked.left_behind(&plan));
        Ok(plan)
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_about_values_says_what_is_needed() {
        let wrong = |needed, types: &[&str]| {
            let types = types.iter().map(|t| (*t).to_owned()).collect();
            let wrong = WrongValues {
                needed,
                given: 1,
                types,
            };
            wrong.to_string()
        };
        let two = wrong(2, &["int4", "text"]);
        assert!(
            two.contains("2 parameter(s) (int4, text), and 1 value(s)"),
            "{two}"
        );
        assert!(wrong(0, &[]).contains("0 parameter(s), and 1"));
    }
}
