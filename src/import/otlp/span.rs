//! One span as it is written, and the compact form that is kept of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};

use super::Collector;
use super::classify::{self, Class};

/// Text of which no more than this is read as a statement, in bytes.
pub(super) const MAX_TEXT: usize = 64 << 10;

/// A span of OTLP JSON. Unknown fields are ignored, as the specification asks.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Span {
    #[serde(deserialize_with = "trace_id")]
    trace_id: [u64; 2],
    #[serde(rename = "spanId", deserialize_with = "span_id")]
    id: u64,
    /// 0 where there is none: all zeros is no valid id.
    #[serde(default, rename = "parentSpanId", deserialize_with = "parent_id")]
    parent: u64,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) kind: Kind,
    #[serde(default, deserialize_with = "nanos")]
    start_time_unix_nano: u64,
    #[serde(default, deserialize_with = "nanos")]
    end_time_unix_nano: u64,
    #[serde(default)]
    attributes: Option<Vec<KeyValue>>,
    #[serde(default)]
    status: Option<Status>,
}

/// `SpanKind`, as a number or by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kind {
    #[default]
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Name(String),
        }
        let kind = match Written::deserialize(json)? {
            Written::Number(2) => Self::Server,
            Written::Number(3) => Self::Client,
            Written::Number(4) => Self::Producer,
            Written::Number(5) => Self::Consumer,
            Written::Number(_) => Self::Internal,
            Written::Name(name) => match name.trim_start_matches("SPAN_KIND_") {
                "SERVER" => Self::Server,
                "CLIENT" => Self::Client,
                "PRODUCER" => Self::Producer,
                "CONSUMER" => Self::Consumer,
                _ => Self::Internal,
            },
        };
        Ok(kind)
    }
}

#[derive(Debug, Deserialize)]
struct Status {
    #[serde(default)]
    code: Option<Code>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Code {
    Number(u64),
    Name(String),
}

/// An attribute.
#[derive(Debug, Deserialize)]
pub(super) struct KeyValue {
    #[serde(default)]
    pub(super) key: String,
    #[serde(default)]
    pub(super) value: Option<AnyValue>,
}

/// The kinds of values that are read; lists and maps are not.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AnyValue {
    #[serde(rename = "stringValue")]
    string: Option<String>,
    #[serde(rename = "intValue")]
    int: Option<Int>,
    #[serde(rename = "boolValue")]
    bool: Option<bool>,
}

/// A 64-bit number is a string in the protobuf mapping, and a number in some exporters.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Int {
    Number(i64),
    Text(String),
    Other(IgnoredAny),
}

impl AnyValue {
    /// A text.
    pub(super) fn text(&self) -> Option<&str> {
        self.string.as_deref()
    }

    /// Any of the kinds that are read, to tell values apart.
    pub(super) fn shown(&self) -> String {
        let text = self.text().map(str::to_owned);
        text.or_else(|| self.int().map(|n| n.to_string()))
            .or_else(|| self.bool.map(|b| b.to_string()))
            .unwrap_or_default()
    }

    /// A whole number.
    pub(super) fn int(&self) -> Option<i64> {
        match self.int.as_ref()? {
            Int::Number(n) => Some(*n),
            Int::Text(text) => text.parse().ok(),
            Int::Other(_) => None,
        }
    }
}

impl Span {
    /// The first of several attributes that is there: their generations have different names.
    pub(super) fn attribute(&self, keys: &[&str]) -> Option<&AnyValue> {
        let all = self.attributes.as_deref().unwrap_or_default();
        keys.iter()
            .find_map(|key| all.iter().find(|a| a.key == *key)?.value.as_ref())
    }

    /// The text of the first of several attributes.
    pub(super) fn text(&self, keys: &[&str]) -> Option<&str> {
        self.attribute(keys)?.text().filter(|t| !t.is_empty())
    }

    /// Some attribute of a database.
    pub(super) fn has_database_attribute(&self) -> bool {
        let all = self.attributes.as_deref().unwrap_or_default();
        all.iter().any(|a| a.key.starts_with("db."))
    }

