//! What is asked, what the planner answered, and what was chosen.

use std::collections::BTreeMap;

use crate::analyze::missing_indexes::pages::Pages;
use crate::analyze::missing_indexes::set::Set;

/// A statement and what it is worth.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::analyze::missing_indexes) struct Weighted {
    /// Milliseconds of execution per second of the window.
    pub(in crate::analyze::missing_indexes) ms_per_sec: f64,
    /// Candidates that may matter to it.
    pub(in crate::analyze::missing_indexes) relevant: Set,
    /// How dear the pages that it reads are.
    pub(in crate::analyze::missing_indexes) pages: Pages,
}

/// A candidate and what it costs.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::analyze::missing_indexes) struct Priced {
    /// Its size, where it is known.
    pub(in crate::analyze::missing_indexes) bytes: Option<u64>,
    /// Milliseconds per second that writing to it takes.
    pub(in crate::analyze::missing_indexes) write_ms_per_sec: f64,
    /// The server refused to think of it.
    pub(in crate::analyze::missing_indexes) refused: bool,
    /// Those that could stand for it: they begin with the same key of the same table.
    pub(in crate::analyze::missing_indexes) kin: Set,
}

/// The question.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::analyze::missing_indexes) struct Problem {
    pub(in crate::analyze::missing_indexes) statements: Vec<Weighted>,
    pub(in crate::analyze::missing_indexes) candidates: Vec<Priced>,
    /// Most bytes together.
    pub(in crate::analyze::missing_indexes) max_bytes: Option<u64>,
    /// Milliseconds per second that a byte has to give back.
    pub(in crate::analyze::missing_indexes) ms_per_sec_per_byte: f64,
}

/// What the planner said once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::analyze::missing_indexes) struct Answer {
    pub(in crate::analyze::missing_indexes) indexes: Set,
    pub(in crate::analyze::missing_indexes) cost: f64,
    /// The part of it that is for pages.
    pub(in crate::analyze::missing_indexes) page_cost: Option<f64>,
    pub(in crate::analyze::missing_indexes) used: Set,
}

impl Answer {
    /// The cost, of which the part for pages counts by a factor.
    pub(super) fn priced(&self, factor: f64) -> f64 {
        self.cost - (1.0 - factor) * self.page_cost.unwrap_or(0.0)
    }
}

/// A cost that is not known yet: the statement and the indexes.
pub(in crate::analyze::missing_indexes) type Ask = (usize, Set);

/// One index of the advice.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::analyze::missing_indexes) struct Chosen {
    /// The candidate.
    pub(in crate::analyze::missing_indexes) candidate: usize,
    /// What each statement saves by it, beside those chosen before, in milliseconds per second.
    pub(in crate::analyze::missing_indexes) saves: BTreeMap<usize, f64>,
}

/// The advice.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::analyze::missing_indexes) struct Choice {
    /// What gives most first.
    pub(in crate::analyze::missing_indexes) chosen: Vec<Chosen>,
    /// The planner's cost of every statement without and with all of them, where it is known.
    pub(in crate::analyze::missing_indexes) costs: Vec<Option<(f64, f64)>>,
}
