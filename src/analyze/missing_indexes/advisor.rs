//! Which of the candidates to have, by what the planner says of the whole workload.
//!
//! ```text
//! value(set) = Σ time of a statement × (1 − price with the set ÷ price without)
//!              − time of writing to the set − price of its bytes
//! price      = cost − (1 − factor) × part of the cost that is for pages
//! ```
//!
//! The planner does not know which pages are in memory. The factor says how dear pages really were for the
//! statement, by what the server counted ([`super::pages`]).
//!
//! A greedy search adds what raises the value most, then improves the set by leaving out, exchanging
//! and joining indexes. It asks for one cost after the other, and whoever runs it answers: the
//! search itself begins anew with every batch of answers and takes the same way again, so that a
//! saved run gives the same advice without any server. Two things save questions. A set is only
//! asked about as far as it matters to the statement; and a plan that uses only some of the indexes
//! that were there is also the plan where only those are there. The approach of asking the planner
//! about sets is that of Chaudhuri and Narasayya (VLDB 1997).

mod problem;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::analyze::rules::thresholds as t;

use super::set::Set;
use problem::Ask;
pub(super) use problem::{Answer, Choice, Chosen, Priced, Problem, Weighted};

/// What a statement or a search is done with until more is known.
struct Unknown;

/// Asks and answers so far.
pub(super) struct Advisor<'a> {
    problem: &'a Problem,
    answers: Vec<Vec<Answer>>,
    /// What a part of a cost that is for pages counts, by statement.
    factors: Vec<f64>,
    /// Answers that were looked up before.
    known: HashMap<Ask, Answer>,
    asks: BTreeSet<Ask>,
    /// Statements that not even all candidates together help.
    hopeless: BTreeSet<usize>,
    /// Most bytes together, at this step of the search.
    limit: Option<u64>,
    /// What is not known is asked for; otherwise it is taken as no gain.
    asking: bool,
}

impl<'a> Advisor<'a> {
    /// An advisor that knows these answers, by statement.
    pub(super) fn new(problem: &'a Problem, answers: Vec<Vec<Answer>>) -> Self {
        let statements = problem.statements.iter().zip(&answers);
        let factors = statements.map(|(s, answers)| s.pages.factor(answers));
        Self {
            problem,
            factors: factors.collect(),
            answers,
            known: HashMap::new(),
            asks: BTreeSet::new(),
            hopeless: BTreeSet::new(),
            limit: problem.max_bytes,
            asking: true,
        }
    }

    /// What has to be known next; nothing when the advice is ready.
    pub(super) fn next_asks(mut self) -> Vec<Ask> {
        match self.choose() {
            Ok(_) => Vec::new(),
            Err(Unknown) => self.asks.into_iter().collect(),
        }
    }

    /// The advice by what is known.
    pub(super) fn advice(mut self) -> Choice {
        self.asking = false;
        self.choose().unwrap_or_default()
    }

    /// The same advisor where nothing more will be known.
    pub(super) fn settled_for_good(mut self) -> Self {
        self.asking = false;
        self
    }

    /// Time that all statements save from one set to another, as far as it is known.
    pub(super) fn saved_between(&mut self, from: Set, to: Set) -> f64 {
        let statements = 0..self.problem.statements.len();
        let saved: f64 = statements.filter_map(|s| self.saved(s, from, to)).sum();
        // The sum of nothing is minus zero.
        0.0 + saved
    }

    /// A plan that was seen with exactly these indexes uses one of them.
    pub(super) fn is_used(&self, set: Set) -> bool {
        self.answers
            .iter()
            .flatten()
            .any(|a| a.indexes == set && !a.used.is_empty())
    }

    fn choose(&mut self) -> Result<Choice, Unknown> {
        self.look_around()?;
        let best = match self.problem.max_bytes {
            None => self.search(Set::default(), false)?,
            Some(most) => self.search_within(most)?,
        };
        self.explained(best)
    }

