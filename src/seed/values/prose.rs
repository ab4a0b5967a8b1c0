//! Sentences: pieces of one long text that is made once.

use std::sync::LazyLock;

use super::mix::{below, index, mix};
use super::pools;

/// How long the text is.
const LENGTH: usize = 1 << 16;

/// A long text and where its words end.
struct Prose {
    text: Vec<u8>,
    /// For every place, the nearest end of a word.
    ends: Vec<u32>,
    /// Where words start.
    starts: Vec<u32>,
}

static PROSE: LazyLock<Prose> = LazyLock::new(|| {
    let mut text = Vec::with_capacity(LENGTH + 64);
    let (mut starts, mut word_ends) = (Vec::new(), Vec::new());
    let mut left = 0;
    let mut number = 0;
    while text.len() < LENGTH {
        number += 1;
        let pool = if left == 0 {
            &pools::WORD_CAPITAL
        } else {
            &pools::WORD
        };
        if left == 0 {
            left = 4 + index(mix(11, number), 9);
        }
        starts.push(u32::try_from(text.len()).unwrap_or(0));
        text.extend_from_slice(pool.get(index(mix(12, number), pool.len())));
        left -= 1;
        word_ends.push(text.len());
        text.extend_from_slice(if left == 0 { b". " } else { b" " });
    }
    let mut ends = Vec::with_capacity(text.len());
    let mut next = 0;
    for place in 0..text.len() {
        while next + 1 < word_ends.len()
            && word_ends[next + 1].abs_diff(place) < word_ends[next].abs_diff(place)
        {
            next += 1;
        }
        ends.push(u32::try_from(word_ends[next]).unwrap_or(0));
    }
    Prose { text, ends, starts }
});

/// Appends words, of about so many bytes and never more than `most`; a text that is longer than the long one takes
/// several pieces of it.
pub(super) fn write(length: usize, most: usize, mixed: u64, out: &mut Vec<u8>) {
    let prose = &*PROSE;
    let most = out.len() + most;
    let mut left = length;
    let mut mixed = mixed;
    loop {
        let piece = left.min(LENGTH / 2);
        let half = prose.starts.len() as u64 / 2;
        let start = prose.starts[usize::try_from(below(mixed, half)).unwrap_or(0)] as usize;
        let end = prose.ends[(start + piece).min(prose.ends.len() - 1)] as usize;
        if end <= start {
            return;
        }
        if out.len() + (end - start) > most {
            // One word too many: up to the end of the one before.
            let cut = prose.text[start..start + (most - out.len())]
                .iter()
                .rposition(|byte| *byte == b' ')
                .unwrap_or(0);
            out.extend_from_slice(trimmed(&prose.text[start..start + cut]));
            return;
        }
        out.extend_from_slice(&prose.text[start..end]);
        left = left.saturating_sub(end - start + 1);
        if left < 32 || out.len() + 1 >= most {
            return;
        }
        out.push(b' ');
        mixed = mix(13, mixed);
    }
}

fn trimmed(text: &[u8]) -> &[u8] {
    text.trim_ascii_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_have_about_their_length_and_never_more_than_allowed() {
        for length in [10_usize, 40, 200, 5_000, 200_000] {
            let mut total = 0;
            for number in 0..200 {
                let mut out = Vec::new();
                write(length, length + 3, mix(1, number), &mut out);
                assert!(
                    out.len() <= length + 3 && !out.ends_with(b" "),
                    "{}",
                    out.len()
                );
                total += out.len();
            }
            let mean = total as f64 / 200.0;
            assert!(
                (mean / length as f64 - 1.0).abs() < 0.2,
                "{mean} of {length}"
            );
        }
    }
}
