//! A scenario file becomes a scenario, or an error that names the line.

use std::collections::BTreeSet;
use std::time::Duration;

use toml::Spanned;

use crate::workload::Think;

use super::ScenarioError;
use super::form::{FileForm, Named, UserForm};
use super::model::{Order, Scenario, ScenarioOperation, ScenarioStep, ScenarioUser};
use super::template::{Form, Template, encode, escape};
use super::values::ScenarioValues;

/// Sum of the weights of all users, and of the steps of one, at most (ours).
const MOST_WEIGHT: i64 = 10_000;

impl Scenario {
    /// Reads a scenario; `file` is used in messages. `env` gives the variables of the environment for `${NAME}`, and
    /// `defines` values in place of those of the file (`-D NAME=VALUE`).
    ///
    /// # Errors
    /// The text is not TOML, or a key of it is unknown or holds what it cannot; the message names the line. No
    /// message holds a value of the environment.
    pub fn parse(
        text: &str,
        file: &str,
        env: &dyn Fn(&str) -> Option<String>,
        defines: &[(String, String)],
    ) -> Result<Self, ScenarioError> {
        let form: FileForm = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            line_error(text, file, at, error.message().trim())
        })?;
        let mut parser = Parser {
            text,
            file,
            env,
            values: ScenarioValues::default(),
            used: BTreeSet::new(),
            operations: Vec::new(),
            headers: Vec::new(),
        };
        parser.scenario(form, defines)
    }
}

/// How the parts of a text are written.
#[derive(Clone, Copy)]
pub(super) struct Style {
    /// What the file holds.
    fixed: fn(&str, &mut String),
    /// What the environment holds.
    env: fn(&str, &mut String),
    /// Drawn values.
    value: Form,
}

fn plain(text: &str, out: &mut String) {
    out.push_str(text);
}

/// A path: what the file holds is one already, and what is put into it stays in its segment.
pub(super) const PATH: Style = Style {
    fixed: plain,
    env: encode,
    value: Form::Encoded,
};

/// A part of a query.
pub(super) const QUERY: Style = Style {
    fixed: encode,
    env: encode,
    value: Form::Encoded,
};

/// A text as it is.
pub(super) const PLAIN: Style = Style {
    fixed: plain,
    env: plain,
    value: Form::Plain,
};

/// The inside of a JSON string.
pub(super) const JSON: Style = Style {
    fixed: escape,
    env: escape,
    value: Form::JsonInside,
};

/// Reads a file.
pub(super) struct Parser<'a> {
    text: &'a str,
    file: &'a str,
    env: &'a dyn Fn(&str) -> Option<String>,
    pub(super) values: ScenarioValues,
    /// Slots of values that some step uses.
    used: BTreeSet<usize>,
    operations: Vec<ScenarioOperation>,
    /// Headers of all requests; names in lower case.
    pub(super) headers: Vec<(String, Template)>,
}

type Result<T, E = ScenarioError> = std::result::Result<T, E>;

fn line_error(text: &str, file: &str, at: usize, problem: &str) -> ScenarioError {
    let before = text.as_bytes().iter().take(at);
    ScenarioError::Line {
        file: file.to_owned(),
        line: before.filter(|byte| **byte == b'\n').count() + 1,
        problem: problem.to_owned(),
    }
}