    /// An error status, or for a server an answer of 500 and above, which the conventions make one.
    fn is_error(&self) -> bool {
        let code = self.status.as_ref().and_then(|s| s.code.as_ref());
        let by_status = match code {
            Some(Code::Number(code)) => *code == 2,
            Some(Code::Name(name)) => name == "STATUS_CODE_ERROR",
            None => false,
        };
        let status = self.attribute(&["http.response.status_code", "http.status_code"]);
        let by_answer =
            self.kind == Kind::Server && status.and_then(AnyValue::int).is_some_and(|s| s >= 500);
        by_status || by_answer
    }
}

/// What is kept of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) trace: [u64; 2],
    pub(super) id: u64,
    /// 0 without a parent.
    pub(super) parent: u64,
    /// Unix time in nanoseconds.
    pub(super) start: u64,
    /// In nanoseconds.
    pub(super) duration: u64,
    /// Its place among the spans that are held.
    pub(super) order: u32,
    /// Of a server span the endpoint, of a database span the statement.
    pub(super) name: u32,
    pub(super) class: Class,
    pub(super) is_error: bool,
}

impl Collector {
    /// Keeps a span.
    ///
    /// # Errors
    /// There are more endpoints than can be held, in words.
    pub(super) fn span(&mut self, span: &Span) -> Result<(), String> {
        let class = classify::class(span, &mut self.names);
        let name = match class {
            Class::Server => self.names.endpoint(span)?,
            Class::Database => self.statements.of(span),
            _ => 0,
        };
        let (start, end) = (span.start_time_unix_nano, span.end_time_unix_nano);
        let backwards = start == 0 || end < start;
        self.store.add(
            Kept {
                trace: span.trace_id,
                id: span.id,
                parent: span.parent,
                start,
                duration: end.saturating_sub(start),
                order: 0,
                name,
                class,
                is_error: span.is_error(),
            },
            backwards,
            &mut self.endpoints,
        );
        Ok(())
    }
}

/// Hex as OTLP JSON has it, or base64 as the plain protobuf mapping writes bytes.
fn id_bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() == 2 * N && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(pair).ok()?;
            *byte = u8::from_str_radix(digits, 16).ok()?;
        }
        return Some(bytes);
    }
    STANDARD.decode(text).ok()?.try_into().ok()
}

fn trace_id<'de, D: Deserializer<'de>>(json: D) -> Result<[u64; 2], D::Error> {
    let text = String::deserialize(json)?;
    let bytes: [u8; 16] =
        id_bytes(&text).ok_or_else(|| D::Error::custom("a `traceId` that is not 32 hex digits"))?;
    let whole = u128::from_be_bytes(bytes);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    let halves = [(whole >> 64) as u64, whole as u64];
    Ok(halves)
}

fn span_id<'de, D: Deserializer<'de>>(json: D) -> Result<u64, D::Error> {
    let text = String::deserialize(json)?;
    let bytes: [u8; 8] =
        id_bytes(&text).ok_or_else(|| D::Error::custom("a `spanId` that is not 16 hex digits"))?;
    Ok(u64::from_be_bytes(bytes))
}

fn parent_id<'de, D: Deserializer<'de>>(json: D) -> Result<u64, D::Error> {
    let Some(text) = Option::<String>::deserialize(json)?.filter(|t| !t.is_empty()) else {
        return Ok(0);
    };
    let bytes: [u8; 8] = id_bytes(&text)
        .ok_or_else(|| D::Error::custom("a `parentSpanId` that is not 16 hex digits"))?;
    Ok(u64::from_be_bytes(bytes))
}

fn nanos<'de, D: Deserializer<'de>>(json: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u64),
        Text(String),
    }
    match Written::deserialize(json) {
        Ok(Written::Number(n)) => Ok(n),
        Ok(Written::Text(text)) => text
            .parse()
            .map_err(|_| D::Error::custom("a time that is not a number of nanoseconds")),
        Err(_) => Err(D::Error::custom(
            "a time that is not a number of nanoseconds",
        )),
    }
}
