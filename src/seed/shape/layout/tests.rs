use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn counts(layout: &Layout) -> BTreeMap<u64, u64> {
    let mut counts = BTreeMap::new();
    for slot in 0..layout.filled() {
        *counts.entry(layout.at(slot).unwrap().ordinal).or_insert(0) += 1;
    }
    counts
}

#[test]
fn nulls_atoms_and_distinct_values_are_exact() {
    let atoms = [
        Atom {
            frequency: 0.3,
            after: 0,
        },
        Atom {
            frequency: 0.1,
            after: 40,
        },
    ];
    let pieces = [Piece {
        values: 80,
        share: 1.0,
    }];
    let layout = Layout::new(10_000, 1_000, &atoms, &pieces, 5);
    assert_eq!(layout.at(8_999).map(|p| p.ordinal), Some(81));
    assert_eq!(layout.at(9_000), None);
    let counts = counts(&layout);
    assert_eq!(counts.len(), 82);
    assert_eq!(counts[&0], 3_000);
    assert_eq!(counts[&41], 1_000);
    // The rest is 5,000 rows of 80 values: 62.5 each, and no two alike by rule.
    assert!(
        counts
            .iter()
            .all(|(o, n)| [0, 41].contains(o) || (1..130).contains(n))
    );
    let different: std::collections::BTreeSet<_> = counts.values().collect();
    assert!(different.len() > 20, "{different:?}");
}

#[test]
fn a_unique_column_has_one_slot_for_each_value() {
    let layout = Layout::new(
        1_000,
        0,
        &[],
        &[Piece {
            values: 1_000,
            share: 1.0,
        }],
        0,
    );
    assert!(layout.is_unique());
    assert!((0..1_000).all(|slot| layout.at(slot).unwrap().ordinal == slot));
    assert_eq!(layout.largest(), 1);
}

#[test]
fn common_values_that_are_all_take_every_row() {
    let atoms = [
        Atom {
            frequency: 0.66,
            after: 0,
        },
        Atom {
            frequency: 0.33,
            after: 0,
        },
    ];
    let layout = Layout::new(1_000, 0, &atoms, &[], 1);
    assert_eq!(layout.values(), 2);
    let counts = counts(&layout);
    assert_eq!(counts.values().sum::<u64>(), 1_000);
    assert!((660..=670).contains(&counts[&0]), "{counts:?}");
}

#[test]
fn pieces_have_their_shares() {
    let pieces = [
        Piece {
            values: 10,
            share: 0.5,
        },
        Piece {
            values: 90,
            share: 0.5,
        },
    ];
    let layout = Layout::new(10_000, 0, &[], &pieces, 1);
    let counts = counts(&layout);
    let first: u64 = counts.range(..10).map(|(_, n)| n).sum();
    assert_eq!((counts.len(), first), (100, 5_000));
}

proptest! {
    #[test]
    fn slots_of_a_value_follow_each_other(
        rows in 0_u64..3_000,
        null_share in 0.0..1.0_f64,
        frequencies in proptest::collection::vec(0.0..0.4_f64, 0..6),
        values in 0_u64..4_000,
        key: u64,
    ) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
        let nulls = (rows as f64 * null_share) as u64;
        let atoms: Vec<Atom> = (0_u64..)
            .zip(&frequencies)
            .map(|(n, f)| Atom { frequency: *f, after: n * values / 7 })
            .collect();
        let layout = Layout::new(rows, nulls, &atoms, &[Piece { values, share: 1.0 }], key);
        prop_assume!(values > 0 || frequencies.iter().any(|f| *f > 0.0));
        let mut last: Option<Place> = None;
        for slot in 0..rows {
            let place = layout.at(slot);
            prop_assert_eq!(place.is_none(), slot >= rows - nulls);
            let Some(place) = place else { continue };
            prop_assert!(place.nth < place.of && place.ordinal < layout.values());
            prop_assert!(place.of <= layout.largest());
            match last {
                Some(last) if place.nth > 0 => {
                    prop_assert_eq!(place, Place { nth: last.nth + 1, ..last });
                }
                Some(last) => {
                    prop_assert_eq!(last.nth + 1, last.of);
                    prop_assert_eq!(place.ordinal, last.ordinal + 1);
                }
                None => prop_assert_eq!((place.nth, place.ordinal), (0, 0)),
            }
            last = Some(place);
        }
        if let Some(last) = last {
            prop_assert_eq!(last.ordinal + 1, layout.values());
        }
    }
}
