//! What makes up a text of which nothing is known but its length and how many there are.

use std::sync::Arc;

use super::fit::{Lengths, fit};
use super::forms::GROW;
use super::mix::below;
use super::pools;
use super::template::{DIGITS_LOWER, LOWER, Part, Template, UPPER};
use super::words::Pool;

/// Every byte, for `bytea`.
pub(super) static BYTES: [u8; 256] = {
    let mut bytes = [0; 256];
    let mut byte = 0_u8;
    while byte < u8::MAX {
        byte += 1;
        bytes[byte as usize] = byte;
    }
    bytes
};

/// The case of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// That of the words.
    Own,
    /// Small ones.
    Lower,
    /// Capitals.
    Upper,
}

/// What stands behind a head that is different for every ordinal.
#[derive(Debug, Clone)]
pub(super) enum Filler {
    None,
    /// Words.
    Prose(Extent),
    /// Bytes of an alphabet.
    Noise(&'static [u8], Extent),
}

/// Lengths of whole texts, from half to three halves of the mean.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub(super) mean: f64,
    pub(super) lengths: Lengths,
}

impl Extent {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "lengths are small and not negative"
    )]
    pub(super) fn length(&self, mixed: u64) -> usize {
        // Thousandths, so that no rounding of a platform's decides.
        let mean = (self.mean * 1_000.0) as u64;
        let drawn = (mean / 2 + below(mixed, mean)) / 1_000;
        (drawn as usize).clamp(self.lengths.least, self.lengths.most)
    }
}

/// Characters only, for as many texts as are needed, if the lengths allow.
pub(super) fn code(
    alphabet: &'static [u8],
    mean: f64,
    lengths: Lengths,
    need: u64,
) -> (Template, Filler) {
    let mean = mean.clamp(lengths.least.max(1) as f64, lengths.most.max(1) as f64);
    let mut width = floor(mean);
    while width < lengths.most
        && Part::Digits(alphabet, u32::try_from(width).unwrap_or(0)).count() < need
    {
        width += 1;
    }
    let rest = mean - width as f64;
    let mut parts = vec![Part::Digits(alphabet, u32::try_from(width).unwrap_or(0))];
    if rest > 0.25 && width < lengths.most {
        // Of k + 1 ends one is empty.
        let ends = floor((rest / (1.0 - rest).max(0.02)).round()).clamp(1, alphabet.len());
        let ends = alphabet.iter().take(ends).map(|end| vec![*end]);
        parts.push(Part::Words(Pool::of(
            std::iter::once(Vec::new()).chain(ends),
        )));
    }
    (Template::new(parts), Filler::None)
}

/// A few words of no meaning, or what sounds like one, or letters.
pub(super) fn words_of(
    capital: bool,
    mean: Option<f64>,
    lengths: Lengths,
    need: u64,
    case: Case,
) -> (Template, Filler) {
    let first = if capital {
        &pools::WORD_CAPITAL
    } else {
        &pools::WORD
    };
    let word = &pools::WORD;
    let forms: [Vec<Part>; 3] = [
        vec![first.into()],
        vec![first.into(), " ".into(), word.into()],
        vec![
            first.into(),
            " ".into(),
            word.into(),
            " ".into(),
            word.into(),
        ],
    ];
    let fitting = forms
        .iter()
        .find_map(|form| fit(&cased(form, case), need, lengths, false));
    if let Some(template) = fitting {
        return (template, Filler::None);
    }
    let mean = mean.unwrap_or(8.0);
    let own: [&[u8]; 2] = if case == Case::Upper {
        [b"BDFGKLMNPRSTVZ", b"AEIOU"]
    } else {
        [b"bdfgklmnprstvz", b"aeiou"]
    };
    let width = floor(mean.round()).clamp(lengths.least.max(1), lengths.most.max(1));
    let mut classes: Vec<Vec<u8>> = (0..width).map(|at| own[at % 2].to_vec()).collect();
    if capital && case != Case::Lower {
        classes[0].make_ascii_uppercase();
    }
    let sounding = Part::Classes(classes.into());
    if sounding.count() / 2 >= need {
        return (Template::new(vec![sounding]), Filler::None);
    }
    code(
        if case == Case::Upper { UPPER } else { LOWER },
        mean,
        lengths,
        need,
    )
}

/// Bytes without a meaning: as many as tell the values apart, then more up to a length that varies.
pub(super) fn noise(alphabet: &'static [u8], lengths: Lengths, need: u64) -> (Template, Filler) {
    let lengths = Lengths {
        mean: lengths.mean.or(Some(
            32.0_f64.clamp(lengths.least as f64, lengths.most as f64),
        )),
        ..lengths
    };
    let width = (1..8)
        .find(|width| Part::Digits(alphabet, *width).count() / 16 >= need)
        .unwrap_or(7);
    let width = width.min(u32::try_from(lengths.most).unwrap_or(width));
    let head = Template::new(vec![Part::Digits(alphabet, width)]);
    (
        head,
        Filler::Noise(
            alphabet,
            Extent {
                mean: lengths.mean.unwrap_or(32.0),
                lengths,
            },
        ),
    )
}

/// Sentences: the first words tell the texts apart.
pub(super) fn prose(lengths: Lengths, need: u64) -> (Template, Filler) {
    let mean = lengths.mean.unwrap_or(80.0);
    for count in 1..8 {
        let mut form: Vec<Part> = vec![Part::from(&pools::WORD_CAPITAL)];
        for _ in 1..count {
            form.extend([Part::from(" "), Part::from(&pools::WORD)]);
        }
        let head = Lengths {
            least: 0,
            most: lengths.most,
            mean: None,
        };
        let Some(template) = fit(&form, need.saturating_mul(2), head, false) else {
            continue;
        };
        if template.lengths().1 > mean * 0.9 {
            break;
        }
        return (template, Filler::Prose(Extent { mean, lengths }));
    }
    // Too short for words.
    code(DIGITS_LOWER, mean, lengths, need)
}

pub(super) fn unknown() -> Vec<Vec<Part>> {
    let (segment, word) = (&pools::SEGMENT, &pools::WORD);
    vec![
        vec![word.into()],
        vec![segment.into(), " ".into(), word.into()],
        vec![
            segment.into(),
            " ".into(),
            word.into(),
            " ".into(),
            word.into(),
        ],
        vec![
            segment.into(),
            " ".into(),
            word.into(),
            " ".into(),
            word.into(),
            " ".into(),
            GROW,
        ],
    ]
}

/// The same with letters of one case.
pub(super) fn cased(form: &[Part], case: Case) -> Vec<Part> {
    let changed = |word: &[u8]| {
        let word = String::from_utf8_lossy(word);
        if case == Case::Lower {
            word.to_ascii_lowercase()
        } else {
            word.to_ascii_uppercase()
        }
    };
    let part = |part: &Part| match part {
        Part::Words(pool) if case != Case::Own => {
            Part::Words(Arc::new(Pool::new(pool.iter().map(changed))))
        }
        Part::Digits(alphabet, width) if case == Case::Lower && *alphabet == UPPER => {
            Part::Digits(LOWER, *width)
        }
        Part::Digits(alphabet, width) if case == Case::Upper && *alphabet == LOWER => {
            Part::Digits(UPPER, *width)
        }
        part => part.clone(),
    };
    form.iter().map(part).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "lengths are small and not negative"
)]
fn floor(value: f64) -> usize {
    value as usize
}
