//! One complete trace: which request each span belongs to, and how the request's time is divided.

use super::classify::Class;
use super::clock;
use super::endpoints::{Call, Endpoints, Request};
use super::span::Kept;
use super::unions::{Stretch, divide};

/// No span.
pub(super) const NONE: u32 = u32::MAX;

/// Counts the requests of a trace. A span that was sent twice counts once.
pub(super) fn count(spans: &mut [Kept], endpoints: &mut Endpoints) {
    spans.sort_unstable_by_key(|span| (span.id, span.order));
    let mut distinct = 0;
    for at in 0..spans.len() {
        if distinct == 0 || spans[distinct - 1].id != spans[at].id {
            spans.swap(distinct, at);
            distinct += 1;
        }
    }
    endpoints.repeated += (spans.len() - distinct) as u64;
    let spans = &spans[..distinct];
    let parents: Vec<u32> = spans.iter().map(|span| place(spans, span.parent)).collect();
    let begins_request = |at: usize| matches!(spans[at].class, Class::Server | Class::Consumer);
    let requests = nearest(&parents, begins_request);
    let wrappers = wrapping(spans, &parents);
    let starts = clock::starts(spans, &parents, &requests, &mut endpoints.moved);
    // The parts of each request, together.
    let mut parts: Vec<u32> = (0..as_place(spans.len()))
        .filter(|at| is_part(spans[index(*at)].class))
        .collect();
    parts.sort_unstable_by_key(|at| requests[index(*at)]);
    for of_one in parts.chunk_by(|a, b| requests[index(*a)] == requests[index(*b)]) {
        let request = requests[index(of_one[0])];
        if request == NONE || spans[index(request)].class != Class::Server {
            // A client span outside of any request is a client's.
            let ours = |at: &&u32| spans[index(**at)].class != Class::Other;
            endpoints.apart += of_one.iter().filter(ours).count() as u64;
        }
    }
    let mut rest = parts.as_slice();
    for (at, span) in spans.iter().enumerate() {
        if span.class != Class::Server {
            continue;
        }
        let begin = rest.partition_point(|p| requests[index(*p)] < as_place(at));
        let end = rest.partition_point(|p| requests[index(*p)] <= as_place(at));
        let own = &rest[begin..end];
        rest = &rest[end..];
        let client = spans
            .get(index(parents[at]))
            .filter(|p| p.class == Class::Other);
        endpoints.add(&request(spans, at, client, own, &wrappers, &starts));
    }
}

fn request(
    spans: &[Kept],
    at: usize,
    client: Option<&Kept>,
    parts: &[u32],
    wrappers: &[bool],
    starts: &[u64],
) -> Request {
    let of = |class: Class| -> Vec<Stretch> {
        let parts = parts.iter().map(|at| index(*at));
        let same = parts.filter(|at| spans[*at].class == class);
        same.map(|at| (starts[at], starts[at] + spans[at].duration))
            .collect()
    };
    let pool = of(Class::Pool);
    let span = &spans[at];
    let stretch = (starts[at], starts[at] + span.duration);
    let calls = parts.iter().filter(|at| !wrappers[index(**at)]);
    let calls = calls.map(|at| &spans[index(*at)]);
    Request {
        endpoint: span.name,
        duration: span.duration,
        is_error: span.is_error,
        parts: divide(stretch, &of(Class::Database), &pool, &of(Class::Other)),
        has_pool: !pool.is_empty(),
        client: client.map(|c| c.duration),
        calls: calls
            .filter(|call| call.class == Class::Database)
            .map(|call| Call {
                statement: call.name,
                duration: call.duration,
            })
            .collect(),
    }
}

pub(super) fn is_part(class: Class) -> bool {
    matches!(class, Class::Database | Class::Pool | Class::Other)
}

/// The place of a span among those sorted by id.
fn place(spans: &[Kept], id: u64) -> u32 {
    if id == 0 {
        return NONE;
    }
    spans
        .binary_search_by_key(&id, |span| span.id)
        .map_or(NONE, as_place)
}

pub(super) fn as_place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(NONE)
}

pub(super) fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// For each span its nearest ancestor that is wanted; [`NONE`] without one. Each span is walked over once, however
/// deep the trace; parents in a circle have none.
pub(super) fn nearest(parents: &[u32], wanted: impl Fn(usize) -> bool) -> Vec<u32> {
    const UNKNOWN: u32 = u32::MAX - 1;
    const ON_PATH: u32 = u32::MAX - 2;
    let mut found = vec![UNKNOWN; parents.len()];
    let mut path = Vec::new();
    for begin in 0..parents.len() {
        let mut at = begin;
        let result = loop {
            match found[at] {
                UNKNOWN => {}
                ON_PATH => break NONE,
                known => break known,
            }
            found[at] = ON_PATH;
            path.push(at);
            let parent = parents[at];
            if parent == NONE {
                break NONE;
            }
            at = index(parent);
            if wanted(at) {
                break parent;
            }
        };
        for at in path.drain(..) {
            found[at] = result;
        }
    }
    found
}

/// Database spans with a database span inside: of an ORM around its driver. Only the inner one is a call.
fn wrapping(spans: &[Kept], parents: &[u32]) -> Vec<bool> {
    let is_database = |at: usize| spans[at].class == Class::Database;
    let ends =
        |at: usize| is_database(at) || matches!(spans[at].class, Class::Server | Class::Consumer);
    let outer = nearest(parents, ends);
    let mut wraps = vec![false; spans.len()];
    for (at, outer) in outer.into_iter().enumerate() {
        if is_database(at) && outer != NONE && is_database(index(outer)) {
            wraps[index(outer)] = true;
        }
    }
    wraps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ancestors_are_found_in_deep_and_circular_traces() {
        // 0 is wanted; 1 → 0, 2 → 1, 3 → 2; 4 and 5 are each other's parent; 6 has none.
        let parents = [NONE, 0, 1, 2, 5, 4, NONE];
        let found = nearest(&parents, |at| at == 0);
        assert_eq!(found, [NONE, 0, 0, 0, NONE, NONE, NONE]);
        let deep: Vec<u32> = (0..1_000_000)
            .map(|at| if at == 0 { NONE } else { at - 1 })
            .collect();
        assert!(nearest(&deep, |at| at == 0)[1..].iter().all(|f| *f == 0));
    }
}
