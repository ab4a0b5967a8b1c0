//! An SLA file becomes targets, or an error that names the key and what it should hold.

use toml::{Table, Value};

use super::targets::{SPECS, Spec};
use super::{Sla, Target};

/// The targets that hold without a file.
const DEFAULT: &str = include_str!("../../../fixtures/sla/default.toml");

/// An SLA file could not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SlaError {
    /// The file is not TOML.
    #[error("the SLA is not TOML, line {line}: {message}")]
    Syntax {
        /// Line, counted from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A section that does not exist.
    #[error("the SLA has an unknown section [{section}]; there are {known}")]
    UnknownSection {
        /// Its name.
        section: String,
        /// The sections that exist.
        known: String,
    },
    /// A key that does not exist.
    #[error("the SLA has an unknown target `{section}.{key}`; [{section}] has {known}")]
    UnknownKey {
        /// Its section.
        section: String,
        /// Its name.
        key: String,
        /// The keys of that section.
        known: String,
    },
    /// A value where a section belongs.
    #[error("the SLA has `{key}` outside of a section; targets stand below one of {known}")]
    OutsideSection {
        /// Its name.
        key: String,
        /// The sections that exist.
        known: String,
    },
    /// A value that cannot be that target.
    #[error("the SLA's `{section}.{key}` is {found}; it must be {expected}")]
    Value {
        /// Its section.
        section: String,
        /// Its name.
        key: String,
        /// What it must be.
        expected: &'static str,
        /// What the file holds.
        found: String,
    },
    /// Nothing in the file is a target.
    #[error("the SLA has no target; fixtures/sla/default.toml shows every one there is")]
    Empty,
}

impl Sla {
    /// Reads an SLA file.
    ///
    /// # Errors
    /// The text is not TOML, names something that is no target, or holds a value that cannot be
    /// one; nothing is skipped.
    pub fn parse(text: &str) -> Result<Self, SlaError> {
        let file: Table = text
            .parse()
            .map_err(|error: toml::de::Error| syntax(text, &error))?;
        for (section, value) in &file {
            check_section(section, value)?;
        }
        // The order of the list, whatever the order of the file.
        let targets: Vec<Target> = SPECS
            .iter()
            .filter_map(|spec| {
                let value = file.get(spec.section)?.get(spec.key)?;
                Some(limit(spec, value).map(|limit| Target { spec, limit }))
            })
            .collect::<Result<_, _>>()?;
        if targets.is_empty() {
            return Err(SlaError::Empty);
        }
        Ok(Self { targets })
    }
}

impl Default for Sla {
    /// The targets of `fixtures/sla/default.toml`.
    fn default() -> Self {
        // A test reads the same text; an empty SLA could only follow a broken build.
        Self::parse(DEFAULT).unwrap_or(Self {
            targets: Vec::new(),
        })
    }
}

fn check_section(section: &str, value: &Value) -> Result<(), SlaError> {
    let keys: Vec<&str> = SPECS
        .iter()
        .filter(|s| s.section == section)
        .map(|s| s.key)
        .collect();
    let Value::Table(table) = value else {
        return Err(SlaError::OutsideSection {
            key: section.to_owned(),
            known: known_sections(),
        });
    };
    if keys.is_empty() {
        return Err(SlaError::UnknownSection {
            section: section.to_owned(),
            known: known_sections(),
        });
    }
    match table.keys().find(|key| !keys.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(SlaError::UnknownKey {
            section: section.to_owned(),
            key: key.clone(),
            known: keys.join(", "),
        }),
    }
}

fn limit(spec: &Spec, value: &Value) -> Result<f64, SlaError> {
    let number = match value {
        Value::Float(float) => Some(*float),
        Value::Integer(integer) => Some(*integer as f64),
        _ => None,
    };
    number
        .filter(|n| spec.unit.allows(*n))
        .ok_or_else(|| SlaError::Value {
            section: spec.section.to_owned(),
            key: spec.key.to_owned(),
            expected: spec.unit.expectation(),
            found: found(value),
        })
}

/// The value as the file holds it, cut where it is long; of a list or a table only its kind.
fn found(value: &Value) -> String {
    let text = match value {
        Value::String(text) => format!("{text:?}"),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(answer) => answer.to_string(),
        other => return format!("of type {}", other.type_str()),
    };
    let text: String = text.chars().take(40).collect();
    format!("{text} ({})", value.type_str())
}

fn known_sections() -> String {
    let mut names: Vec<String> = SPECS.iter().map(|s| format!("[{}]", s.section)).collect();
    names.dedup();
    names.join(", ")
}

fn syntax(text: &str, error: &toml::de::Error) -> SlaError {
    let before = error.span().and_then(|span| text.get(..span.start));
    SlaError::Syntax {
        line: before.map_or(1, |t| t.matches('\n').count() + 1),
        message: error.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_names_every_target_there_is() {
        let sla = Sla::parse(DEFAULT).unwrap();
        assert_eq!(sla.targets.len(), SPECS.len());
        assert_eq!(Sla::default(), sla);
    }

    #[test]
    fn a_file_may_name_a_part() {
        let sla = Sla::parse("[database]\np95_ms = 20\n[response_time]\np95_ms = 75.5").unwrap();
        let names: Vec<String> = sla.targets.iter().map(|t| t.spec.words(t.limit)).collect();
        assert_eq!(names, ["< 75.5 ms", "< 20 ms"]);
    }

    #[test]
    fn errors_name_the_key_and_what_it_should_hold() {
        let error = |text: &str| Sla::parse(text).unwrap_err().to_string();
        assert_eq!(
            error("[response_time]\np95_ms = \"fast\""),
            "the SLA's `response_time.p95_ms` is \"fast\" (string); it must be a number of \
             milliseconds above 0"
        );
        assert_eq!(
            error("[pool]\nutilisation_ratio = 90"),
            "the SLA's `pool.utilisation_ratio` is 90 (integer); it must be a share between 0 and \
             1 (0.9 is 90 %)"
        );
        assert!(
            error("[response_time]\np96_ms = 1").contains(
                "unknown target `response_time.p96_ms`; [response_time] has p50_ms, p95_ms"
            )
        );
        assert!(error("[latency]\np95_ms = 1").contains("unknown section [latency]"));
        assert!(error("p95_ms = 1").contains("`p95_ms` outside of a section"));
        assert!(error("[response_time]\np95_ms = nan").contains("above 0"));
        assert!(error("[response_time]\np95_ms = -1").contains("above 0"));
        assert!(error("[a]\n\n[response_time\n").contains("line 3"));
        assert_eq!(Sla::parse("# nothing\n"), Err(SlaError::Empty));
    }
}
