//! The right-hand side of `-- param NAME: …`.

use crate::workload::Generator;

/// Digits behind the point that a decimal generator may have; more would not fit 64 bits.
const MAX_SCALE: usize = 9;

/// Reads the right-hand side of `-- param NAME: …`.
pub(super) fn generator(text: &str) -> Result<Generator, String> {
    let words = words(text)?;
    let plain: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
    match plain.as_slice() {
        ["uniform", lo, hi] => uniform(lo, hi),
        ["zipf", lo, hi, s] => {
            let (lo, hi) = (integer(lo)?, integer(hi)?);
            ordered(lo, hi)?;
            let s: f64 = s
                .parse()
                .ok()
                .filter(|s: &f64| s.is_finite() && *s > 0.0)
                .ok_or_else(|| {
                    format!("`zipf` expects an exponent above 0 as its third argument, found `{s}`")
                })?;
            Ok(Generator::Zipf { lo, hi, s })
        }
        ["choice", ..] if words.len() > 1 => {
            let values = words[1..].iter().map(|(word, bare)| choice(word, *bare));
            let values = values.collect::<Result<Vec<_>, _>>()?;
            if values
                .iter()
                .map(|(_, weight)| u64::from(*weight))
                .sum::<u64>()
                > u64::from(u32::MAX)
            {
                return Err("the weights of `choice` add up to more than 4294967295".to_owned());
            }
            Ok(Generator::Choice { values })
        }
        ["sequence", start] => Ok(Generator::Sequence {
            start: integer(start)?,
        }),
        ["text", length] => {
            let length = length
                .parse()
                .map_err(|_| format!("`text` expects a number of characters, found `{length}`"))?;
            Ok(Generator::Text { length })
        }
        _ => Err(format!(
            "expected `uniform LO HI`, `zipf LO HI S`, `choice VALUE[:WEIGHT] …`, `sequence START` or \
             `text N`, found `{text}`"
        )),
    }
}

fn integer(text: &str) -> Result<i64, String> {
    text.parse()
        .map_err(|_| format!("expected a whole number, found `{text}`"))
}

fn ordered(lo: i64, hi: i64) -> Result<(), String> {
    if lo <= hi {
        return Ok(());
    }
    Err("the first bound is above the second".to_owned())
}

fn uniform(lo: &str, hi: &str) -> Result<Generator, String> {
    let digits = |text: &str| text.split_once('.').map_or(0, |(_, part)| part.len());
    let scale = digits(lo).max(digits(hi));
    if scale == 0 {
        let (lo, hi) = (integer(lo)?, integer(hi)?);
        ordered(lo, hi)?;
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
    let (lo, hi) = (unscaled(lo)?, unscaled(hi)?);
    ordered(lo, hi)?;
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
