//! Texts that match regular expressions.
//!
//! An expression is unfolded into strings of classes of characters, each of one length, no two of which can give the
//! same text: so texts can be counted. Whatever comes of it is tried on the expressions before it is used.

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::ask::{Ask, Unfillable};
use super::fit::Lengths;
use super::ladder::{Ladder, Plan};
use super::template::{Part, Template};
use super::text::plan_over;

/// Strings of classes that an expression is unfolded into at most.
const WIDEST: usize = 400;
/// Repetitions without an end are unfolded so many times beyond their least.
const BEYOND: u32 = 12;
/// Texts of each string of classes that are tried.
const TRIED: u64 = 200;

/// The expressions that texts must match.
#[derive(Debug, Clone)]
pub(super) struct Patterns {
    sources: Vec<String>,
    compiled: Vec<Regex>,
}

/// Makes texts that match.
#[derive(Debug, Clone)]
pub(super) struct Matching {
    templates: Vec<Template>,
    /// Position of the first text of each.
    starts: Vec<u64>,
    ladder: Ladder,
    seed: u64,
}

/// Classes of characters, one for each place.
type Classes = Vec<Vec<u8>>;

impl Patterns {
    /// PostgreSQL's expressions, so far as they mean the same here.
    pub(super) fn new(patterns: &[String]) -> Result<Self, Unfillable> {
        let mut sources = Vec::new();
        let mut compiled = Vec::new();
        for pattern in patterns {
            let own = translated(pattern);
            let regex = RegexBuilder::new(&own).dot_matches_new_line(true).build();
            compiled.push(
                regex.map_err(|_| {
                    Unfillable(format!("the pattern {pattern:?} is not understood"))
                })?,
            );
            sources.push(own);
        }
        Ok(Self { sources, compiled })
    }

    /// Whether a text matches all.
    pub(super) fn hold(&self, text: &[u8]) -> bool {
        std::str::from_utf8(text)
            .is_ok_and(|text| self.compiled.iter().all(|regex| regex.is_match(text)))
    }

    /// Texts that match.
    pub(super) fn matching(&self, lengths: Lengths, ask: &Ask<'_>) -> Result<Matching, Unfillable> {
        let mut best: Option<Matching> = None;
        for source in &self.sources {
            let Some(strings) = unfolded_whole(source) else {
                continue;
            };
            if let Some(matching) = self.of(strings, lengths, ask)
                && best
                    .as_ref()
                    .is_none_or(|best| matching.distinct() > best.distinct())
            {
                best = Some(matching);
            }
        }
        let pattern = self.sources.first().map_or("", String::as_str);
        best.ok_or_else(|| {
            Unfillable(format!(
                "no text was found that matches {pattern:?} and all else that is asked of it"
            ))
        })
    }

    fn of(&self, mut strings: Vec<Classes>, lengths: Lengths, ask: &Ask<'_>) -> Option<Matching> {
        strings.retain(|string| {
            (lengths.least..=lengths.most).contains(&string.len()) && self.try_out(string, ask)
        });
        // Those of about the mean length first, where it is known; else short ones.
        let mean = lengths.mean.unwrap_or(8.0);
        strings.sort_by(|one, other| {
            let distance = |string: &Classes| (string.len() as f64 - mean).abs();
            distance(one)
                .total_cmp(&distance(other))
                .then_with(|| one.cmp(other))
        });
        let wanted = ask.distinct.max(1).saturating_add(ask.avoid.len() as u64);
        let mut kept: Vec<Classes> = Vec::new();
        let mut room = 0_u64;
        for string in strings {
            // Two more than needed, so that lengths vary where they may.
            if room >= wanted.saturating_mul(4) && kept.len() > 2 {
                break;
            }
            if kept.iter().all(|other| apart(other, &string)) {
                room = room.saturating_add(Part::Classes(string.clone().into()).count());
                kept.push(string);
            }
        }
        kept.sort_unstable();
        let templates: Vec<Template> = kept
            .into_iter()
            .map(|string| Template::new(vec![Part::Classes(string.into())]))
            .collect();
        Matching::new(templates, ask)
    }

    /// Tries texts of a string of classes, spread over all of them.
    fn try_out(&self, string: &Classes, ask: &Ask<'_>) -> bool {
        let template = Template::new(vec![Part::Classes(string.clone().into())]);
        let count = template.capacity().min(TRIED);
        let mut text = Vec::new();
        (0..count).all(|number| {
            text.clear();
            let position = u64::try_from(
                u128::from(number) * u128::from(template.capacity() - 1)
                    / u128::from(count.max(2) - 1),
            );
            template.write(
                position.unwrap_or(0).min(template.capacity() - 1),
                ask.seed,
                number,
                &mut text,
            );
            self.hold(&text)
        })
    }
}

