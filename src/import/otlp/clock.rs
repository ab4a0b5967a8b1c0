//! Starts of spans that their clock rounded.
//!
//! OpenTelemetry for JavaScript takes the start of a span in whole milliseconds and its duration in nanoseconds
//! (`Span.ts` of sdk-trace-base: `Date.now()` beside `performance.now()`), so that statements which follow each other
//! within a millisecond seem to run at the same time. In such a trace a start may be up to a millisecond later than it
//! says: spans that overlap by less are taken to follow each other. In `fixtures/load/otel-node-2.12.0` the
//! database would otherwise lose 8 % of its time.

use super::classify::Class;
use super::span::Kept;
use super::trace::{NONE, index, is_part, nearest};

/// A millisecond in nanoseconds: what a rounded start may be off by.
const ROUNDED_NS: u64 = 1_000_000;

/// Fewest spans of a trace that show that its clock rounds: by chance they would not.
const MIN_SPANS: usize = 3;

/// The start of each span of a trace, set right where the clock rounds; `moved` counts those.
pub(super) fn starts(
    spans: &[Kept],
    parents: &[u32],
    requests: &[u32],
    moved: &mut u64,
) -> Vec<u64> {
    let mut starts: Vec<u64> = spans.iter().map(|span| span.start).collect();
    let rounds = spans.len() >= MIN_SPANS && starts.iter().all(|s| s % ROUNDED_NS == 0);
    if !rounds {
        return starts;
    }
    let ends = |at: usize| is_part(spans[at].class) || spans[at].class == Class::Server;
    let outer = nearest(parents, ends);
    let is_outermost = |at: usize| {
        is_part(spans[at].class)
            && requests[at] != NONE
            && (outer[at] == NONE || !is_part(spans[index(outer[at])].class))
    };
    // The parts of each request in their order; what is inside of another part goes with it.
    let mut order: Vec<usize> = (0..spans.len()).filter(|at| is_outermost(*at)).collect();
    order.sort_unstable_by_key(|at| {
        let span = &spans[*at];
        (requests[*at], span.start, span.duration, span.id)
    });
    for of_one in order.chunk_by(|a, b| requests[*a] == requests[*b]) {
        let request = index(requests[of_one[0]]);
        let begin = spans[request].start;
        let end = begin + spans[request].duration;
        let last = follow(spans, &mut starts, of_one, begin);
        // The request's own start is rounded too: what reaches beyond its end tells by how much at least.
        let late = last.saturating_sub(end);
        if late > 0 && late < ROUNDED_NS {
            starts[request] += late;
            follow(spans, &mut starts, of_one, begin + late);
        }
        *moved += of_one
            .iter()
            .filter(|at| starts[**at] > spans[**at].start)
            .count() as u64;
    }
    for at in 0..spans.len() {
        if is_part(spans[at].class) && !is_outermost(at) {
            starts[at] += shift_of_outermost(spans, &starts, &outer, at);
        }
    }
    starts
}

/// Lets each part begin when the one before it ended, if it says that it began less than a millisecond earlier.
/// Returns the end of the last.
fn follow(spans: &[Kept], starts: &mut [u64], parts: &[usize], begin: u64) -> u64 {
    let mut end = begin;
    for at in parts {
        let span = &spans[*at];
        let late = end.saturating_sub(span.start);
        let moves = late < ROUNDED_NS;
        starts[*at] = span.start + if moves { late } else { 0 };
        end = end.max(starts[*at] + span.duration);
    }
    end
}

/// How far the part was moved that a part is inside of. Parts are rarely more than two deep.
fn shift_of_outermost(spans: &[Kept], starts: &[u64], outer: &[u32], at: usize) -> u64 {
    const MAX_DEPTH: usize = 16;
    let mut top = at;
    for _ in 0..MAX_DEPTH {
        let next = outer[top];
        if next == NONE || !is_part(spans[index(next)].class) {
            break;
        }
        top = index(next);
    }
    starts[top].saturating_sub(spans[top].start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: u64, class: Class, start: u64, duration: u64) -> Kept {
        Kept {
            trace: [0, 1],
            id,
            parent: 0,
            start,
            duration,
            order: 0,
            name: 0,
            class,
            is_error: false,
        }
    }

    #[test]
    fn spans_follow_each_other_only_within_a_rounded_millisecond() {
        let ms = ROUNDED_NS;
        let mut spans = vec![
            span(1, Class::Server, 5 * ms, 40 * ms),
            // The wait, and in it the opening of a connection, then two statements.
            span(2, Class::Pool, 6 * ms, 100_000),
            span(3, Class::Pool, 6 * ms, 50_000),
            span(4, Class::Database, 6 * ms, 300_000),
            span(5, Class::Database, 6 * ms, 400_000),
            // These run together: they overlap by more than the clock is off.
            span(6, Class::Database, 20 * ms, 9 * ms),
            span(7, Class::Database, 20 * ms, 9 * ms),
        ];
        let parents = [NONE, 0, 1, 0, 0, 0, 0];
        let requests = [NONE, 0, 0, 0, 0, 0, 0];
        let mut moved = 0;
        let fixed = starts(&spans, &parents, &requests, &mut moved);
        let since: Vec<u64> = fixed[1..].iter().map(|s| s - 6 * ms).collect();
        assert_eq!(since, [0, 0, 100_000, 400_000, 14 * ms, 14 * ms]);
        assert_eq!(moved, 2);
        // One start with a fraction: the clock does not round.
        spans[6].start += 1;
        let kept = starts(&spans, &parents, &requests, &mut moved);
        assert!(
            kept.iter()
                .zip(&spans)
                .all(|(start, span)| *start == span.start)
        );
    }
}
