//! The time that spans of several kinds cover together, each moment counted once.

/// A stretch of time: from, to, in nanoseconds.
pub(super) type Stretch = (u64, u64);

/// How a request's time is divided, in nanoseconds. Identity: the four parts are its duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Division {
    pub(super) database: u64,
    pub(super) pool: u64,
    pub(super) other: u64,
    pub(super) own: u64,
}

/// Divides a request. Where stretches overlap the database comes first, then the pool, then other services; what
/// reaches beyond the request does not count.
pub(super) fn divide(
    request: Stretch,
    database: &[Stretch],
    pool: &[Stretch],
    other: &[Stretch],
) -> Division {
    let mut all: Vec<Stretch> = Vec::with_capacity(database.len() + pool.len() + other.len());
    let mut covered = |more: &[Stretch]| {
        all.extend(more.iter().filter_map(|s| clip(*s, request)));
        union(&mut all)
    };
    let first = covered(database);
    let second = covered(pool);
    let third = covered(other);
    Division {
        database: first,
        pool: second - first,
        other: third - second,
        own: request.1.saturating_sub(request.0) - third,
    }
}

fn clip(stretch: Stretch, within: Stretch) -> Option<Stretch> {
    let (from, to) = (stretch.0.max(within.0), stretch.1.min(within.1));
    (from < to).then_some((from, to))
}

/// Joins stretches that touch, in place; returns the time that they cover.
fn union(stretches: &mut Vec<Stretch>) -> u64 {
    stretches.sort_unstable();
    let mut joined: Vec<Stretch> = Vec::with_capacity(stretches.len());
    for (from, to) in stretches.drain(..) {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    *stretches = joined;
    stretches.iter().map(|(from, to)| to - from).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_database_comes_before_the_pool_and_the_pool_before_others() {
        let parts = divide(
            (100, 200),
            &[(110, 130), (120, 140)],
            &[(90, 120)],
            &[(130, 160), (195, 250)],
        );
        let wanted = Division {
            database: 30,
            pool: 10,
            other: 25,
            own: 35,
        };
        assert_eq!(parts, wanted);
        assert_eq!(divide((5, 5), &[(0, 9)], &[], &[]), Division::default());
    }

    /// The same, moment by moment.
    fn by_moment(request: Stretch, kinds: [&[Stretch]; 3]) -> Division {
        let mut parts = [0; 4];
        for at in request.0..request.1 {
            let runs = |stretches: &[Stretch]| stretches.iter().any(|s| s.0 <= at && at < s.1);
            let first = kinds.iter().position(|k| runs(k)).unwrap_or(3);
            parts[first] += 1;
        }
        Division {
            database: parts[0],
            pool: parts[1],
            other: parts[2],
            own: parts[3],
        }
    }

    fn stretches() -> impl Strategy<Value = Vec<Stretch>> {
        proptest::collection::vec(
            (0u64..60, 0u64..20).prop_map(|(from, long)| (from, from + long)),
            0..8,
        )
    }

    proptest! {
        #[test]
        fn every_moment_is_in_exactly_one_part(
            from in 0u64..30,
            long in 0u64..40,
            database in stretches(),
            pool in stretches(),
            other in stretches(),
        ) {
            let request = (from, from + long);
            let parts = divide(request, &database, &pool, &other);
            prop_assert_eq!(parts, by_moment(request, [&database, &pool, &other]));
            prop_assert_eq!(parts.database + parts.pool + parts.other + parts.own, long);
        }
    }
}