impl Matching {
    fn new(templates: Vec<Template>, ask: &Ask<'_>) -> Option<Self> {
        let mut starts = Vec::with_capacity(templates.len());
        let mut start = 0_u64;
        for template in &templates {
            starts.push(start);
            start = start.checked_add(template.capacity())?;
        }
        let mut matching = Self {
            templates,
            starts,
            ladder: Ladder::even(0, 0, &Plan::default()),
            seed: ask.seed,
        };
        let plan = plan_over(ask, start, |value| matching.read(value));
        // As many texts of each string of classes as of the others, up to the very last.
        let bounds = matching
            .starts
            .iter()
            .copied()
            .chain([start.saturating_sub(1)])
            .map(i128::from);
        let mut bounds: Vec<i128> = bounds.collect();
        bounds.dedup();
        matching.ladder = Ladder::over(&bounds, &plan);
        (start > 0 && matching.ladder.distinct() > 0).then_some(matching)
    }

    pub(super) fn distinct(&self) -> u64 {
        self.ladder.distinct()
    }

    pub(super) fn write(&self, ordinal: u64, out: &mut Vec<u8>) {
        let position = u64::try_from(self.ladder.position(ordinal)).unwrap_or(0);
        let place = self
            .starts
            .partition_point(|start| *start <= position)
            .max(1)
            - 1;
        self.templates[place].write(position - self.starts[place], self.seed, ordinal, out);
    }

    fn read(&self, text: &[u8]) -> Vec<u64> {
        let all = self.templates.iter().zip(&self.starts);
        all.flat_map(|(template, start)| {
            template
                .read(text, false)
                .into_iter()
                .map(move |place| place + start)
        })
        .collect()
    }
}

/// Escapes that PostgreSQL calls by other names: the end of all, and edges of words.
fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        out.push(c);
        if c != '\\' {
            continue;
        }
        match chars.next() {
            Some('Z') => out.push('z'),
            Some('y') => out.push('b'),
            Some('Y') => out.push('B'),
            Some('m') => out.push_str("b{start}"),
            Some('M') => out.push_str("b{end}"),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

/// Strings of classes of an expression, letters before or behind them where it is not anchored.
fn unfolded_whole(pattern: &str) -> Option<Vec<Classes>> {
    let hir = regex_syntax::ParserBuilder::new()
        .dot_matches_new_line(true)
        .build()
        .parse(pattern)
        .ok()?;
    let (starts, ends) = (
        hir.properties().look_set_prefix(),
        hir.properties().look_set_suffix(),
    );
    let own = unfolded(&hir)?;
    let free = || -> Vec<Classes> {
        (0..=BEYOND as usize)
            .map(|length| vec![letters(); length])
            .collect()
    };
    if !ends.contains(Look::End) {
        return Some(product(own, &free()));
    }
    if !starts.contains(Look::Start) {
        return Some(product(free(), &own));
    }
    Some(own)
}

fn letters() -> Vec<u8> {
    (b'a'..=b'z').collect()
}

fn unfolded(hir: &Hir) -> Option<Vec<Classes>> {
    Some(match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![Vec::new()],
        HirKind::Literal(literal) => vec![literal.0.iter().map(|byte| vec![*byte]).collect()],
        HirKind::Class(class) => vec![vec![characters(class)?]],
        HirKind::Capture(capture) => unfolded(&capture.sub)?,
        HirKind::Alternation(all) => {
            let mut strings: Vec<Classes> = all.iter().filter_map(unfolded).flatten().collect();
            strings.truncate(WIDEST);
            if strings.is_empty() {
                return None;
            }
            strings
        }
        HirKind::Concat(all) => {
            let mut strings = vec![Vec::new()];
            for part in all {
                strings = product(strings, &unfolded(part)?);
            }
            strings
        }
        HirKind::Repetition(repetition) => {
            let inner = unfolded(&repetition.sub)?;
            let last = repetition
                .max
                .unwrap_or(u32::MAX)
                .min(repetition.min.max(1) + BEYOND);
            let mut strings = Vec::new();
            let mut own: Vec<Classes> = vec![Vec::new()];
            for count in 0..=last {
                if count >= repetition.min {
                    strings.extend(own.iter().cloned());
                }
                own = product(own, &inner);
            }
            strings
        }
    })
}

