//! Where the labels of marks stand: beside their lines, and on lines of their own where they would touch.

/// A mark's place and the room its label takes, in columns or in units of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) struct Wanted {
    pub(in crate::report) at: usize,
    pub(in crate::report) long: usize,
}

/// Where a label stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) struct Placed {
    pub(in crate::report) start: usize,
    /// 0 is the upper line of labels.
    pub(in crate::report) row: usize,
    /// The label ends at its mark; otherwise it begins there, as far as the edge lets it.
    pub(in crate::report) left: bool,
}

/// Places labels between `from` and `to`, at least `gap` apart. The marks stand in order, and no label is longer
/// than the room.
pub(in crate::report) fn place(
    wanted: &[Wanted],
    from: usize,
    to: usize,
    gap: usize,
) -> Vec<Placed> {
    // Where each line of labels ends, with the gap.
    let mut free: Vec<usize> = Vec::new();
    let mut placed = Vec::new();
    for (i, Wanted { at, long }) in wanted.iter().copied().enumerate() {
        let fits_right = at + long <= to;
        let fits_left = at + 1 >= from + long;
        let next = wanted.get(i + 1).map_or(usize::MAX, |next| next.at);
        let before = free.first().copied().unwrap_or(0);
        // A label that would run into the next one stands on the other side, if nothing is there.
        let yields = at + long + gap > next && fits_left && at + 1 >= before + long;
        let left = fits_left && (!fits_right || yields);
        let start = if left {
            at + 1 - long
        } else {
            at.min(to.saturating_sub(long))
        };
        let row = free.iter().position(|end| *end <= start);
        let row = row.unwrap_or(free.len());
        if row == free.len() {
            free.push(0);
        }
        free[row] = start + long + gap;
        placed.push(Placed { start, row, left });
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(wanted: &[(usize, usize)]) -> Vec<(usize, usize, bool)> {
        let wanted: Vec<Wanted> = wanted
            .iter()
            .map(|(at, long)| Wanted {
                at: *at,
                long: *long,
            })
            .collect();
        let placed = place(&wanted, 10, 80, 2);
        placed.iter().map(|p| (p.start, p.row, p.left)).collect()
    }

    #[test]
    fn labels_stand_where_they_do_not_touch() {
        assert_eq!(placed(&[(40, 10)]), [(40, 0, false)]);
        assert_eq!(placed(&[(75, 10)]), [(66, 0, true)]);
        assert_eq!(
            placed(&[(40, 10), (45, 10)]),
            [(31, 0, true), (45, 0, false)]
        );
        assert_eq!(
            placed(&[(15, 10), (17, 10)]),
            [(15, 0, false), (17, 1, false)]
        );
        assert_eq!(placed(&[(40, 70)]), [(10, 0, false)]);
        assert_eq!(
            placed(&[(74, 10), (76, 10), (78, 10)]),
            [(65, 0, true), (67, 1, true), (69, 2, true)]
        );
    }
}
