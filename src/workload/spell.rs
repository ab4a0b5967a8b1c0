//! A generator as a workload file writes it.

use std::fmt;

use jiff::Timestamp;

use super::names::shown;
use super::value::POSTGRES_EPOCH;
use super::{Generator, Pick, Value};

impl fmt::Display for Generator {
    /// The right-hand side of `-- param NAME: …`. The statement of `result` is named by its position,
    /// as a statement without a name is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform { lo, hi } => write!(f, "uniform {lo} {hi}"),
            &Self::UniformDecimal { lo, hi, scale } => {
                let [lo, hi] = [lo, hi].map(|unscaled| {
                    let bound = Value::Decimal { unscaled, scale };
                    bound.as_text().unwrap_or_default()
                });
                write!(f, "uniform {lo} {hi}")
            }
            Self::Zipf { lo, hi, s } => write!(f, "zipf {lo} {hi} {s}"),
            Self::Exponential { lo, hi, parameter } => {
                write!(f, "exponential {lo} {hi} {parameter}")
            }
            Self::Gaussian { lo, hi, parameter } => write!(f, "gaussian {lo} {hi} {parameter}"),
            Self::Choice { values } => {
                f.write_str("choice")?;
                for (value, weight) in values {
                    write!(f, " '{}'", value.replace('\'', "''"))?;
                    if *weight != 1 {
                        write!(f, ":{weight}")?;
                    }
                }
                Ok(())
            }
            Self::Sequence { start, step: 1 } => write!(f, "sequence {start}"),
            Self::Sequence { start, step } => write!(f, "sequence {start} {step}"),
            Self::SequenceAfter { column, step: 1 } => write!(f, "sequence after {column}"),
            Self::SequenceAfter { column, step } => write!(f, "sequence after {column} {step}"),
            Self::Text { length } => write!(f, "text {length}"),
            Self::Uuid => f.write_str("uuid"),
            Self::Timestamp { from, to } => {
                write!(f, "timestamp {} {}", Moment(*from), Moment(*to))
            }
            Self::Column { column, nulls } => write!(f, "column {column}{}", with_nulls(*nulls)),
            Self::Statistics { column, nulls } => {
                write!(f, "statistics {column}{}", with_nulls(*nulls))
            }
            Self::Range { column, share } => write!(f, "range {column} {share}"),
            Self::Prefix { column, length } => write!(f, "prefix {column} {length}"),
            Self::Array { column, count } => write!(f, "array {column} {count}"),
            Self::Row {
                table,
                columns,
                nulls,
            } => {
                let columns: Vec<String> = columns.iter().map(|c| shown(c)).collect();
                write!(
                    f,
                    "row {table}({}){}",
                    columns.join(", "),
                    with_nulls(*nulls)
                )
            }
            Self::FromResult {
                statement,
                column,
                pick,
            } => {
                let pick = match pick {
                    Pick::First => "first",
                    Pick::Random => "random",
                    Pick::Last => "last",
                };
                write!(f, "result statement {}.{column} {pick}", statement + 1)
            }
        }
    }
}

fn with_nulls(nulls: bool) -> &'static str {
    if nulls { " with nulls" } else { "" }
}

/// A moment of PostgreSQL's count.
struct Moment(i64);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.saturating_add(POSTGRES_EPOCH);
        match Timestamp::from_microsecond(micros) {
            Ok(moment) => write!(f, "{moment}"),
            Err(_) => write!(f, "{micros}"),
        }
    }
}
