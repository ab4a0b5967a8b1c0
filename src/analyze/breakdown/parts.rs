//! Parts that add up.

use crate::analyze::conclusions::{Basis, Endpoint, PartKind, TimePart, TotalBreakdown};

/// Parts above the whole by less than this are the resolution of histograms.
const RESOLUTION_RATIO: f64 = 0.01;

/// The parts that can be known, in the order of the report.
const KINDS: [PartKind; 4] = [
    PartKind::DbExec,
    PartKind::PoolWait,
    PartKind::Network,
    PartKind::App,
];

/// What is known of one part, in milliseconds per request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Component {
    pub(super) part: PartKind,
    pub(super) mean_ms: Option<f64>,
    pub(super) low_ms: Option<f64>,
    pub(super) high_ms: Option<f64>,
    pub(super) basis: Basis,
    pub(super) note: Option<String>,
}

impl Component {
    pub(super) fn known(part: PartKind, mean_ms: f64, basis: Basis) -> Self {
        Self {
            part,
            mean_ms: Some(mean_ms.max(0.0)),
            low_ms: None,
            high_ms: None,
            basis,
            note: None,
        }
    }

    pub(super) fn unknown(part: PartKind, note: impl Into<String>) -> Self {
        Self {
            part,
            mean_ms: None,
            low_ms: None,
            high_ms: None,
            basis: Basis::NotMeasured,
            note: Some(note.into()),
        }
    }

    pub(super) fn noted(mut self, note: Option<String>) -> Self {
        self.note = note;
        self
    }
}

/// The parts of a response time, with what is left as unattributed. Where the parts exceed the
/// whole, shares are of their sum, so that they still add up to 1, and the note says by how much.
pub(super) fn assemble(mean_ms: f64, components: Vec<Component>) -> Vec<TimePart> {
    let known: f64 = components.iter().filter_map(|c| c.mean_ms).sum();
    let whole = mean_ms.max(known);
    let share = |ms: f64| (whole > 0.0).then(|| ms / whole);
    let mut parts: Vec<TimePart> = components
        .into_iter()
        .map(|c| TimePart {
            part: c.part,
            mean_ms: c.mean_ms,
            share_ratio: c.mean_ms.and_then(share),
            low_ratio: c.low_ms.and_then(share),
            high_ratio: c.high_ms.and_then(share).map(|r| r.min(1.0)),
            basis: c.basis,
            note: c.note,
            waits: Vec::new(),
        })
        .collect();
    let left = (mean_ms - known).max(0.0);
    parts.push(TimePart {
        part: PartKind::Unattributed,
        mean_ms: Some(left),
        share_ratio: share(left),
        low_ratio: None,
        high_ratio: None,
        basis: Basis::Derived,
        note: (known > mean_ms * (1.0 + RESOLUTION_RATIO)).then(|| {
            format!(
                "the parts add up to {known:.3} ms, more than the mean response time of \
                 {mean_ms:.3} ms: they were measured over different requests, and shares are of \
                 their sum"
            )
        }),
        waits: Vec::new(),
    });
    parts
}

/// All requests together: means weighted by the number of requests. What is in `instead` replaces the
/// weighted part, where it is known for all requests only together.
pub(super) fn total(endpoints: &[Endpoint], instead: &[Component]) -> TotalBreakdown {
    let counted: Vec<&Endpoint> = endpoints.iter().filter(|e| e.mean_ms.is_some()).collect();
    let mean_ms = weighted(&counted, |e| e.mean_ms);
    let components = KINDS
        .iter()
        .map(|kind| {
            let told = instead.iter().find(|c| c.part == *kind);
            told.cloned().unwrap_or_else(|| weigh(*kind, &counted))
        })
        .collect();
    TotalBreakdown {
        requests: counted.iter().map(|e| e.requests).sum(),
        mean_ms,
        parts: assemble(mean_ms, components),
        slowest: None,
    }
}

