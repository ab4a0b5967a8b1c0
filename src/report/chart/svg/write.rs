//! The words of an SVG: numbers, text that cannot become markup, and how much room it takes.

use std::fmt::{self, Write as _};

use crate::report::clean::clean;
use crate::report::format::one_line;
use crate::report::text::{cut, width};

/// A letter of the twelve-point font is about as wide; nobody knows which font the reader has.
const LETTER: f64 = 6.8;

/// A straight line.
pub(super) fn line(out: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    add(
        out,
        format_args!(
            "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>\n",
            from.0, from.1, to.0, to.1
        ),
    );
}

/// Text that is escaped already.
pub(super) fn text(out: &mut String, class: &str, anchor: &str, at: (f64, f64), words: &str) {
    let (x, y) = at;
    add(
        out,
        format_args!(
            "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>\n"
        ),
    );
}

/// About how wide the words are.
pub(super) fn letters(words: &str) -> f64 {
    width(words) as f64 * LETTER
}

/// Whole units of the picture.
pub(super) fn whole(length: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of floats saturates"
    )]
    let units = length as usize;
    units
}

/// The words in one line, cut at their room; `larger` is the size of their font over that of the others.
pub(super) fn cut_to(words: &str, room: f64, larger: f64) -> String {
    cut(
        &one_line(&clean(words)),
        whole(room / LETTER / larger),
        true,
    )
}

pub(super) fn fitting(words: &str, room: f64, larger: f64) -> String {
    escape(&cut_to(words, room, larger))
}

/// Text of which no character is markup. Two characters that XML 1.0 has no place for are left out with the controls.
pub(super) fn escape(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for c in one_line(&clean(words)).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c => out.push(c),
        }
    }
    out
}

/// Appends formatted text; writing into memory cannot fail.
pub(super) fn add(out: &mut String, text: fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}
