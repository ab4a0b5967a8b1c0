//! How dear pages are for a statement: by the planner's prices they come from a disk, and most come from memory.

use crate::record::statements::StatementCounters;

use super::advisor::Answer;

/// What a page in shared buffers takes of the planner's price of one (ours, measured on PostgreSQL 18, beside rows of
/// which 80 take as long as `seq_page_cost`: 0.10 of it in sequential scans, 0.03 to 0.06 of `random_page_cost` in
/// index scans).
const HIT: f64 = 0.05;
/// More of a statement's time is never taken for reading: the rest would be divided by nearly nothing.
const MOST_TIME: f64 = 0.99;

/// What the server counted of the pages of a statement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pages {
    /// Nothing: the planner's prices stand.
    AsPlanned,
    /// This share of them was not in shared buffers.
    Read(f64),
    /// This share of its time went into reading them (`track_io_timing`).
    Timed(f64),
}

impl Pages {
    pub(super) fn counted(counters: &StatementCounters) -> Self {
        let (hit, read) = (counters.shared_blks_hit, counters.shared_blks_read);
        let time = counters.shared_blk_read_time.0;
        if hit + read <= 0 {
            Self::AsPlanned
        } else if read > 0 && time > 0.0 && counters.total_exec_time.0 > 0.0 {
            Self::Timed((time / counters.total_exec_time.0).min(MOST_TIME))
        } else {
            Self::Read(read as f64 / (hit + read) as f64)
        }
    }

    /// What the part of a cost that is for pages counts. 1 where one of the plans does not tell that part, since
    /// costs are compared with each other.
    pub(super) fn factor(self, answers: &[Answer]) -> f64 {
        if answers.iter().any(|a| a.page_cost.is_none()) {
            return 1.0;
        }
        match self {
            Self::AsPlanned => 1.0,
            Self::Read(ratio) => HIT + (1.0 - HIT) * ratio,
            Self::Timed(ratio) => {
                let today = answers.iter().find(|a| a.used.is_empty());
                let parts = today.and_then(|a| Some((a.cost, a.page_cost?)));
                match parts {
                    Some((cost, pages)) if pages > 0.0 && pages < cost => {
                        let rest = (cost - pages) / (1.0 - ratio);
                        (rest * ratio / pages).max(HIT)
                    }
                    _ => 1.0,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::missing_indexes::set::Set;
    use crate::record::Millis;

    fn answer(cost: f64, page_cost: Option<f64>, used: Option<usize>) -> Answer {
        Answer {
            indexes: Set::default().with(0),
            cost,
            page_cost,
            used: used.into_iter().collect(),
        }
    }

    fn counters(hit: i64, read: i64, read_ms: f64) -> StatementCounters {
        StatementCounters {
            shared_blks_hit: hit,
            shared_blks_read: read,
            shared_blk_read_time: Millis(read_ms),
            total_exec_time: Millis(100.0),
            ..StatementCounters::default()
        }
    }

    #[test]
    fn pages_are_as_dear_as_the_server_counted() {
        let answers = [answer(300.0, Some(200.0), None)];
        for (counted, factor) in [
            (counters(0, 0, 0.0), 1.0),
            (counters(50, 0, 0.0), 0.05),
            (counters(50, 50, 0.0), 0.525),
            (counters(0, 50, 0.0), 1.0),
            // 100 of the cost stand for 20 ms, so that 200 for pages stand for 80 ms as 400 do.
            (counters(50, 50, 80.0), 2.0),
            // Less than what pages in memory take.
            (counters(50, 1, 0.1), 0.05),
        ] {
            let told = Pages::counted(&counted).factor(&answers);
            assert!((told - factor).abs() < 1e-12, "{counted:?}: {told}");
        }
    }

    #[test]
    fn where_a_plan_does_not_tell_its_pages_the_planners_prices_stand() {
        let known = answer(300.0, Some(200.0), None);
        let other = answer(10.0, None, Some(0));
        for pages in [Pages::Read(0.0), Pages::Timed(0.5)] {
            assert!((pages.factor(&[known, other]) - 1.0).abs() < 1e-12);
        }
        let nothing_read = answer(300.0, Some(0.0), None);
        assert!((Pages::Timed(0.5).factor(&[nothing_read]) - 1.0).abs() < 1e-12);
        assert!((Pages::Timed(0.5).factor(&[]) - 1.0).abs() < 1e-12);
    }
}
