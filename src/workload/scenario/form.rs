//! The file as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Spanned, Value};

/// Values by name, each with its place.
pub(super) type Named<T> = BTreeMap<String, Spanned<T>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileForm {
    pub(super) title: Option<String>,
    pub(super) base_url: Option<Spanned<String>>,
    pub(super) timeout: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) headers: Named<String>,
    #[serde(default)]
    pub(super) values: Named<String>,
    #[serde(default)]
    pub(super) load: LoadForm,
    #[serde(default)]
    pub(super) user: Vec<Spanned<UserForm>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct LoadForm {
    pub(super) clients: Option<Spanned<i64>>,
    pub(super) rate: Option<Spanned<Value>>,
    pub(super) arrival: Option<Spanned<String>>,
    pub(super) stages: Option<Spanned<String>>,
    pub(super) duration: Option<Spanned<String>>,
    pub(super) warmup: Option<Spanned<String>>,
    pub(super) baseline: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserForm {
    pub(super) name: Option<String>,
    pub(super) weight: Option<Spanned<i64>>,
    pub(super) think: Option<Spanned<String>>,
    pub(super) order: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) step: Vec<Spanned<StepForm>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepForm {
    pub(super) name: Option<Spanned<String>>,
    pub(super) weight: Option<Spanned<i64>>,
    pub(super) think: Option<Spanned<String>>,

    // What it does: exactly one of these.
    pub(super) request: Option<Spanned<String>>,
    pub(super) connect: Option<Spanned<String>>,
    pub(super) send: Option<Spanned<String>>,
    pub(super) subscribe: Option<Spanned<String>>,
    pub(super) ping: Option<Spanned<bool>>,
    pub(super) receive: Option<Spanned<Value>>,
    pub(super) close: Option<Spanned<bool>>,
    pub(super) reconnect: Option<Spanned<bool>>,

    // Of a request and a connect.
    #[serde(default)]
    pub(super) query: Named<String>,
    #[serde(default)]
    pub(super) headers: Named<String>,

    // Of a request.
    pub(super) json: Option<Spanned<Value>>,
    pub(super) body: Option<Spanned<String>>,
    pub(super) expect_status: Option<Spanned<Vec<Value>>>,
    pub(super) expect_body: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) keep: Named<String>,

    // Of a send and a subscribe.
    pub(super) expect: Option<Spanned<String>>,

    // Of a receive.
    pub(super) timestamp: Option<Spanned<String>>,
}
