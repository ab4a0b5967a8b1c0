//! One request over HTTP and its answer.

use std::time::Instant;

use reqwest::Response;

use super::failure::{broken, of_request};
use super::ready::Ready;
use super::user::{Service, User};
use crate::drive::failure::Failure;
use crate::workload::Value;
use crate::workload::scenario::HttpStep;

/// Largest answer that is looked into (ours).
const MOST_BYTES: usize = 16 << 20;

impl Service {
    /// Sends the request and reads its answer to the end.
    pub(super) async fn exchange(
        &self,
        user: &mut User,
        step: &HttpStep,
        ready: &Ready,
        started: Instant,
    ) -> Result<(), Failure> {
        let agent = user.agent.as_ref();
        let agent = agent.ok_or_else(|| broken("the user's client could not be made"))?;
        let mut url = self.base.clone();
        step.path.render(&user.slots, &mut url);
        let request = agent.client.request(ready.method.clone(), &url);
        let mut request = request.headers(ready.headers(&user.slots)?);
        if let Some(body) = &step.body {
            request = request.body(body.text.text(&user.slots));
        }
        let answer = request.send().await;
        let first_byte = Instant::now();
        let trace = &mut user.trace;
        trace.setup = agent.probe.take();
        let mut answer = answer.map_err(|error| of_request(&error))?;
        let exchange = first_byte.saturating_duration_since(started);
        trace.waiting = Some(exchange.saturating_sub(trace.setup.total()));
        for header in answer.headers().get_all("server-timing") {
            if let Ok(text) = header.to_str() {
                trace.told(text);
            }
        }
        let looks = step.contains.is_some() || !step.keep.is_empty();
        let body = read(&mut answer, looks).await;
        let ended = Instant::now();
        trace.receiving = ended.saturating_duration_since(first_byte);
        user.ended = Some(ended);
        judge(step, answer.status().as_u16(), &body?, &mut user.slots)
    }
}

/// Reads an answer to its end; keeps it only if somebody looks into it.
async fn read(answer: &mut Response, keep: bool) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| of_request(&error))? {
        if !keep {
            continue;
        }
        if body.len() + chunk.len() > MOST_BYTES {
            return Err(Failure::Answer("the answer is too large to be looked into"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Whether the answer is what the scenario expects; takes out of it what is kept.
fn judge(step: &HttpStep, status: u16, body: &[u8], slots: &mut [Value]) -> Result<(), Failure> {
    if !step.status.has(status) {
        return Err(Failure::Status(status));
    }
    if let Some(part) = &step.contains {
        let part = part.text(slots);
        if !contains(body, part.as_bytes()) {
            return Err(Failure::Answer("unexpected body"));
        }
    }
    if step.keep.is_empty() {
        return Ok(());
    }
    let body: serde_json::Value =
        serde_json::from_slice(body).map_err(|_| Failure::Answer("the answer is not JSON"))?;
    for keep in &step.keep {
        let found = body.pointer(&keep.pointer);
        let found = found.ok_or(Failure::Answer("the answer lacks what is to be kept"))?;
        if let Some(slot) = slots.get_mut(keep.slot) {
            *slot = value(found);
        }
    }
    Ok(())
}

/// Whether `part` is somewhere in `body`; an empty one always is.
fn contains(body: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(body, part).is_some()
}

fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::String(text) => Value::Text(text.as_str().into()),
        other => match other.as_i64() {
            Some(number) => Value::Int(number),
            None => Value::Text(other.to_string().into()),
        },
    }
}
