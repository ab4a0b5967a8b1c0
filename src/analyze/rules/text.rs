//! Words for findings: short texts, numbers with units.

/// Characters of a statement's text in a title.
const TITLE_CHARS: usize = 60;

/// A text on one line: white space and control characters become one space, and what is longer
/// than 60 characters is cut.
#[must_use]
pub fn one_line(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let words: Vec<&str> = clean.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= TITLE_CHARS {
        return line;
    }
    let cut: String = line.chars().take(TITLE_CHARS - 1).collect();
    format!("{cut}…")
}

/// A size in the largest binary unit of which there is at least one.
#[must_use]
pub fn size(bytes: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} bytes")
    } else {
        format!("{value:.1} {}", units[unit])
    }
}

/// A share in per cent.
#[must_use]
pub fn percent(ratio: f64) -> String {
    format!("{:.1} %", 100.0 * ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_fits_a_title() {
        assert_eq!(one_line("select\n\t1\u{1b}[0m"), "select 1 [0m");
        let long = one_line(&"ä".repeat(100));
        assert_eq!(long.chars().count(), TITLE_CHARS);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(size(512), "512 bytes");
        assert_eq!(size(20 << 20), "20.0 MiB");
        assert_eq!(percent(0.1234), "12.3 %");
    }
}
