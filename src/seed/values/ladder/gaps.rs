//! A line of whole numbers some of which are left out, and the same line without them.

/// The position with gaps left out; of a gap itself that of the next that is none.
pub(super) fn closed_up(gaps: &[i128], position: i128) -> i128 {
    // The n-th gap was moved down by n: it lies before the position if it is less than it, so moved back.
    let before = partition(gaps, |place, gap| {
        gap.wrapping_add(place as i128) < position
    });
    position.wrapping_sub(before as i128)
}

/// As [`closed_up`], but of a gap that of the one before that is none.
pub(super) fn closed_up_end(gaps: &[i128], position: i128) -> i128 {
    let before = partition(gaps, |place, gap| {
        gap.wrapping_add(place as i128) <= position
    });
    position.wrapping_sub(before as i128)
}

fn partition(gaps: &[i128], before: impl Fn(usize, i128) -> bool) -> usize {
    let (mut low, mut high) = (0, gaps.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        if before(middle, gaps[middle]) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
