//! The fixed parts of a step, made once.

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use super::failure::broken;
use crate::drive::failure::Failure;
use crate::workload::Value;
use crate::workload::scenario::{Action, ScenarioStep, Template};

/// A step whose fixed headers are at hand.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) method: Method,
    headers: HeaderMap,
    drawn: Vec<(HeaderName, Template)>,
}

impl Ready {
    pub(super) fn new(step: &ScenarioStep) -> Self {
        let (method, headers, json) = match &step.action {
            Action::Http(http) => {
                let json = http.body.as_ref().is_some_and(|body| body.json);
                (http.method.as_str(), http.headers.as_slice(), json)
            }
            Action::Connect { headers, .. } => ("GET", headers.as_slice(), false),
            _ => ("GET", &[][..], false),
        };
        let mut ready = Self {
            // The parser has refused what can be neither a method nor a header.
            method: Method::from_bytes(method.as_bytes()).unwrap_or_default(),
            headers: HeaderMap::new(),
            drawn: Vec::new(),
        };
        if json {
            let value = HeaderValue::from_static("application/json");
            ready.headers.insert(CONTENT_TYPE, value);
        }
        for (name, text) in headers {
            let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
                continue;
            };
            let fixed = text
                .fixed()
                .map(|text| HeaderValue::from_bytes(text.as_bytes()));
            match fixed {
                Some(Ok(mut value)) => {
                    // It may come from the environment: no debug form shows it.
                    value.set_sensitive(true);
                    ready.headers.insert(name, value);
                }
                Some(Err(_)) => {}
                None => {
                    ready.headers.remove(&name);
                    ready.drawn.push((name, text.clone()));
                }
            }
        }
        ready
    }

    /// The headers of one request.
    pub(super) fn headers(&self, slots: &[Value]) -> Result<HeaderMap, Failure> {
        let mut headers = self.headers.clone();
        for (name, text) in &self.drawn {
            let value = HeaderValue::from_bytes(text.text(slots).as_bytes());
            let value = value.map_err(|_| broken("a drawn value is no header"))?;
            headers.insert(name.clone(), value);
        }
        Ok(headers)
    }
}