    /// The best set within a limit. A large index that fits may keep several small ones out, so that a
    /// greedy search finds less with more bytes: it begins with less, too.
    fn search_within(&mut self, most: u64) -> Result<Set, Unknown> {
        let mut best = Set::default();
        for eighths in t::ADVISOR_LIMITS {
            for dense in [false, true] {
                self.limit = Some(most / 8 * eighths);
                let begun = self.search(Set::default(), dense)?;
                self.limit = Some(most);
                let found = self.search(begun, dense)?;
                if self.value(found) > self.value(best) {
                    best = found;
                }
            }
        }
        Ok(best)
    }

    /// Costs with nothing, with everything, and with each candidate alone where everything helps.
    fn look_around(&mut self) -> Result<(), Unknown> {
        let tried = self.tried();
        for s in 0..self.problem.statements.len() {
            self.cost(s, Set::default());
            self.cost(s, tried);
        }
        self.settled()?;
        for s in 0..self.problem.statements.len() {
            if !self.is_hopeful(s) {
                self.hopeless.insert(s);
                continue;
            }
            for i in self.problem.statements[s].relevant.common(tried).iter() {
                self.cost(s, Set::default().with(i));
            }
        }
        self.settled()
    }

    fn tried(&self) -> Set {
        let candidates = self.problem.candidates.iter().enumerate();
        candidates
            .filter(|(_, c)| !c.refused)
            .map(|(i, _)| i)
            .collect()
    }

    /// All candidates together help it.
    fn is_hopeful(&mut self, s: usize) -> bool {
        let tried = self.tried();
        let ends = (self.cost(s, Set::default()), self.cost(s, tried));
        matches!(ends, (Some(none), Some(all)) if all < none * (1.0 - t::CANDIDATE_MIN_STATEMENT_RATIO))
    }

    /// The best set that a greedy search finds from here on; by value per byte where `dense`.
    fn search(&mut self, mut set: Set, dense: bool) -> Result<Set, Unknown> {
        for _ in 0..t::ADVISOR_ROUNDS {
            let grown = self.grow(set, dense)?;
            let better = self.improve(grown)?;
            if better == set {
                break;
            }
            set = better;
        }
        Ok(set)
    }

    /// Adds candidates, or those that one statement uses together, until none is worth it.
    fn grow(&mut self, mut set: Set, dense: bool) -> Result<Set, Unknown> {
        let mut moves: Vec<(f64, Set)> = self
            .moves()
            .into_iter()
            .map(|add| (self.gain(Set::default(), add).unwrap_or(f64::INFINITY), add))
            .collect();
        // What each gives alone is known now, and it gives no more beside others: few have to be
        // looked at again in each round.
        self.settled()?;
        loop {
            let rank = |this: &Self, gain: f64, add: Set| {
                let bytes = if dense {
                    this.bytes(add).max(1) as f64
                } else {
                    1.0
                };
                gain / bytes
            };
            moves.retain(|(_, add)| !add.is_part_of(set));
            moves.sort_by(|a, b| {
                let order = rank(self, b.0, b.1).total_cmp(&rank(self, a.0, a.1));
                order.then_with(|| a.1.cmp(&b.1))
            });
            // What gives too little is passed over, however small it is.
            let least = self.least_gain(set)?;
            let mut best: Option<(f64, Set)> = None;
            let mut waiting = 0;
            for (bound, add) in &mut moves {
                let known = best.map_or(f64::NEG_INFINITY, |(gain, add)| rank(self, gain, add));
                if rank(self, *bound, *add) <= known || waiting == t::ADVISOR_BATCH {
                    break;
                }
                if !self.fits(set.union(*add)) {
                    continue;
                }
                let Some(gain) = self.gain(set, *add) else {
                    waiting += 1;
                    continue;
                };
                *bound = gain;
                let ranks = gain > least && rank(self, gain, *add) > known;
                if ranks && self.matters_to_one(set, *add) {
                    best = Some((gain, *add));
                }
            }
            self.settled()?;
            match best {
                Some((_, add)) => set = set.union(add),
                None => return Ok(set),
            }
        }
    }

