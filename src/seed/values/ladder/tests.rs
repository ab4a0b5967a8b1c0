use super::rungs::shared;
use super::*;

fn plan(distinct: u64) -> Plan {
    Plan {
        limits: None,
        avoid: Vec::new(),
        distinct,
        crowd: None,
        seed: 5,
    }
}

fn all(ladder: &Ladder) -> Vec<i128> {
    (0..ladder.distinct())
        .map(|ordinal| ladder.position(ordinal))
        .collect()
}

fn rising(positions: &[i128]) -> bool {
    positions.windows(2).all(|pair| pair[0] < pair[1])
}

#[test]
fn as_many_positions_as_ordinals_are_taken_one_by_one() {
    assert_eq!(all(&Ladder::even(1, 5, &plan(5))), [1, 2, 3, 4, 5]);
    assert_eq!(all(&Ladder::even(1, 5, &plan(9))), [1, 2, 3, 4, 5]);
    assert_eq!(all(&Ladder::over(&[1, 3, 5], &plan(5))), [1, 2, 3, 4, 5]);
}

/// Between the first two bounds there is room for ten: what they lack must not go where no rows are for it.
#[test]
fn an_interval_has_no_more_ordinals_than_rows() {
    let bounds = [0, 10, 1_000, 100_000];
    let uneven = Ladder::over(&bounds, &plan(301));
    assert_eq!(uneven.groups(), [0..10, 10..155, 155..301]);
    let held = Ladder::over(
        &bounds,
        &Plan {
            crowd: Some(100),
            ..plan(301)
        },
    );
    assert_eq!(held.groups(), [0..10, 10..110, 110..211]);
    assert_eq!((held.distinct(), held.room()), (211, 301));
    assert_eq!(held.position(210), 100_000);
}

#[test]
fn avoided_positions_are_never_taken_and_all_others_can_be() {
    let plan = Plan {
        avoid: vec![1, 4, 3, 9, 10, 4],
        distinct: 100,
        crowd: None,
        limits: Some((0, 10)),
        seed: 1,
    };
    assert_eq!(all(&Ladder::even(-5, 50, &plan)), [0, 2, 5, 6, 7, 8]);
    let bounds = all(&Ladder::over(&[0, 3, 10], &plan));
    assert!(
        rising(&bounds) && bounds.iter().all(|position| !plan.avoid.contains(position)),
        "{bounds:?}"
    );
}

#[test]
fn intervals_have_equally_many_ordinals() {
    let ladder = Ladder::over(&[0, 1_000, 1_000_000, 1_000_300], &plan(301));
    let positions = all(&ladder);
    assert!(rising(&positions));
    assert_eq!(positions.len(), 301);
    assert_eq!(
        (positions[0], positions[100], positions[200], positions[300]),
        (0, 1_000, 1_000_000, 1_000_300)
    );
}

#[test]
fn small_intervals_are_filled_and_the_rest_goes_to_the_others() {
    assert_eq!(shared(&[1, 1_000, 2, 1_000], 103), [1, 50, 2, 50]);
    assert_eq!(shared(&[1, 2], 9), [1, 2]);
    assert_eq!(shared(&[], 9), Vec::<u64>::new());
    let positions = all(&Ladder::over(&[1, 2, 3, 1_000], &plan(100)));
    assert!(rising(&positions));
    assert_eq!(positions.len(), 100);
}

#[test]
fn groups_have_equally_many_rows() {
    // Between 1 and 3 is room for two values, between 3 and 1000 for all others; half of the rows have the first.
    let ladder = Ladder::over(&[1, 3, 1_000], &plan(100));
    assert_eq!(ladder.groups(), [0..2, 2..100]);
    assert_eq!((ladder.position(2), ladder.position(99)), (3, 1_000));
    // A bound that stands there three times has two thirds of the rows.
    let ladder = Ladder::over(&[1, 1, 1, 50], &plan(20));
    assert_eq!(ladder.groups(), [0..1, 0..1, 0..20]);
    let ladder = Ladder::over(&[1, 5, 5, 9], &plan(3));
    assert_eq!(ladder.groups(), [0..1, 1..2, 1..3]);
    assert!(Ladder::even(1, 9, &plan(3)).groups().is_empty());
}

#[test]
fn fewer_ordinals_than_bounds_take_bounds() {
    assert_eq!(
        all(&Ladder::over(&[10, 20, 30, 40, 50], &plan(3))),
        [10, 30, 50]
    );
    assert_eq!(all(&Ladder::over(&[10, 20, 30], &plan(1))), [20]);
}

#[test]
fn bounds_without_room_are_moved_apart() {
    let positions = all(&Ladder::over(&[1, 500, 1_000], &plan(10_000)));
    assert_eq!(positions.len(), 10_000);
    assert!(rising(&positions));
    assert_eq!(positions[0], 1);
    let limited = Plan {
        limits: Some((1, 1_200)),
        ..plan(10_000)
    };
    assert_eq!(all(&Ladder::over(&[1, 500, 1_000], &limited)).len(), 1_200);
}

#[test]
fn an_estimate_that_is_a_little_too_high_makes_no_values() {
    assert_eq!(all(&Ladder::over(&[1, 10, 20], &plan(21))).len(), 20);
    assert_eq!(all(&Ladder::over(&[1, 10, 20], &plan(30))).len(), 30);
}

#[test]
fn the_widest_lines_have_room() {
    let positions = all(&Ladder::even(i128::MIN, i128::MAX, &plan(1_000)));
    assert!(rising(&positions));
    let last = Ladder::even(0, i128::MAX, &plan(u64::MAX));
    assert!(last.position(u64::MAX - 1) > last.position(u64::MAX - 2));
}
