//! The known name that is most like an unknown one.

/// Longest text that is compared; statements differ early enough.
const COMPARED_CHARS: usize = 200;

/// The candidate with the smallest edit distance (Levenshtein 1966), if at most half of the
/// longer text differs.
pub(super) fn nearest<'a>(
    wanted: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let shown = |text: &str| -> Vec<char> {
        text.chars()
            .take(COMPARED_CHARS)
            .flat_map(char::to_lowercase)
            .collect()
    };
    let target = shown(wanted);
    candidates
        .map(|text| {
            let other = shown(text);
            (
                distance(&target, &other),
                target.len().max(other.len()),
                text,
            )
        })
        .filter(|(distance, length, _)| distance * 2 <= *length)
        .min_by_key(|c| c.0)
        .map(|c| c.2)
}

fn distance(left: &[char], right: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, from) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in right.iter().enumerate() {
            let changed = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_its_name() {
        let tables = ["tasks", "plans", "messages"];
        assert_eq!(nearest("task", tables.into_iter()), Some("tasks"));
        assert_eq!(nearest("mesages", tables.into_iter()), Some("messages"));
        assert_eq!(nearest("zzzzzzzz", tables.into_iter()), None);
        let letters = |s: &str| s.chars().collect::<Vec<_>>();
        assert_eq!(distance(&letters("kitten"), &letters("sitting")), 3);
    }
}
