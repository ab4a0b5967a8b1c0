//! Text from servers and files, made safe to show.
//!
//! Names, queries and error messages are other people's bytes. A terminal would obey escape
//! sequences in them, and bidirectional controls can make SQL read as something it is not
//! (Boucher and Anderson, "Trojan Source", 2021, <https://trojansource.codes>).

/// Takes out escape sequences, control characters and invisible format characters. Line breaks and
/// tabs become blanks.
pub(super) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_csi(&mut chars),
            '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                out.push(' ');
            }
            c if c.is_control() || is_invisible(c) => {}
            c => out.push(c),
        }
    }
    out
}

/// [`clean`], with what dbperf itself writes beyond ASCII spelled out where the terminal has no
/// Unicode. Names from the server are left as they are.
pub(super) fn plain(text: &str, unicode: bool) -> String {
    let cleaned = clean(text);
    if unicode || cleaned.is_ascii() {
        return cleaned;
    }
    let mut out = String::with_capacity(cleaned.len());
    for c in cleaned.chars() {
        match c {
            '±' => out.push_str("+/-"),
            '…' => out.push_str("..."),
            'µ' | 'μ' => out.push('u'),
            '≥' => out.push_str(">="),
            '≤' => out.push_str("<="),
            '≈' => out.push('~'),
            '→' => out.push_str("->"),
            '×' => out.push('x'),
            'Σ' => out.push_str("sum of "),
            'Δ' => out.push_str("change of "),
            '–' | '—' | '−' | '·' => out.push('-'),
            '‘' | '’' => out.push('\''),
            '“' | '”' => out.push('"'),
            c => out.push(c),
        }
    }
    out
}

/// Characters that take no place and change how their neighbours are read: zero-width characters,
/// joiners, bidirectional controls, variation selectors, tags.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// The rest of an escape sequence (ECMA-48): `[` begins a control sequence, anything else is one
/// more character. The body of a control string stays as text: to skip to a terminator that may
/// never come would let a name hide the rest of a line.
fn skip_escape(chars: &mut Chars<'_>) {
    if chars.next_if_eq(&'[').is_some() {
        skip_csi(chars);
    } else {
        chars.next_if(|c| c.is_ascii() && !c.is_ascii_control());
    }
}

/// Parameters and the final byte of a control sequence.
fn skip_csi(chars: &mut Chars<'_>) {
    while chars
        .next_if(|c| matches!(c, '\u{20}'..='\u{3f}'))
        .is_some()
    {}
    chars.next_if(|c| matches!(c, '\u{40}'..='\u{7e}'));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_leave_nothing_behind() {
        assert_eq!(clean("a\u{1b}[31;1mred\u{1b}[0m b"), "ared b");
        assert_eq!(clean("\u{1b}]0;title\u{7}x"), "0;titlex");
        assert_eq!(clean("\u{1b}]8;;http://e\u{1b}\\x"), "8;;http://ex");
        assert_eq!(clean("\u{9b}2Jx"), "x");
        assert_eq!(clean("end\u{1b}"), "end");
    }

    #[test]
    fn lines_are_folded_and_invisible_characters_go() {
        assert_eq!(clean("a\r\nb\tc\0d"), "a  b cd");
        assert_eq!(clean("user\u{202e}nimda\u{2066} \u{200b}x"), "usernimda x");
        assert_eq!(clean("Füße 漢字 😀"), "Füße 漢字 😀");
    }

    #[test]
    fn ascii_spells_out_our_own_signs_and_keeps_names() {
        assert_eq!(
            plain("61 ± 4 % · ≥ 3 µs …", false),
            "61 +/- 4 % - >= 3 us ..."
        );
        assert_eq!(plain("Füße", false), "Füße");
        assert_eq!(plain("61 ± 4 %", true), "61 ± 4 %");
    }
}