impl Parser<'_> {
    pub(super) fn error<T>(&self, at: &Spanned<T>, problem: impl AsRef<str>) -> ScenarioError {
        line_error(self.text, self.file, at.span().start, problem.as_ref())
    }

    pub(super) fn line<T>(&self, at: &Spanned<T>) -> usize {
        let before = self.text.as_bytes().iter().take(at.span().start);
        before.filter(|byte| **byte == b'\n').count() + 1
    }

    fn scenario(&mut self, form: FileForm, defines: &[(String, String)]) -> Result<Scenario> {
        let load = self.load(&form.load)?;
        for (name, text) in &form.values {
            self.check_name(name, text)?;
            let line = self.line(text);
            let added = self.values.add_drawn(name, line, text.get_ref());
            added.map_err(|problem| self.error(text, format!("value `{name}`: {problem}")))?;
        }
        for (name, value) in defines {
            self.values.give(name, value);
        }
        let base_url = match &form.base_url {
            Some(url) => Some(self.fixed(url)?),
            None => None,
        };
        self.headers = self.headers(&form.headers)?;
        if form.user.is_empty() {
            return Err(line_error(
                self.text,
                self.file,
                0,
                "no user does anything: add [[user]] with at least one [[user.step]]",
            ));
        }
        let mut users = Vec::new();
        for (index, user) in form.user.into_iter().enumerate() {
            users.push(self.user(index, user)?);
        }
        self.check_use(defines)?;
        let timeout = form.timeout.as_ref();
        let timeout = timeout.map(|t| self.some_time(t, "timeout")).transpose()?;
        Ok(Scenario {
            file: self.file.to_owned(),
            title: form.title,
            base_url,
            timeout: timeout.unwrap_or_else(Scenario::default_timeout),
            load,
            values: std::mem::take(&mut self.values),
            users,
            operations: std::mem::take(&mut self.operations),
        })
    }

    /// A value that nothing uses is a slip of somebody's pen.
    fn check_use(&self, defines: &[(String, String)]) -> Result<()> {
        let mut unused = self.values.names().enumerate();
        let Some((_, (name, line))) = unused.find(|(slot, _)| !self.used.contains(slot)) else {
            return Ok(());
        };
        if defines.iter().any(|(defined, _)| defined == name) {
            return Err(ScenarioError::Unused {
                file: self.file.to_owned(),
                name: name.to_owned(),
            });
        }
        Err(ScenarioError::Line {
            file: self.file.to_owned(),
            line,
            problem: format!(
                "no step uses the value `{name}`: write `{{{name}}}` where it belongs"
            ),
        })
    }

    fn check_name<T>(&self, name: &str, at: &Spanned<T>) -> Result<()> {
        if is_name(name) {
            return Ok(());
        }
        let problem = format!("`{name}` is no name of a value: use letters, digits and `_`");
        Err(self.error(at, problem))
    }

    fn user(&mut self, index: usize, form: Spanned<UserForm>) -> Result<ScenarioUser> {
        let place = Spanned::new(form.span(), ());
        let form = form.into_inner();
        let order = match &form.order {
            None => Order::default(),
            Some(order) => match order.get_ref().as_str() {
                "sequence" => Order::Sequence,
                "random" => Order::Random,
                other => {
                    let problem = format!("order is `sequence` or `random`, found `{other}`");
                    return Err(self.error(order, problem));
                }
            },
        };
        if form.step.is_empty() {
            return Err(self.error(&place, "a user without [[user.step]] does nothing"));
        }
        let mut steps: Vec<ScenarioStep> = Vec::new();
        let mut socket = None;
        for step in form.step {
            let at = Spanned::new(step.span(), ());
            steps.push(self.step(step, order, &mut socket)?);
            let weights = steps.iter().map(|s| i64::from(s.weight));
            self.check_weights(weights.sum(), &at)?;
        }
        let weight = form.weight.as_ref();
        let weight = weight
            .map(|w| self.count(w, "weight", MOST_WEIGHT))
            .transpose()?;
        let think = form.think.as_ref();
        Ok(ScenarioUser {
            name: form.name.unwrap_or_else(|| format!("user {}", index + 1)),
            weight: weight.unwrap_or(1),
            think: think
                .map(|t| self.think(t))
                .transpose()?
                .unwrap_or_default(),
            order,
            steps,
        })
    }

    fn check_weights(&self, sum: i64, at: &Spanned<()>) -> Result<()> {
        if sum <= MOST_WEIGHT {
            return Ok(());
        }
        Err(self.error(at, format!("the weights add up to more than {MOST_WEIGHT}")))
    }

    /// Headers with their names in lower case.
    pub(super) fn headers(&mut self, named: &Named<String>) -> Result<Vec<(String, Template)>> {
        let mut headers = Vec::new();
        for (name, text) in named {
            let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            if name.is_empty() || !name.bytes().all(token) {
                return Err(self.error(text, format!("`{name}` is no name of a header")));
            }
            if text.get_ref().chars().any(char::is_control) {
                return Err(self.error(
                    text,
                    format!("header `{name}` has a control character in it"),
                ));
            }
            headers.push((name.to_ascii_lowercase(), self.template(text, PLAIN)?));
        }
        Ok(headers)
    }

    /// A text with `{value}` and `${VARIABLE}` in it.
    pub(super) fn template(&mut self, at: &Spanned<String>, style: Style) -> Result<Template> {
        let mut template = Template::default();
        self.append(at.get_ref(), at, style, &mut template)?;
        Ok(template)
    }

    /// Appends a text with `{value}` and `${VARIABLE}` in it.
    pub(super) fn append<T>(
        &mut self,
        text: &str,
        at: &Spanned<T>,
        style: Style,
        template: &mut Template,
    ) -> Result<()> {
        let mut rest = text;
        let write = |template: &mut Template, with: fn(&str, &mut String), text: &str| {
            let mut out = String::new();
            with(text, &mut out);
            template.push_text(&out);
        };
        while let Some(open) = rest.find('{') {
            let inside = &rest[open + 1..];
            let name = inside.split('}').next().filter(|name| is_name(name));
            let Some(name) = name.filter(|name| inside.len() > name.len()) else {
                write(template, style.fixed, &rest[..=open]);
                rest = inside;
                continue;
            };
            let before = &rest[..open];
            if let Some(before) = before.strip_suffix('$') {
                write(template, style.fixed, before);
                let value = (self.env)(name).ok_or_else(|| {
                    self.error(
                        at,
                        format!("the environment has no variable {name}: set it"),
                    )
                })?;
                if value.chars().any(char::is_control) {
                    let problem = format!("the variable {name} has a control character in it");
                    return Err(self.error(at, problem));
                }
                write(template, style.env, &value);
            } else {
                write(template, style.fixed, before);
                let slot = self.slot(name, at)?;
                template.push_value(slot, style.value);
            }
            rest = &inside[name.len() + 1..];
        }
        write(template, style.fixed, rest);
        Ok(())
    }

    /// The slot of a value that is used here.
    pub(super) fn slot<T>(&mut self, name: &str, at: &Spanned<T>) -> Result<usize> {
        let Some(slot) = self.values.slot(name) else {
            let problem = format!(
                "nothing gives the value `{{{name}}}`: add it to [values], keep it from an answer of an earlier \
                 step, or give it with -D {name}=VALUE"
            );
            return Err(self.error(at, problem));
        };
        self.used.insert(slot);
        Ok(slot)
    }

    /// A text without drawn values.
    fn fixed(&mut self, at: &Spanned<String>) -> Result<String> {
        let template = self.template(at, PLAIN)?;
        let fixed = template.fixed().map(str::to_owned);
        fixed.ok_or_else(|| {
            self.error(
                at,
                "no value can be drawn here, only ${VARIABLE} can be used",
            )
        })
    }

    /// The operation of this name.
    pub(super) fn operation<T>(
        &mut self,
        name: &str,
        pushed: bool,
        at: &Spanned<T>,
    ) -> Result<usize> {
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            return Err(self.error(at, "a name has letters and no control characters"));
        }
        let known = self.operations.iter().position(|o| o.name == name);
        if let Some(index) = known {
            if self.operations[index].pushed == pushed {
                return Ok(index);
            }
            let problem = format!("`{name}` is the name of requests and of messages: rename one");
            return Err(self.error(at, problem));
        }
        self.operations.push(ScenarioOperation {
            name: name.to_owned(),
            pushed,
        });
        Ok(self.operations.len() - 1)
    }

    pub(super) fn count(&self, at: &Spanned<i64>, key: &str, most: i64) -> Result<u32> {
        let number = *at.get_ref();
        let counted = u32::try_from(number)
            .ok()
            .filter(|n| *n > 0 && number <= most);
        counted.ok_or_else(|| {
            self.error(
                at,
                format!("{key} is a whole number from 1 to {most}, found {number}"),
            )
        })
    }

    pub(super) fn think(&self, at: &Spanned<String>) -> Result<Think> {
        let parsed = at.get_ref().parse();
        parsed.map_err(|problem: String| self.error(at, format!("think: {problem}")))
    }

    pub(super) fn time(&self, at: &Spanned<String>, key: &str) -> Result<Duration> {
        humantime::parse_duration(at.get_ref()).map_err(|_| {
            let found = at.get_ref();
            self.error(
                at,
                format!("{key} is a time such as 250ms, 30s or 5m, found `{found}`"),
            )
        })
    }

    /// A time above 0.
    pub(super) fn some_time(&self, at: &Spanned<String>, key: &str) -> Result<Duration> {
        let time = self.time(at, key)?;
        if time.is_zero() {
            return Err(self.error(at, format!("{key} is a time above 0")));
        }
        Ok(time)
    }
}

fn is_name(text: &str) -> bool {
    let first = text.bytes().next();
    first.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests;
