//! Each step alone, so many times: the order in which one client does them.

use crate::workload::scenario::{Order, Scenario};

/// What is done alone, in the order of the scenario: a step of a user in random order, or all steps of a sequence,
/// because each needs those before it.
#[derive(Debug)]
pub(super) struct Baseline {
    groups: Vec<Vec<(usize, usize)>>,
    times: u32,
}

/// How far a baseline is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Progress {
    group: usize,
    round: u32,
    step: usize,
    /// The window has begun, and rounds count.
    counts: bool,
}

impl Progress {
    /// The request under way is one of those that count.
    pub(super) fn counts(&self) -> bool {
        self.counts
    }
}

impl Baseline {
    pub(super) fn new(scenario: &Scenario, times: u32) -> Self {
        let mut groups = Vec::new();
        for (kind, user) in scenario.users.iter().enumerate() {
            let steps = (0..user.steps.len()).map(|step| (kind, step));
            match user.order {
                Order::Random => groups.extend(steps.map(|step| vec![step])),
                Order::Sequence => groups.push(steps.collect()),
            }
        }
        Self { groups, times }
    }

    /// User and step of the next request. Before the window each group has its turn, over and over; with the window
    /// it begins anew.
    pub(super) fn next(&self, progress: &mut Progress, opened: bool) -> Option<(usize, usize)> {
        if opened && !progress.counts {
            *progress = Progress {
                counts: true,
                ..Progress::default()
            };
        }
        let group = self.groups.get(progress.group)?;
        let next = group.get(progress.step).copied();
        progress.step += 1;
        if progress.step >= group.len() {
            self.end_round(progress);
        }
        next
    }

    fn end_round(&self, progress: &mut Progress) {
        progress.step = 0;
        progress.round += 1;
        let rounds = if progress.counts { self.times } else { 1 };
        if progress.round >= rounds {
            progress.round = 0;
            progress.group += 1;
        }
        if !progress.counts && progress.group >= self.groups.len() {
            progress.group = 0;
        }
    }

    /// Ends the round under way: what its other steps need is gone.
    pub(super) fn give_up(&self, progress: &mut Progress) {
        if progress.step > 0 {
            self.end_round(progress);
        }
    }

    /// The request that was taken last is the last of all.
    pub(super) fn is_done(&self, progress: &Progress) -> bool {
        progress.counts && progress.group >= self.groups.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
[[user]]
order = "random"
[[user.step]]
request = "GET /a"
[[user.step]]
request = "GET /b"
[[user]]
[[user.step]]
request = "GET /c"
[[user.step]]
request = "GET /d"
"#;

    #[test]
    fn each_step_alone_and_sequences_as_a_whole() {
        let scenario = Scenario::parse(TEXT, "b.toml", &|_| None, &[]).unwrap();
        let baseline = Baseline::new(&scenario, 2);
        let mut progress = Progress::default();
        let warm: Vec<_> = (0..5)
            .map(|_| baseline.next(&mut progress, false).unwrap())
            .collect();
        assert_eq!(warm, [(0, 0), (0, 1), (1, 0), (1, 1), (0, 0)]);
        let mut counted = Vec::new();
        while let Some(step) = baseline.next(&mut progress, true) {
            counted.push(step);
            assert_eq!(baseline.is_done(&progress), counted.len() == 8);
        }
        // A sequence that is given up is a round all the same: a service that is not there must not hold it for ever.
        let mut progress = Progress::default();
        let mut taken = 0;
        while let Some(step) = baseline.next(&mut progress, true) {
            taken += 1;
            if step == (1, 0) {
                baseline.give_up(&mut progress);
            }
        }
        assert_eq!(taken, 6);
        let sequence = [(1, 0), (1, 1), (1, 0), (1, 1)];
        assert_eq!(counted[..4], [(0, 0), (0, 0), (0, 1), (0, 1)]);
        assert_eq!(counted[4..], sequence);
    }
}