/// Mean over all requests; an endpoint without the value adds nothing to it.
fn weighted(endpoints: &[&Endpoint], value: impl Fn(&Endpoint) -> Option<f64>) -> f64 {
    let requests: u64 = endpoints.iter().map(|e| e.requests).sum();
    let sum: f64 = endpoints
        .iter()
        .filter_map(|e| Some(value(e)? * e.requests as f64))
        .sum();
    if requests > 0 {
        sum / requests as f64
    } else {
        0.0
    }
}

fn part_of(endpoint: &Endpoint, kind: PartKind) -> Option<&TimePart> {
    endpoint.parts.iter().find(|p| p.part == kind)
}

fn weigh(kind: PartKind, counted: &[&Endpoint]) -> Component {
    let requests: u64 = counted.iter().map(|e| e.requests).sum();
    let all = || counted.iter().filter_map(|e| part_of(e, kind));
    let known = || all().filter(|p| p.mean_ms.is_some());
    let covered: u64 = counted
        .iter()
        .filter(|e| part_of(e, kind).is_some_and(|p| p.mean_ms.is_some()))
        .map(|e| e.requests)
        .sum();
    // An end of the interval that an endpoint does not have is its value itself.
    let end = |pick: fn(&TimePart) -> Option<f64>| {
        all().any(|p| pick(p).is_some()).then(|| {
            weighted(counted, |e| {
                let part = part_of(e, kind)?;
                Some(pick(part).or(part.share_ratio)? * e.mean_ms?)
            })
        })
    };
    let (low_ms, high_ms) = (end(|p| p.low_ratio), end(|p| p.high_ratio));
    if covered == 0 {
        let first = all().next();
        return Component {
            part: kind,
            mean_ms: None,
            low_ms,
            high_ms,
            basis: first.map_or(Basis::NotMeasured, |p| p.basis),
            note: first.and_then(|p| p.note.clone()),
        };
    }
    let note = if covered < requests {
        Some(format!(
            "known for {covered} of {requests} requests; of the others it is in unattributed"
        ))
    } else {
        // The endpoints' own notes speak for the total where they all say the same.
        let mut notes = known().map(|p| &p.note);
        let first = notes.next().cloned().flatten();
        if notes.all(|n| *n == first) {
            first
        } else {
            by_basis(
                &counted
                    .iter()
                    .filter_map(|e| Some((part_of(e, kind)?.basis, e.requests)))
                    .collect::<Vec<_>>(),
            )
        }
    };
    Component {
        part: kind,
        mean_ms: Some(weighted(counted, |e| part_of(e, kind)?.mean_ms)),
        low_ms,
        high_ms,
        basis: known()
            .map(|p| p.basis)
            .max_by_key(|b| doubt(*b))
            .unwrap_or(Basis::NotMeasured),
        note,
    }
}

/// For how many requests a part is known how; `None` where it is the same for all.
fn by_basis(requests: &[(Basis, u64)]) -> Option<String> {
    let bases = [
        (Basis::Measured, "measured"),
        (Basis::Derived, "derived"),
        (Basis::Inferred, "inferred"),
        (Basis::Bound, "a bound"),
    ];
    let words: Vec<String> = bases
        .into_iter()
        .filter_map(|(basis, word)| {
            let of_it = requests.iter().filter(|r| r.0 == basis);
            let number: u64 = of_it.map(|r| r.1).sum();
            (number > 0).then(|| format!("{word} for {number} requests"))
        })
        .collect();
    (words.len() > 1).then(|| words.join(", "))
}

/// The more, the less is known.
fn doubt(basis: Basis) -> u8 {
    match basis {
        Basis::Measured => 0,
        Basis::Derived => 1,
        Basis::Inferred => 2,
        Basis::Bound => 3,
        Basis::NotMeasured => 4,
    }
}

/// Most total time first.
pub(super) fn sort(endpoints: &mut [Endpoint]) {
    endpoints.sort_by(|a, b| {
        let time = |e: &Endpoint| e.mean_ms.unwrap_or(0.0) * e.requests as f64;
        time(b).total_cmp(&time(a))
    });
}

/// Several remarks as one note.
pub(super) fn joined(notes: &[String]) -> Option<String> {
    (!notes.is_empty()).then(|| notes.join("; "))
}
