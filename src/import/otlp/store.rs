//! Spans until their trace is complete, in bounded memory.

use jiff::{SignedDuration, Timestamp};

use super::endpoints::Endpoints;
use super::span::Kept;
use super::trace;

/// The spans that are held.
#[derive(Debug)]
pub(super) struct Store {
    held: Vec<Kept>,
    limit: usize,
    spans: u64,
    backwards: u64,
    dropped: u64,
    first: Option<u64>,
    last: Option<u64>,
}

impl Store {
    /// Holds at most `limit` spans.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            held: Vec::new(),
            limit,
            spans: 0,
            backwards: 0,
            dropped: 0,
            first: None,
            last: None,
        }
    }

    /// Keeps a span. `backwards`: it has no start, or ends before it.
    pub(super) fn add(&mut self, span: Kept, backwards: bool, endpoints: &mut Endpoints) {
        self.spans += 1;
        if backwards {
            self.backwards += 1;
            return;
        }
        if self.held.len() >= self.limit {
            self.make_room(endpoints);
            // One trace alone fills everything.
            if self.held.len() >= self.limit {
                self.dropped += 1;
                return;
            }
        }
        let end = span.start + span.duration;
        self.first = Some(self.first.map_or(span.start, |first| first.min(span.start)));
        self.last = Some(self.last.map_or(end, |last| last.max(end)));
        if self.held.len() == self.held.capacity() {
            let more = self.held.len().max(1024).min(self.limit - self.held.len());
            self.held.reserve_exact(more);
        }
        self.held.push(span);
    }

    /// Counts the traces of which no span came for half of what is held: spans are written within seconds of
    /// their end, so these are complete.
    fn make_room(&mut self, endpoints: &mut Endpoints) {
        for (order, span) in self.held.iter_mut().enumerate() {
            span.order = u32::try_from(order).unwrap_or(u32::MAX);
        }
        let half = u32::try_from(self.held.len() / 2).unwrap_or(u32::MAX);
        self.held.sort_unstable_by_key(|span| span.trace);
        let (mut read, mut kept) = (0, 0);
        while let Some(first) = self.held.get(read) {
            let (trace, rest) = (first.trace, &self.held[read..]);
            let end = read + rest.iter().take_while(|span| span.trace == trace).count();
            if self.held[read..end].iter().all(|span| span.order < half) {
                trace::count(&mut self.held[read..end], endpoints);
            } else {
                self.held.copy_within(read..end, kept);
                kept += end - read;
            }
            read = end;
        }
        self.held.truncate(kept);
        self.held.sort_unstable_by_key(|span| span.order);
    }

    /// Counts everything that is left.
    pub(super) fn finish(&mut self, endpoints: &mut Endpoints) {
        self.held.sort_unstable_by_key(|span| span.trace);
        for spans in self.held.chunk_by_mut(|a, b| a.trace == b.trace) {
            trace::count(spans, endpoints);
        }
        self.held = Vec::new();
    }

    /// Spans that were read.
    pub(super) fn spans(&self) -> u64 {
        self.spans
    }

    /// First start.
    pub(super) fn started_at(&self) -> Option<Timestamp> {
        self.first.and_then(moment)
    }

    /// Last end.
    pub(super) fn ended_at(&self) -> Option<Timestamp> {
        self.last.and_then(moment)
    }

    /// What did not add up.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.backwards > 0 {
            warnings.push(format!(
                "{} spans have no start or end before it: they are left out",
                self.backwards
            ));
        }
        if self.dropped > 0 {
            warnings.push(format!(
                "{} spans are left out, because more than {} belong to traces that were not complete",
                self.dropped, self.limit
            ));
        }
        warnings
    }
}

fn moment(nanos: u64) -> Option<Timestamp> {
    let since_epoch = SignedDuration::from_nanos(i64::try_from(nanos).ok()?);
    Timestamp::from_duration(since_epoch).ok()
}