    /// At least one statement gets visibly cheaper: a little of many is within the planner's error.
    fn matters_to_one(&mut self, set: Set, add: Set) -> bool {
        (0..self.problem.statements.len()).any(|s| {
            let costs = (self.cost(s, set), self.cost(s, set.union(add)));
            let limit = 1.0 - t::CANDIDATE_MIN_COST_SAVED_RATIO;
            matches!(costs, (Some(before), Some(after)) if after <= before * limit)
        })
    }

    /// Single candidates, and what each statement would use if it had everything.
    fn moves(&self) -> Vec<Set> {
        let tried = self.tried();
        let mut moves: BTreeSet<Set> = tried.iter().map(|i| Set::default().with(i)).collect();
        for (s, statement) in self.problem.statements.iter().enumerate() {
            let all = statement.relevant.common(tried);
            let used = self.answers[s].iter().find(|a| a.indexes == all);
            moves.extend(used.map(|a| a.used).filter(|used| !used.is_empty()));
        }
        moves.into_iter().collect()
    }

    /// Leaves out, exchanges and joins while that raises the value.
    fn improve(&mut self, mut set: Set) -> Result<Set, Unknown> {
        for _ in 0..t::ADVISOR_STEPS {
            let mut best: Option<(f64, Set)> = None;
            for other in self.changes(set) {
                let gain = self.difference(set, other);
                if let Some(gain) = gain
                    && gain > best.map_or(0.0, |(g, _)| g)
                {
                    best = Some((gain, other));
                }
            }
            self.settled()?;
            match best {
                Some((_, better)) => set = better,
                None => break,
            }
        }
        Ok(set)
    }

    /// Sets that are one step away: without one, with another of its kin for one or for two.
    fn changes(&self, set: Set) -> Vec<Set> {
        let mut changes = BTreeSet::new();
        let members: Vec<usize> = set.iter().collect();
        let kin = |i: usize| self.problem.candidates[i].kin;
        for (at, one) in members.iter().enumerate() {
            let rest = set.without(*one);
            changes.insert(rest);
            for other in kin(*one).iter().filter(|k| !set.contains(*k)) {
                changes.insert(rest.with(other));
                for second in &members[at + 1..] {
                    let related = kin(*second).contains(other) || kin(*one).contains(*second);
                    if related {
                        changes.insert(rest.without(*second).with(other));
                    }
                }
            }
        }
        changes
            .into_iter()
            .filter(|changed| self.fits(*changed))
            .collect()
    }

    fn bytes(&self, set: Set) -> u64 {
        let sizes = set.iter().filter_map(|i| self.problem.candidates[i].bytes);
        sizes.sum()
    }

    fn fits(&self, set: Set) -> bool {
        let known = |i: usize| self.problem.candidates[i].bytes.is_some();
        match self.limit {
            None => true,
            Some(most) => set.iter().all(known) && self.bytes(set) <= most,
        }
    }

    /// Below this an index is not worth talking about: a share of the time that is left.
    fn least_gain(&mut self, set: Set) -> Result<f64, Unknown> {
        let mut left = 0.0;
        for s in 0..self.problem.statements.len() {
            let weight = self.problem.statements[s].ms_per_sec;
            let saved = self.saved(s, Set::default(), set).unwrap_or(0.0);
            left += weight - saved;
        }
        self.settled()?;
        let share = left * t::CANDIDATE_MIN_GAIN_RATIO;
        Ok(share.max(t::CANDIDATE_MIN_GAIN_MS_PER_SEC))
    }

    fn price(&self, set: Set) -> f64 {
        let writes: f64 = set
            .iter()
            .map(|i| self.problem.candidates[i].write_ms_per_sec)
            .sum();
        writes + self.bytes(set) as f64 * self.problem.ms_per_sec_per_byte
    }

