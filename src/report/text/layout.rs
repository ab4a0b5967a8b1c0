//! Widths of text in terminal columns.

use unicode_width::UnicodeWidthStr;

/// Columns that a clean text takes. East Asian wide characters take two, combining ones none.
pub(in crate::report) fn width(text: &str) -> usize {
    text.width()
}

/// The text padded on the right.
pub(super) fn pad_right(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// The text padded on the left.
pub(super) fn pad_left(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))))
}

/// The longest beginning of a text that fits, in bytes. Widths are taken of whole beginnings, as
/// neighbours can change each other's width.
fn fitting(text: &str, columns: usize) -> usize {
    let mut end = 0;
    for (start, c) in text.char_indices() {
        let next = start + c.len_utf8();
        if width(&text[..next]) > columns {
            break;
        }
        end = next;
    }
    end
}

/// The text, cut with an ellipsis where it is too long.
pub(in crate::report) fn cut(text: &str, columns: usize, unicode: bool) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mark = if unicode { "…" } else { "..." };
    if columns <= mark.len() {
        return text[..fitting(text, columns)].to_owned();
    }
    let end = fitting(text, columns - width(mark));
    format!("{}{mark}", text[..end].trim_end())
}

/// The text, cut in the middle where it is too long: of `GET /lords/architect/initiatives` the
/// end tells most, of an index's name too.
pub(super) fn cut_middle(text: &str, columns: usize, unicode: bool) -> String {
    let mark = if unicode { "…" } else { "..." };
    if width(text) <= columns || columns < width(mark) + 4 {
        return cut(text, columns, unicode);
    }
    let room = columns - width(mark);
    let head = fitting(text, room / 2);
    let room = room - width(&text[..head]);
    let tail = text
        .char_indices()
        .map(|(start, _)| start)
        .find(|start| *start >= head && width(&text[*start..]) <= room)
        .unwrap_or(text.len());
    format!("{}{mark}{}", &text[..head], &text[tail..])
}

/// Lines of at most `columns`, broken at blanks; a word that is longer than a line is broken where
/// the line ends. A number stays with its unit. Never empty.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(2);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in words(text, columns) {
        let mut word = word.as_str();
        let gap = usize::from(!line.is_empty());
        if width(&line) + gap + width(word) <= columns {
            if gap == 1 {
                line.push(' ');
            }
            line.push_str(word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        while width(word) > columns {
            // A wide character fits two columns, so every turn takes at least one.
            let end = fitting(word, columns).max(word.chars().next().map_or(1, char::len_utf8));
            lines.push(word[..end].to_owned());
            word = &word[end..];
        }
        line.push_str(word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// Words; a unit belongs to the number before it, `±` to both sides.
fn words(text: &str, columns: usize) -> Vec<String> {
    const UNITS: [&str; 13] = [
        "ms", "s", "µs", "us", "min", "%", "B", "KiB", "MiB", "GiB", "TiB", "±", "+/-",
    ];
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let bare = word.trim_end_matches([',', '.', ';', ':', ')']);
        if let Some(last) = words.last_mut() {
            let number = last.ends_with(|c: char| c.is_ascii_digit());
            let sign = last.ends_with('±') || last.ends_with("+/-");
            let sign = sign || matches!(last.as_str(), "<" | ">" | "≥" | "≤" | ">=" | "<=");
            let together = (number && UNITS.contains(&bare)) || sign;
            if together && width(last) + 1 + width(word) <= columns {
                last.push(' ');
                last.push_str(word);
                continue;
            }
        }
        words.push(word.to_owned());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_break_at_blanks_and_numbers_keep_their_unit() {
        assert_eq!(
            wrap("takes 31.2 ms, or 61 ± 4 % of it", 12),
            ["takes", "31.2 ms, or", "61 ± 4 % of", "it"]
        );
        assert_eq!(wrap("", 10), [""]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
    }

    #[test]
    fn a_cut_says_so() {
        assert_eq!(cut("select * from tasks", 10, true), "select *…");
        assert_eq!(cut("select * from tasks", 10, false), "select...");
        assert_eq!(cut("tasks", 5, true), "tasks");
        assert_eq!(cut("漢字漢字", 4, true), "漢…");
        assert_eq!(
            cut_middle("GET /lords/architect/initiatives", 21, true),
            "GET /lords…nitiatives"
        );
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_asked(text in "\\PC{0,60}", columns in 2_usize..40) {
            let text = crate::report::clean::clean(&text);
            for line in wrap(&text, columns) {
                prop_assert!(width(&line) <= columns, "{line:?}");
            }
            for unicode in [true, false] {
                prop_assert!(width(&cut(&text, columns, unicode)) <= columns);
                prop_assert!(width(&cut_middle(&text, columns, unicode)) <= columns);
            }
        }
    }
}
