//! What goes with scripts on a command line: weights, definitions, names of built-in scripts.

use super::PgbenchError;
use super::split::{is_name, is_name_start};

/// A script that comes with pgbench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a few words.
    pub title: &'static str,
    /// Its text, for [`parse`](super::parse).
    pub text: &'static str,
}

/// pgbench's own scripts. They need its tables, and the variable `scale`.
pub const BUILTINS: [Builtin; 3] = [
    Builtin {
        name: "tpcb-like",
        title: "one transaction in the manner of TPC-B",
        text: include_str!("../../../fixtures/pgbench/tpcb-like.sql"),
    },
    Builtin {
        name: "simple-update",
        title: "the same without the updates that clients contend for",
        text: include_str!("../../../fixtures/pgbench/simple-update.sql"),
    },
    Builtin {
        name: "select-only",
        title: "one row by its primary key",
        text: include_str!("../../../fixtures/pgbench/select-only.sql"),
    },
];

/// The built-in script whose name begins with `name`.
///
/// # Errors
/// There is none, or more than one.
pub fn builtin(name: &str) -> Result<&'static Builtin, PgbenchError> {
    let mut found = BUILTINS.iter().filter(|it| it.name.starts_with(name));
    match (found.next(), found.next()) {
        (Some(builtin), None) => Ok(builtin),
        _ => Err(PgbenchError::Builtin {
            name: name.to_owned(),
        }),
    }
}

/// Splits `FILE@WEIGHT` at the last `@`; the weight is 1 where there is none, and 0 is allowed.
///
/// # Errors
/// What stands behind the `@` is not a number from 0 to 2147483647.
pub fn split_weight(argument: &str) -> Result<(&str, u32), PgbenchError> {
    let Some((path, weight)) = argument.rsplit_once('@') else {
        return Ok((argument, 1));
    };
    let digits = weight.trim_start();
    let digits = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(PgbenchError::Weight {
            weight: weight.to_owned(),
        });
    }
    let number = weight.trim_start().parse::<i32>().ok();
    let number = number.and_then(|number| u32::try_from(number).ok());
    let number = number.ok_or_else(|| PgbenchError::WeightRange {
        weight: weight.to_owned(),
    })?;
    Ok((path, number))
}

/// Splits the `NAME=VALUE` of `-D` at the first `=`.
///
/// # Errors
/// There is no `=`, or nothing before or behind it, or the name is not one that a variable may have.
pub fn split_define(argument: &str) -> Result<(&str, &str), PgbenchError> {
    match argument.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            if valid_name(name) {
                return Ok((name, value));
            }
            Err(PgbenchError::Name {
                name: name.to_owned(),
            })
        }
        split => Err(PgbenchError::Definition {
            name: split.map_or(argument, |(name, _)| name).to_owned(),
        }),
    }
}

/// Whether a variable may be called so: letters, digits and underscores, no digit at the front, and every
/// character beyond ASCII is a letter.
#[must_use]
pub fn valid_name(name: &str) -> bool {
    name.starts_with(is_name_start) && name.chars().all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_stands_behind_the_last_at_sign() {
        for (argument, expected) in [
            ("a.sql", ("a.sql", 1)),
            ("a.sql@3", ("a.sql", 3)),
            ("a@b.sql@0", ("a@b.sql", 0)),
            ("@2147483647", ("", 2_147_483_647)),
            ("a@ +7", ("a", 7)),
        ] {
            assert_eq!(split_weight(argument), Ok(expected), "{argument}");
        }
        for argument in ["a@", "a@one", "a@1x", "a@1 ", "a@b.sql", "a@-", "a@1.5"] {
            let error = split_weight(argument).unwrap_err().to_string();
            assert!(error.starts_with("invalid weight specification"), "{error}");
        }
        for argument in ["a@-1", "a@2147483648", "a@99999999999999999999"] {
            let error = split_weight(argument).unwrap_err().to_string();
            assert!(error.contains("out of range"), "{error}");
        }
    }

    #[test]
    fn a_definition_has_a_name_and_a_value_which_no_error_repeats() {
        assert_eq!(split_define("foo=bar=1"), Ok(("foo", "bar=1")));
        assert_eq!(split_define("\u{e4}_1= "), Ok(("\u{e4}_1", " ")));
        for argument in ["foobla", "=secret", "x=", "1x=secret", "a-b=secret"] {
            let error = split_define(argument).unwrap_err().to_string();
            assert!(error.starts_with("invalid variable"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_built_in_script_is_found_by_any_beginning_that_is_its_own() {
        assert_eq!(builtin("t").unwrap().name, "tpcb-like");
        assert_eq!(builtin("se").unwrap().name, "select-only");
        assert_eq!(builtin("simple-update").unwrap().name, "simple-update");
        for name in ["s", "", "no-such-builtin"] {
            assert!(builtin(name).is_err(), "{name}");
        }
    }
}