/// Every string of one joined to every string of the other, as many as are still few.
fn product(first: Vec<Classes>, second: &[Classes]) -> Vec<Classes> {
    if let ([only], true) = (second, !first.is_empty()) {
        return first
            .into_iter()
            .map(|string| [string, only.clone()].concat())
            .collect();
    }
    let mut strings: Vec<Classes> = Vec::new();
    // Short and long ones of both, should there be too many of them.
    let many = first.len() * second.len();
    let step = many.div_ceil(WIDEST).max(1);
    for number in (0..many).step_by(step) {
        let (one, other) = (
            &first[number / second.len()],
            &second[number % second.len()],
        );
        strings.push([one.as_slice(), other.as_slice()].concat());
    }
    strings
}

/// The printable characters of a class, plain ones if it has them.
fn characters(class: &Class) -> Option<Vec<u8>> {
    let within = |c: u8| match class {
        Class::Unicode(class) => class
            .iter()
            .any(|range| (range.start()..=range.end()).contains(&char::from(c))),
        Class::Bytes(class) => class
            .iter()
            .any(|range| (range.start()..=range.end()).contains(&c)),
    };
    let all: Vec<u8> = (b' '..=b'~').filter(|c| within(*c)).collect();
    // Nearly everything is allowed: small letters and digits do not look odd.
    let plain: Vec<u8> = if all.len() > 70 {
        all.iter()
            .copied()
            .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            .collect()
    } else if all.iter().any(u8::is_ascii_alphanumeric) {
        all.iter()
            .copied()
            .filter(u8::is_ascii_alphanumeric)
            .collect()
    } else {
        all
    };
    (!plain.is_empty()).then_some(plain)
}

/// Whether no text is both of one and of the other.
fn apart(one: &Classes, other: &Classes) -> bool {
    one.len() != other.len()
        || one
            .iter()
            .zip(other)
            .any(|(one, other)| one.iter().all(|byte| !other.contains(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::domain::Domain;
    use crate::seed::values::tests::{ask, base, values};

    fn made(pattern: &str, wanted: u64) -> Vec<String> {
        let domain = Domain {
            patterns: vec![pattern.into()],
            ..Domain::default()
        };
        let made = values(&ask("value", &base("text"), wanted, &domain));
        made.into_iter()
            .map(|text| String::from_utf8(text).unwrap())
            .collect()
    }

    #[test]
    fn texts_match_and_are_different() {
        for (pattern, wanted, count) in [
            (r"^[A-Z]{3}-[0-9]{6}$", 5_000, 5_000),
            (r"^[A-Z]{2}[0-9]$", 9_000, 6_760),
            (r"^\d{3}-\d{4}$", 100, 100),
            (r"^[^@]+@[^@]+\.[a-z]{2,}$", 1_000, 1_000),
            (r"^(red|green|blue)$", 10, 3),
            (r"^(a|ab)(c|bc)$", 10, 3),
            (r"^abc", 500, 500),
            (r"xyz$", 500, 500),
            (r"^\+?[1-9]\d{1,14}$", 2_000, 2_000),
            (r"^[^A-Z]*$", 2_000, 2_000),
            (r"^[^a-z]*$", 2_000, 2_000),
            (r"(?i)^sku-[a-f0-9]+$", 2_000, 2_000),
            (r"^https?://", 300, 300),
            // More texts than can be counted.
            (r"^[a-f0-9]{40}$", 3_000, 3_000),
            (r"^sha256:[a-z0-9]{64}$", 3_000, 3_000),
        ] {
            let texts = made(pattern, wanted);
            let patterns = Patterns::new(&[pattern.to_owned()]).unwrap();
            assert!(
                texts.iter().all(|text| patterns.hold(text.as_bytes())),
                "{pattern}"
            );
            let different: std::collections::HashSet<_> = texts.iter().collect();
            assert_eq!(different.len(), texts.len(), "{pattern}");
            assert_eq!(texts.len(), count, "{pattern}");
        }
    }

    #[test]
    fn long_texts_vary_up_to_their_end() {
        let texts = made(r"^[a-f0-9]{40}$", 1_000);
        for at in 0..40 {
            let digits: std::collections::HashSet<_> =
                texts.iter().map(|text| text.as_bytes()[at]).collect();
            assert_eq!(digits.len(), 16, "{at}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let domain = Domain {
            patterns: vec![r"^(a+)\1$".into()],
            ..Domain::default()
        };
        let type_ = base("text");
        let error = crate::seed::values::Maker::new(&ask("value", &type_, 5, &domain)).unwrap_err();
        assert!(error.0.contains("pattern"), "{error:?}");
    }
}
