//! Times: every node's elapsed time shared out over itself and what ran inside it.

use super::Visit;
use super::hosts::{Host, hosts};

/// What is left beside the own times.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Times {
    /// Ran after the top node.
    pub(super) after_ms: f64,
    /// Claimed by nodes beyond what holds them.
    pub(super) excess_ms: f64,
}

/// Sets own times, and cuts elapsed times that do not fit into what holds them.
pub(super) fn share_times(visits: &mut [Visit<'_>]) -> Times {
    if visits.first().is_none_or(|top| top.elapsed_ms.is_none()) {
        for visit in visits {
            visit.elapsed_ms = None;
        }
        return Times::default();
    }
    let claimed: Vec<f64> = visits.iter().map(|v| v.elapsed_ms.unwrap_or(0.0)).collect();
    let mut shared = Shared::new(&claimed);
    let mut all = hosts(visits, &claimed);
    if !shared.distribute(&all) {
        // Hosts in a circle, which no executor makes: every node in its parent.
        all = visits.iter().map(|v| Host::whole(v.parent)).collect();
        shared = Shared::new(&claimed);
        shared.distribute(&all);
    }
    for (i, visit) in visits.iter_mut().enumerate() {
        visit.elapsed_ms = Some(shared.elapsed[i]);
        visit.own_ms = Some(shared.own[i]);
        visit.ran_in.clone_from(&all[i].parts);
    }
    shared.left
}

struct Shared<'c> {
    claimed: &'c [f64],
    elapsed: Vec<f64>,
    own: Vec<f64>,
    left: Times,
}

impl<'c> Shared<'c> {
    fn new(claimed: &'c [f64]) -> Self {
        Self {
            claimed,
            elapsed: vec![0.0; claimed.len()],
            own: vec![0.0; claimed.len()],
            left: Times::default(),
        }
    }

    /// Hosts before guests: a node is shared out once all that hold it are. False where that does
    /// not reach every node.
    fn distribute(&mut self, hosts: &[Host]) -> bool {
        let mut waits: Vec<usize> = hosts.iter().map(|h| h.parts.len()).collect();
        let mut guests: Vec<Vec<(usize, f64)>> = vec![Vec::new(); hosts.len()];
        for (guest, host) in hosts.iter().enumerate() {
            for &(at, part) in &host.parts {
                guests[at].push((guest, part));
            }
        }
        self.elapsed[0] = self.claimed[0];
        for (i, host) in hosts.iter().enumerate() {
            let after = host.after * self.claimed[i];
            self.elapsed[i] += after;
            self.left.after_ms += after;
        }
        let mut ready: Vec<usize> = (0..hosts.len()).filter(|i| waits[*i] == 0).collect();
        let mut done = 0;
        while let Some(host) = ready.pop() {
            done += 1;
            self.share_out(host, &guests[host]);
            for &(guest, _) in &guests[host] {
                waits[guest] -= 1;
                if waits[guest] == 0 {
                    ready.push(guest);
                }
            }
        }
        done == hosts.len()
    }

    /// Gives each guest what it claims of this node, or its part of what there is.
    fn share_out(&mut self, host: usize, guests: &[(usize, f64)]) {
        let (has, claimed) = (self.elapsed[host], self.claimed[host]);
        // What was cut from the host is cut from its guests.
        let cut = if claimed > 0.0 {
            (has / claimed).min(1.0)
        } else {
            1.0
        };
        let wanted = |&(guest, part): &(usize, f64)| self.claimed[guest] * part * cut;
        let sum: f64 = guests.iter().map(wanted).sum();
        let fits = if sum > has { has / sum } else { 1.0 };
        let given: Vec<(usize, f64)> = guests.iter().map(|g| (g.0, wanted(g) * fits)).collect();
        let mut inside = 0.0;
        for (guest, time) in given {
            self.elapsed[guest] += time;
            inside += time;
        }
        self.left.excess_ms += (sum - has).max(0.0);
        self.own[host] = (has - inside).max(0.0);
    }
}
