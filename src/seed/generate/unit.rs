//! What a row draws once: a column's place among its values, or the row that one or several columns refer to.

use crate::seed::shape::{Layout, Permutation, Place, mix};

/// A permutation and a layout, and whom it follows.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    /// From the row's number to its slot.
    pub(crate) order: Permutation,
    /// From the slot to the place.
    pub(crate) layout: Layout,
    /// What it depends on.
    pub(crate) follow: Follow,
    /// Makes it differ from others.
    pub(crate) key: u64,
}

/// What a unit depends on.
#[derive(Debug, Clone)]
pub(crate) enum Follow {
    /// On nothing.
    Itself,
    /// Its values differ within the rows that have one value of another unit: together they are a key.
    Within {
        /// The other unit.
        lead: usize,
        /// Values are numbered in the order of the rows, instead of laid out.
        numbered: bool,
        /// Of the row's number within the others the quotient by this counts, where keys have more than two parts.
        divisor: u64,
        /// Both refer to rows of the same table, and never to the same row: nobody is a friend of oneself.
        differs: bool,
    },
    /// On another unit's value.
    Driven(Driver),
}

/// How another unit's value tells this one's.
#[derive(Debug, Clone)]
pub(crate) struct Driver {
    /// The other unit.
    pub(crate) unit: usize,
    /// How many of its values do, 0 to 1; rows of the others have values of their own.
    pub(crate) degree: f64,
    /// By the other's atom: atoms of this unit with the share of its rows, summed up.
    pub(crate) common: Vec<Vec<(f64, u32)>>,
    /// By the other's atom: the slot here.
    pub(crate) atoms: Vec<u64>,
    /// Values of the other that are no atoms, in another order, share these slots: from where on, and how many.
    pub(crate) rest: Vec<(u64, u64)>,
    /// That order.
    pub(crate) scramble: Permutation,
}

/// From this many rows of one value on, the values of a follower are mixed, not laid out: that costs as many steps as
/// there are rows.
const LARGE_GROUP: u64 = 64;

impl Unit {
    /// The place of a row; `None` for null.
    pub(crate) fn draw(&self, units: &[Self], row: u64) -> Option<Place> {
        match &self.follow {
            Follow::Itself => self.layout.at(self.order.at(row)),
            Follow::Within {
                lead,
                numbered,
                divisor,
                differs,
            } => {
                let Some(led) = units[*lead].draw(units, row) else {
                    // A key with a null in it is like no other.
                    return self.layout.at(self.order.at(row));
                };
                let (nth, of) = (led.nth / divisor, led.of.div_ceil(*divisor));
                let ordinal = if *numbered {
                    nth
                } else {
                    let values = self.layout.values() - u64::from(*differs);
                    let ordinal = self.within(led.ordinal, (nth, of), values.max(1));
                    ordinal + u64::from(*differs && ordinal >= led.ordinal)
                };
                Some(self.layout.place(ordinal))
            }
            Follow::Driven(driver) => {
                let slot = driver.slot(self, units, row);
                self.layout.at(slot.unwrap_or_else(|| self.order.at(row)))
            }
        }
    }

    /// The `nth` of `of` different values for this value of the lead: spread over the layout, so that frequent values
    /// are taken often, and moved on where two would be the same.
    fn within(&self, lead: u64, (nth, of): (u64, u64), values: u64) -> u64 {
        let key = self.key ^ mix(lead);
        if of > LARGE_GROUP || of >= values {
            return Permutation::full(values, key).at(nth % values);
        }
        let filled = self.layout.filled();
        let first = key % filled.max(1);
        let ordinal = |n: u64| {
            let step = u128::from(n) * u128::from(filled) / u128::from(of);
            let slot = (u128::from(first / of) + step) % u128::from(filled.max(1));
            let slot = u64::try_from(slot).unwrap_or(0);
            self.layout.at(slot).map_or(0, |place| place.ordinal)
        };
        // The slots rise, and so do the ordinals: each at least by one after the last, and none beyond the end.
        let mut highest = 0;
        for n in 0..=nth {
            highest = highest.max(ordinal(n) + nth - n);
        }
        highest.min(values - (of - nth))
    }

    /// Any place that is not null.
    pub(crate) fn any(&self, row: u64, attempt: u32) -> Option<Place> {
        let filled = self.layout.filled();
        if filled == 0 {
            return None;
        }
        self.layout
            .at(mix(self.key ^ mix(row) ^ u64::from(attempt)) % filled)
    }
}

