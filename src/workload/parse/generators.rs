//! The right-hand side of `-- param NAME: …`.

use jiff::Timestamp;

use crate::workload::value::POSTGRES_EPOCH;
use crate::workload::{Generator, Pick, names};

/// Digits behind the point that a decimal generator may have; more would not fit 64 bits.
const MAX_SCALE: usize = 9;

/// Longest generated text; what is longer than PostgreSQL's limit of a value (1 GB) is of no use, and
/// one of this length is drawn for every request.
const MAX_TEXT: usize = 10_000_000;

/// Most characters of a prefix and most elements of an array.
const MAX_COUNT: u32 = 10_000;

/// The right-hand side of a `-- param` line.
#[derive(Debug, PartialEq)]
pub(in crate::workload) struct Written {
    /// The generator; of `result` its statement is not known yet.
    pub(in crate::workload) generator: Generator,
    /// Name of the statement of `result`.
    pub(super) of_statement: Option<String>,
}

/// What a generator may be, for the message of an unknown one.
const GENERATORS: &str = "`uniform LO HI`, `zipf LO HI S`, `exponential LO HI P`, `gaussian LO HI P`, \
    `choice VALUE[:WEIGHT] …`, `sequence START [STEP]`, `sequence after TABLE.COLUMN [STEP]`, `text N`, \
    `uuid`, `timestamp FROM TO`, `column TABLE.COLUMN`, `statistics TABLE.COLUMN`, \
    `range TABLE.COLUMN SHARE`, `prefix TABLE.COLUMN LENGTH`, `array TABLE.COLUMN COUNT`, \
    `row TABLE(COLUMN, …)` or `result STATEMENT.COLUMN [first|random|last]`";

/// Reads the right-hand side of `-- param NAME: …`.
pub(in crate::workload) fn generator(text: &str) -> Result<Written, String> {
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    let mut of_statement = None;
    let generator = match first {
        "column" | "statistics" => {
            let (name, nulls) = with_nulls(rest);
            let column = names::column(name)?;
            if first == "column" {
                Generator::Column { column, nulls }
            } else {
                Generator::Statistics { column, nulls }
            }
        }
        "row" => {
            let (table, columns, behind) = names::table_with_columns(rest)?;
            let nulls = match behind.trim() {
                "" => false,
                "with nulls" => true,
                other => {
                    return Err(format!(
                        "expected nothing or `with nulls` behind the columns, found `{other}`"
                    ));
                }
            };
            Generator::Row {
                table,
                columns,
                nulls,
            }
        }
        "range" => {
            let (name, share) = rest.rsplit_once(char::is_whitespace).unwrap_or((rest, ""));
            let parsed = share.parse().ok().filter(|s: &f64| *s > 0.0 && *s <= 1.0);
            let share = parsed.ok_or_else(|| {
                format!("`range` expects TABLE.COLUMN and a share above 0 and at most 1, such as 0.01, found `{rest}`")
            })?;
            Generator::Range {
                column: names::column(name.trim())?,
                share,
            }
        }
        "sequence" if rest.starts_with("after ") => sequence_after(&rest["after ".len()..])?,
        "prefix" | "array" => {
            let (name, number) = rest.rsplit_once(char::is_whitespace).unwrap_or((rest, ""));
            let parsed = number
                .parse()
                .ok()
                .filter(|n: &u32| (1..=MAX_COUNT).contains(n));
            let number = parsed.ok_or_else(|| {
                format!("`{first}` expects TABLE.COLUMN and a whole number from 1 to {MAX_COUNT}, found `{rest}`")
            })?;
            let column = names::column(name.trim())?;
            if first == "prefix" {
                Generator::Prefix {
                    column,
                    length: number,
                }
            } else {
                Generator::Array {
                    column,
                    count: number,
                }
            }
        }
        "result" => {
            let (statement, generator) = result(rest)?;
            of_statement = Some(statement);
            generator
        }
        _ => plain(text)?,
    };
    Ok(Written {
        generator,
        of_statement,
    })
}

/// `TABLE.COLUMN [STEP]`.
fn sequence_after(text: &str) -> Result<Generator, String> {
    let (column, step) = names::leading_column(text.trim())?;
    let step = match step.trim() {
        "" => 1,
        step => integer(step)?,
    };
    if step <= 0 {
        return Err("the step of `sequence after` is above 0".to_owned());
    }
    Ok(Generator::SequenceAfter { column, step })
}