    fn gain(&mut self, set: Set, add: Set) -> Option<f64> {
        self.difference(set, set.union(add))
    }

    fn value(&mut self, set: Set) -> f64 {
        self.difference(Set::default(), set).unwrap_or(0.0)
    }

    /// How much more one set is worth than another. `None` while a cost is asked for.
    fn difference(&mut self, from: Set, to: Set) -> Option<f64> {
        let mut sum = self.price(from) - self.price(to);
        let mut complete = true;
        for s in 0..self.problem.statements.len() {
            match self.saved(s, from, to) {
                Some(saved) => sum += saved,
                None => complete = false,
            }
        }
        complete.then_some(sum)
    }

    /// Milliseconds per second that a statement saves from one set to another.
    fn saved(&mut self, s: usize, from: Set, to: Set) -> Option<f64> {
        let statement = &self.problem.statements[s];
        let (weight, relevant) = (statement.ms_per_sec, statement.relevant);
        if from.common(relevant) == to.common(relevant) || self.hopeless.contains(&s) {
            return Some(0.0);
        }
        let costs = (
            self.cost(s, Set::default()),
            self.cost(s, from),
            self.cost(s, to),
        );
        match costs {
            (Some(base), Some(before), Some(after)) if base > 0.0 => {
                Some(weight * (before - after) / base)
            }
            (Some(_), Some(_), Some(_)) => Some(0.0),
            // Nothing more will be known.
            _ if !self.asking => Some(0.0),
            _ => None,
        }
    }

    /// The cost of a statement, with its pages as dear as they are.
    fn cost(&mut self, s: usize, set: Set) -> Option<f64> {
        let answer = self.answer(s, set)?;
        Some(answer.priced(self.factors[s]))
    }

    fn answer(&mut self, s: usize, set: Set) -> Option<Answer> {
        let set = set.common(self.problem.statements[s].relevant);
        if let Some(answer) = self.known.get(&(s, set)) {
            return Some(*answer);
        }
        let known = self.answers[s]
            .iter()
            .find(|a| a.used.is_part_of(set) && set.is_part_of(a.indexes));
        if let Some(answer) = known {
            self.known.insert((s, set), *answer);
            return Some(*answer);
        }
        if self.asking {
            self.asks.insert((s, set));
        }
        None
    }

    fn settled(&self) -> Result<(), Unknown> {
        if self.asks.is_empty() {
            Ok(())
        } else {
            Err(Unknown)
        }
    }

    /// The set in the order of what each adds to those before it.
    fn explained(&mut self, set: Set) -> Result<Choice, Unknown> {
        let mut choice = Choice::default();
        let (mut have, mut left) = (Set::default(), set);
        while !left.is_empty() {
            let mut best: Option<(f64, usize)> = None;
            for i in left.iter() {
                let gain = self.gain(have, Set::default().with(i));
                if let Some(gain) = gain
                    && best.is_none_or(|(most, _)| gain > most)
                {
                    best = Some((gain, i));
                }
            }
            self.settled()?;
            let Some((_, candidate)) = best else { break };
            let grown = have.with(candidate);
            let mut saves = BTreeMap::new();
            for s in 0..self.problem.statements.len() {
                if let Some(saved) = self.saved(s, have, grown)
                    && saved != 0.0
                {
                    saves.insert(s, saved);
                }
            }
            choice.chosen.push(Chosen { candidate, saves });
            (have, left) = (grown, left.without(candidate));
        }
        for s in 0..self.problem.statements.len() {
            let ends = self.answer(s, Set::default()).zip(self.answer(s, set));
            choice
                .costs
                .push(ends.map(|(none, all)| (none.cost, all.cost)));
        }
        self.settled()?;
        Ok(choice)
    }
}

#[cfg(test)]
mod tests;
