//! What a step does.

use toml::{Spanned, Value};

use super::ScenarioError;
use super::form::{Named, StepForm};
use super::model::{Action, Answer, Body, HttpStep, Keep, Order, ScenarioStep, StatusSet, Until};
use super::parse::{JSON, PATH, PLAIN, Parser, QUERY};
use super::template::{Form, Template};

/// Most messages that a step waits for (ours).
const MOST_MESSAGES: i64 = 10_000_000;

/// What a step may be, for messages.
const KINDS: &str =
    "`request`, `connect`, `send`, `subscribe`, `ping`, `receive`, `close` or `reconnect`";

type Result<T, E = ScenarioError> = std::result::Result<T, E>;

impl Parser<'_> {
    /// Reads a step. `socket` is the path of the WebSocket that is open before it, and then after it.
    pub(super) fn step(
        &mut self,
        form: Spanned<StepForm>,
        order: Order,
        socket: &mut Option<String>,
    ) -> Result<ScenarioStep> {
        let place = Spanned::new(form.span(), ());
        let mut form = form.into_inner();
        self.check_keys(&form, &place)?;
        let weight = form.weight.as_ref();
        let weight = weight
            .map(|w| self.count(w, "weight", 10_000))
            .transpose()?;
        if let Some(at) = &form.weight
            && order == Order::Sequence
        {
            let problem =
                "steps of a sequence come one after the other: a weight needs order = \"random\"";
            return Err(self.error(at, problem));
        }
        let think = form.think.as_ref();
        let think = think.map(|t| self.think(t)).transpose()?;
        let (default_name, action) = if let Some(request) = form.request.take() {
            self.request(&request, &form)?
        } else {
            if order == Order::Random {
                let problem = "a WebSocket is opened, used and closed in this order: its user needs order = \
                               \"sequence\"";
                return Err(self.error(&place, problem));
            }
            self.socket_step(&form, &place, socket)?
        };
        let pushed = matches!(action, Action::Receive { .. });
        let operation = match &form.name {
            Some(name) => self.operation(name.get_ref(), pushed, name)?,
            None => self.operation(&default_name, pushed, &place)?,
        };
        let mut draws = action.slots();
        draws.retain(|slot| self.values.is_drawn(*slot));
        draws.sort_unstable();
        draws.dedup();
        Ok(ScenarioStep {
            operation,
            weight: weight.unwrap_or(1),
            think,
            draws,
            action,
        })
    }

    /// Exactly one thing is done, and only keys are there that say something about it.
    fn check_keys(&self, form: &StepForm, place: &Spanned<()>) -> Result<()> {
        let request = form.request.is_some();
        let connect = form.connect.is_some();
        let text = form.send.is_some() || form.subscribe.is_some();
        let kinds = [
            request,
            connect,
            form.send.is_some(),
            form.subscribe.is_some(),
            form.ping.is_some(),
            form.receive.is_some(),
            form.close.is_some(),
            form.reconnect.is_some(),
        ];
        match kinds.into_iter().filter(|given| *given).count() {
            1 => {}
            0 => return Err(self.error(place, format!("the step does nothing: it needs {KINDS}"))),
            _ => return Err(self.error(place, format!("the step is only one of {KINDS}"))),
        }
        for (key, flag) in [
            ("ping", &form.ping),
            ("close", &form.close),
            ("reconnect", &form.reconnect),
        ] {
            if let Some(at) = flag
                && !*at.get_ref()
            {
                return Err(self.error(at, format!("{key} is `true`, or the step is left out")));
            }
        }
        let unfit = [
            ("query", !form.query.is_empty(), request || connect),
            ("headers", !form.headers.is_empty(), request || connect),
            ("json", form.json.is_some(), request),
            ("body", form.body.is_some(), request),
            ("expect_status", form.expect_status.is_some(), request),
            ("expect_body", form.expect_body.is_some(), request),
            ("keep", !form.keep.is_empty(), request),
            ("expect", form.expect.is_some(), text),
            (
                "timestamp",
                form.timestamp.is_some(),
                form.receive.is_some(),
            ),
        ];
        match unfit.into_iter().find(|(_, given, fits)| *given && !*fits) {
            None => Ok(()),
            Some((key, ..)) => Err(self.error(
                place,
                format!("`{key}` says nothing about this kind of step"),
            )),
        }
    }

    fn request(&mut self, at: &Spanned<String>, form: &StepForm) -> Result<(String, Action)> {
        let parts = at.get_ref().split_once(' ').map(|(m, p)| (m, p.trim()));
        let (method, path) = parts
            .filter(|(method, _)| {
                !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase())
            })
            .ok_or_else(|| {
                let found = at.get_ref();
                self.error(
                    at,
                    format!("request is METHOD /path such as `GET /tasks`, found `{found}`"),
                )
            })?;
        let headers = self.merged_headers(&form.headers)?;
        let body = self.body(form)?;
        let packed = headers.iter().any(|(name, _)| name == "accept-encoding");
        let read = form.expect_body.is_some() || !form.keep.is_empty();
        if packed && read {
            let problem = "an answer that may be packed (accept-encoding) cannot be looked into: leave out the \
                           header, or `expect_body` and `keep`";
            return Err(self.error(at, problem));
        }
        let contains = form.expect_body.as_ref();
        let step = HttpStep {
            method: method.to_owned(),
            path: self.path(path, at, &form.query)?,
            headers,
            body,
            status: self.status(form)?,
            contains: contains
                .map(|text| self.template(text, PLAIN))
                .transpose()?,
            keep: self.keep(&form.keep)?,
        };
        let name = format!("{method} {}", path.split('?').next().unwrap_or(path));
        Ok((name, Action::Http(Box::new(step))))
    }

    /// Headers of the scenario, with those of the step in their place.
    fn merged_headers(&mut self, named: &Named<String>) -> Result<Vec<(String, Template)>> {
        let own = self.headers(named)?;
        let mut merged: Vec<_> = self.headers.clone();
        merged.retain(|(name, _)| own.iter().all(|(other, _)| other != name));
        merged.extend(own);
        Ok(merged)
    }

    /// A path with its query.
    fn path<T>(&mut self, path: &str, at: &Spanned<T>, query: &Named<String>) -> Result<Template> {
        let odd = |c: char| c.is_control() || c.is_whitespace() || c == '#';
        if !path.starts_with('/') || path.contains(odd) {
            let problem =
                format!("a path begins with `/` and has neither blanks nor `#`, found `{path}`");
            return Err(self.error(at, problem));
        }
        let mut template = Template::default();
        self.append(path, at, PATH, &mut template)?;
        let mut sign = if path.contains('?') { "&" } else { "?" };
        for (key, value) in query {
            template.push_text(sign);
            self.append(key, value, QUERY, &mut template)?;
            template.push_text("=");
            self.append(value.get_ref(), value, QUERY, &mut template)?;
            sign = "&";
        }
        Ok(template)
    }

    fn body(&mut self, form: &StepForm) -> Result<Option<Body>> {
        match (&form.json, &form.body) {
            (Some(_), Some(at)) => Err(self.error(at, "a request has one body: `json` or `body`")),
            (None, None) => Ok(None),
            (None, Some(text)) => Ok(Some(Body {
                text: self.template(text, PLAIN)?,
                json: false,
            })),
            (Some(json), None) => {
                let mut text = Template::default();
                self.json(json.get_ref(), json, &mut text)?;
                Ok(Some(Body { text, json: true }))
            }
        }
    }

    /// Appends a value as JSON. A string that is one `{value}` becomes that value: a number stays one.
    fn json(&mut self, value: &Value, at: &Spanned<Value>, out: &mut Template) -> Result<()> {
        match value {
            Value::String(text) => {
                let name = text.strip_prefix('{').and_then(|t| t.strip_suffix('}'));
                if let Some(slot) = name.and_then(|name| self.values.slot(name).map(|_| name)) {
                    let slot = self.slot(slot, at)?;
                    out.push_value(slot, Form::JsonWhole);
                } else {
                    out.push_text("\"");
                    self.append(text, at, JSON, out)?;
                    out.push_text("\"");
                }
            }
            Value::Integer(number) => out.push_text(&number.to_string()),
            Value::Float(number) if number.is_finite() => out.push_text(&number.to_string()),
            Value::Float(_) => return Err(self.error(at, "JSON has no number that is not finite")),
            Value::Boolean(yes) => out.push_text(&yes.to_string()),
            Value::Datetime(_) => {
                return Err(self.error(at, "JSON has no times: write the time as a string"));
            }
            Value::Array(items) => {
                out.push_text("[");
                for (index, item) in items.iter().enumerate() {
                    out.push_text(if index > 0 { "," } else { "" });
                    self.json(item, at, out)?;
                }
                out.push_text("]");
            }
            Value::Table(table) => {
                out.push_text("{");
                for (index, (key, item)) in table.iter().enumerate() {
                    out.push_text(if index > 0 { ",\"" } else { "\"" });
                    self.append(key, at, JSON, out)?;
                    out.push_text("\":");
                    self.json(item, at, out)?;
                }
                out.push_text("}");
            }
        }
        Ok(())
    }

    /// Codes, and classes such as `2xx`.
    fn status(&self, form: &StepForm) -> Result<StatusSet> {
        let Some(at) = &form.expect_status else {
            return Ok(StatusSet::default());
        };
        let range = |value: &Value| match value {
            Value::Integer(code) => {
                let code = u16::try_from(*code)
                    .ok()
                    .filter(|c| (100..=599).contains(c))?;
                Some((code, code))
            }
            Value::String(text) => {
                let class = text.strip_suffix("xx")?.parse().ok();
                let class = class.filter(|class: &u16| (1..=5).contains(class))?;
                Some((class * 100, class * 100 + 99))
            }
            _ => None,
        };
        let ranges: Option<Vec<_>> = at.get_ref().iter().map(range).collect();
        let ranges = ranges.filter(|ranges| !ranges.is_empty());
        ranges.map(StatusSet).ok_or_else(|| {
            self.error(
                at,
                "expect_status is a list of codes and classes, such as [201, \"4xx\"]",
            )
        })
    }

    fn keep(&mut self, named: &Named<String>) -> Result<Vec<Keep>> {
        let mut keeps = Vec::new();
        for (name, pointer) in named {
            self.check_pointer(pointer)?;
            let line = self.line(pointer);
            let slot = self.values.add_kept(name, line);
            keeps.push(Keep {
                slot: slot.map_err(|problem| self.error(pointer, problem))?,
                pointer: pointer.get_ref().clone(),
            });
        }
        Ok(keeps)
    }

    fn check_pointer(&self, at: &Spanned<String>) -> Result<()> {
        let pointer = at.get_ref();
        if pointer.is_empty() || pointer.starts_with('/') {
            return Ok(());
        }
        let problem = format!("expected a JSON pointer such as `/data/id`, found `{pointer}`");
        Err(self.error(at, problem))
    }

    /// A step over a WebSocket.
    fn socket_step(
        &mut self,
        form: &StepForm,
        place: &Spanned<()>,
        socket: &mut Option<String>,
    ) -> Result<(String, Action)> {
        if let Some(path) = &form.connect {
            let own = path.get_ref().as_str();
            let action = Action::Connect {
                path: self.path(own, path, &form.query)?,
                headers: self.merged_headers(&form.headers)?,
            };
            let own = own.split('?').next().unwrap_or(own);
            *socket = Some(own.to_owned());
            return Ok((format!("WS {own} connect"), action));
        }
        let Some(path) = socket.clone() else {
            return Err(self.error(
                place,
                "no WebSocket is open at this step: add a step with `connect` before",
            ));
        };
        let (what, action) = if let Some(text) = form.send.as_ref().or(form.subscribe.as_ref()) {
            let what = if form.send.is_some() {
                "send"
            } else {
                "subscribe"
            };
            let answer = match &form.expect {
                Some(part) => Answer::With(self.template(part, PLAIN)?),
                None if form.subscribe.is_some() => Answer::Any,
                None => Answer::None,
            };
            let text = self.template(text, PLAIN)?;
            (what, Action::Send { text, answer })
        } else if let Some(until) = &form.receive {
            let timestamp = form.timestamp.as_ref();
            timestamp.map(|at| self.check_pointer(at)).transpose()?;
            let until = self.until(until)?;
            let timestamp = timestamp.map(|at| at.get_ref().clone());
            ("messages", Action::Receive { until, timestamp })
        } else if form.ping.is_some() {
            ("ping", Action::Ping)
        } else if form.reconnect.is_some() {
            ("reconnect", Action::Reconnect)
        } else {
            *socket = None;
            ("close", Action::Close)
        };
        Ok((format!("WS {path} {what}"), action))
    }

    /// `"30s"` or `100`.
    fn until(&self, at: &Spanned<Value>) -> Result<Until> {
        let until = match at.get_ref() {
            Value::Integer(count) if (1..=MOST_MESSAGES).contains(count) => {
                u64::try_from(*count).ok().map(Until::Messages)
            }
            Value::String(time) => humantime::parse_duration(time)
                .ok()
                .filter(|time| !time.is_zero())
                .map(Until::Time),
            _ => None,
        };
        until.ok_or_else(|| {
            self.error(
                at,
                "receive is a time such as \"30s\", or a number of messages such as 100",
            )
        })
    }
}

impl Action {
    /// Slots of the values that it uses.
    fn slots(&self) -> Vec<usize> {
        let headers = |headers: &[(String, Template)]| -> Vec<usize> {
            headers.iter().flat_map(|(_, text)| text.slots()).collect()
        };
        match self {
            Self::Http(step) => {
                let mut slots: Vec<usize> = step.path.slots().collect();
                slots.extend(headers(&step.headers));
                slots.extend(step.body.iter().flat_map(|body| body.text.slots()));
                slots.extend(step.contains.iter().flat_map(Template::slots));
                slots
            }
            Self::Connect { path, headers: h } => {
                let mut slots: Vec<usize> = path.slots().collect();
                slots.extend(headers(h));
                slots
            }
            Self::Send { text, answer } => {
                let mut slots: Vec<usize> = text.slots().collect();
                if let Answer::With(part) = answer {
                    slots.extend(part.slots());
                }
                slots
            }
            Self::Ping | Self::Receive { .. } | Self::Close | Self::Reconnect => Vec::new(),
        }
    }
}