/// Takes `with nulls` off the end.
fn with_nulls(text: &str) -> (&str, bool) {
    let cut = text.strip_suffix("nulls").map(str::trim_end);
    let cut = cut.and_then(|text| text.strip_suffix("with"));
    match cut {
        Some(name) if name.ends_with(char::is_whitespace) => (name.trim_end(), true),
        _ => (text, false),
    }
}

/// `STATEMENT.COLUMN [first|random|last]`.
fn result(text: &str) -> Result<(String, Generator), String> {
    let (name, pick) = match text.rsplit_once(char::is_whitespace) {
        Some((name, "first")) => (name, Pick::First),
        Some((name, "random")) => (name, Pick::Random),
        Some((name, "last")) => (name, Pick::Last),
        _ => (text, Pick::First),
    };
    let split = name.rsplit_once('.').map(|(s, c)| (s.trim(), c.trim()));
    let (statement, column) = split
        .filter(|(s, c)| !s.is_empty() && !c.is_empty())
        .ok_or_else(|| {
            format!("`result` expects STATEMENT.COLUMN and perhaps `first`, `random` or `last`, found `{text}`")
        })?;
    let generator = Generator::FromResult {
        statement: 0,
        column: column.to_owned(),
        pick,
    };
    Ok((statement.to_owned(), generator))
}

/// As many names as the generator draws values.
pub(super) fn check_width(generator: &Generator, names: usize) -> Result<(), String> {
    let width = generator.width();
    if width == names {
        return Ok(());
    }
    Err(match generator {
        Generator::Range { .. } => {
            format!(
                "`range` draws two values, as in `-- param from, to: range …`, found {names} names"
            )
        }
        Generator::Row { .. } => {
            format!("`row` draws one value per column: {width} columns, but {names} names")
        }
        _ => format!("only `row` and `range` draw several values together, found {names} names"),
    })
}

/// Generators whose arguments are words.
fn plain(text: &str) -> Result<Generator, String> {
    let words = words(text)?;
    let plain: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
    match plain.as_slice() {
        ["uniform", lo, hi] => uniform(lo, hi),
        ["zipf", lo, hi, s] => {
            let (lo, hi) = ordered(lo, hi)?;
            let s = above(s, 0.0).ok_or_else(|| {
                format!("`zipf` expects an exponent above 0 as its third argument, found `{s}`")
            })?;
            Ok(Generator::Zipf { lo, hi, s })
        }
        ["exponential", lo, hi, p] => {
            let (lo, hi) = ordered(lo, hi)?;
            let parameter = above(p, 0.0).ok_or_else(|| {
                format!(
                    "`exponential` expects a parameter above 0 as its third argument, found `{p}`"
                )
            })?;
            Ok(Generator::Exponential { lo, hi, parameter })
        }
        ["gaussian", lo, hi, p] => {
            let (lo, hi) = ordered(lo, hi)?;
            let parameter = above(p, 2.0 - f64::EPSILON).ok_or_else(|| {
                format!("`gaussian` expects a parameter of at least 2 as its third argument, found `{p}`")
            })?;
            Ok(Generator::Gaussian { lo, hi, parameter })
        }
        ["choice", ..] if words.len() > 1 => choices(&words[1..]),
        ["sequence", start] => Ok(Generator::Sequence {
            start: integer(start)?,
            step: 1,
        }),
        ["sequence", start, step] => {
            let step = Some(integer(step)?).filter(|step| *step != 0);
            let step = step.ok_or("the step of a sequence is not 0")?;
            Ok(Generator::Sequence {
                start: integer(start)?,
                step,
            })
        }
        ["text", length] => {
            let parsed = length.parse().ok().filter(|n| *n <= MAX_TEXT);
            let length = parsed.ok_or_else(|| {
                format!(
                    "`text` expects a number of characters, at most {MAX_TEXT}, found `{length}`"
                )
            })?;
            Ok(Generator::Text { length })
        }
        ["uuid"] => Ok(Generator::Uuid),
        ["timestamp", from, to] => {
            let (from, to) = (moment(from)?, moment(to)?);
            if to < from {
                return Err("the first moment is after the second".to_owned());
            }
            Ok(Generator::Timestamp { from, to })
        }
        _ => Err(format!("expected {GENERATORS}, found `{text}`")),
    }
}