impl Driver {
    fn slot(&self, unit: &Unit, units: &[Unit], row: u64) -> Option<u64> {
        let driver = &units[self.unit];
        let led = driver.draw(units, row)?;
        let chance = unit_interval(mix(unit.key ^ mix(row)));
        // A dependency holds for all rows of a value, or it does not.
        let tells = unit_interval(mix(unit.key ^ mix(!led.ordinal))) < self.degree;
        if let Some(atom) = led.atom {
            let atom = atom as usize;
            let common = self.common.get(atom).map_or(&[][..], Vec::as_slice);
            let at = common.partition_point(|(until, _)| *until <= chance);
            if let Some((start, rows)) = common
                .get(at)
                .and_then(|(_, a)| unit.layout.slots_of_atom(*a))
            {
                return Some(start + mix(row) % rows);
            }
            return self.atoms.get(atom).copied().filter(|_| tells);
        }
        if !tells {
            return None;
        }
        let values = driver.layout.values().max(1);
        let place = self.scramble.at(led.ordinal.min(values - 1));
        let all: u64 = self.rest.iter().map(|(_, slots)| slots).sum();
        let offset = u128::from(place) * u128::from(all) / u128::from(values);
        let mut offset = u64::try_from(offset).unwrap_or(0);
        for (start, slots) in &self.rest {
            if offset < *slots {
                return Some(start + offset);
            }
            offset -= slots;
        }
        None
    }
}

/// From 0 to 1, in steps of 2^-53.
pub(crate) fn unit_interval(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::seed::shape::{Atom, Piece, key};

    fn unit(layout: Layout, order: Permutation, follow: Follow) -> Unit {
        Unit {
            order,
            layout,
            follow,
            key: key(1, &["unit"]),
        }
    }

    #[test]
    fn a_follower_makes_a_key_with_its_lead() {
        // 5,000 rows, 700 values of the lead, one of them with 300 rows; the follower has 400 values, skewed.
        let atoms = [Atom {
            frequency: 0.06,
            after: 10,
        }];
        let pieces = |values| [Piece { values, share: 1.0 }];
        let lead = Layout::new(5_000, 0, &atoms, &pieces(699), 3);
        let second = Layout::new(5_000, 0, &atoms, &pieces(399), 4);
        for numbered in [false, true] {
            let follow = Follow::Within {
                lead: 0,
                numbered,
                divisor: 1,
                differs: false,
            };
            let units = [
                unit(lead.clone(), Permutation::full(5_000, 9), Follow::Itself),
                unit(second.clone(), Permutation::identity(5_000), follow),
            ];
            let mut seen = BTreeSet::new();
            for row in 0..5_000 {
                let [a, b] = [0, 1].map(|u: usize| units[u].draw(&units, row).unwrap().ordinal);
                assert!(b < 400, "{b}");
                assert!(seen.insert((a, b)), "({a}, {b}) twice");
            }
            if !numbered {
                let tenth = seen.iter().filter(|(_, b)| *b == 10).count();
                assert!(tenth > 150, "the follower's skew is lost: {tenth}");
            }
        }
    }

    #[test]
    fn a_driver_tells_the_value() {
        let driver = Layout::new(
            9_000,
            0,
            &[],
            &[Piece {
                values: 90,
                share: 1.0,
            }],
            3,
        );
        let follower = Layout::new(
            9_000,
            0,
            &[],
            &[Piece {
                values: 9,
                share: 1.0,
            }],
            4,
        );
        let follow = Follow::Driven(Driver {
            unit: 0,
            degree: 1.0,
            common: Vec::new(),
            atoms: Vec::new(),
            rest: vec![(0, 9_000)],
            scramble: Permutation::full(90, 77),
        });
        let units = [
            unit(driver, Permutation::full(9_000, 9), Follow::Itself),
            unit(follower, Permutation::full(9_000, 10), follow),
        ];
        let mut pairs = BTreeSet::new();
        for row in 0..9_000 {
            pairs.insert([0, 1].map(|u: usize| units[u].draw(&units, row).unwrap().ordinal));
        }
        assert_eq!(pairs.len(), 90);
        let states: BTreeSet<u64> = pairs.iter().map(|pair| pair[1]).collect();
        assert_eq!(states.len(), 9);
    }
}