fn choices(words: &[(String, usize)]) -> Result<Generator, String> {
    let values = words.iter().map(|(word, bare)| choice(word, *bare));
    let values = values.collect::<Result<Vec<_>, _>>()?;
    let weights = values.iter().map(|(_, weight)| u64::from(*weight));
    if weights.sum::<u64>() > u64::from(u32::MAX) {
        return Err("the weights of `choice` add up to more than 4294967295".to_owned());
    }
    Ok(Generator::Choice { values })
}

/// A finite number above `least`.
fn above(text: &str, least: f64) -> Option<f64> {
    text.parse()
        .ok()
        .filter(|n: &f64| n.is_finite() && *n > least)
}

/// A moment in UTC: `2024-05-01`, `'2024-05-01 12:00'`, or with an offset.
fn moment(text: &str) -> Result<i64, String> {
    let civil = || -> Option<Timestamp> {
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    let moment = text.parse::<Timestamp>().ok().or_else(civil);
    let moment = moment.ok_or_else(|| {
        format!("expected a moment such as 2024-05-01 or '2024-05-01 12:00:00', found `{text}`")
    })?;
    Ok(moment.as_microsecond().saturating_sub(POSTGRES_EPOCH))
}

fn integer(text: &str) -> Result<i64, String> {
    text.parse()
        .map_err(|_| format!("expected a whole number, found `{text}`"))
}

fn ordered(lo: &str, hi: &str) -> Result<(i64, i64), String> {
    not_above(integer(lo)?, integer(hi)?)
}

fn not_above(lo: i64, hi: i64) -> Result<(i64, i64), String> {
    if lo <= hi {
        return Ok((lo, hi));
    }
    Err("the first bound is above the second".to_owned())
}

fn uniform(lo: &str, hi: &str) -> Result<Generator, String> {
    let digits = |text: &str| text.split_once('.').map_or(0, |(_, part)| part.len());
    let scale = digits(lo).max(digits(hi));
    if scale == 0 {
        let (lo, hi) = ordered(lo, hi)?;
        return Ok(Generator::Uniform { lo, hi });
    }
    let unscaled = |text: &str| {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{whole}{part}{}", "0".repeat(scale - part.len()));
        digits
            .parse::<i64>()
            .map_err(|_| format!("expected a number, found `{text}`"))
    };
    if scale > MAX_SCALE {
        return Err(format!(
            "at most {MAX_SCALE} digits behind the point are supported"
        ));
    }
    let (lo, hi) = not_above(unscaled(lo)?, unscaled(hi)?)?;
    #[expect(clippy::cast_possible_truncation, reason = "at most MAX_SCALE")]
    let scale = scale as u32;
    Ok(Generator::UniformDecimal { lo, hi, scale })
}

/// `value` or `value:weight`; `bare` is where the part behind the quotes begins.
fn choice(word: &str, bare: usize) -> Result<(String, u32), String> {
    match word[bare..].rsplit_once(':') {
        None => Ok((word.to_owned(), 1)),
        Some((rest, weight)) => {
            let value = format!("{}{rest}", &word[..bare]);
            let weight = weight.parse().ok().filter(|w| *w > 0).ok_or_else(|| {
                format!(
                    "`choice` expects VALUE or VALUE:WEIGHT with a weight of at least 1, found weight \
                     `{weight}`; quote a value that has a colon"
                )
            })?;
            Ok((value, weight))
        }
    }
}

/// Splits at blanks outside of single quotes, and takes the quotes off. With each word goes the
/// offset in it where its last quote ended.
fn words(text: &str) -> Result<Vec<(String, usize)>, String> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return Ok(words);
        }
        let (mut word, mut bare) = (String::new(), 0);
        while let Some(c) = chars.next_if(|c| !c.is_whitespace()) {
            if c != '\'' {
                word.push(c);
                continue;
            }
            loop {
                match chars.next() {
                    None => return Err(format!("a quote in `{text}` is not closed")),
                    Some('\'') if chars.next_if_eq(&'\'').is_none() => break,
                    Some(inner) => word.push(inner),
                }
            }
            bare = word.len();
        }
        words.push((word, bare));
    }
}
