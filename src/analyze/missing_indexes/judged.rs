//! Candidates as the planner judged them: what to ask it, and what its answers amount to.

use std::collections::{BTreeMap, BTreeSet};

use crate::analyze::conclusions::{
    Evidence, HelpedStatement, JudgedBy, MissingIndex, MissingIndexKind, WritingStatement,
};
use crate::analyze::rules::text::one_line;
use crate::analyze::rules::thresholds as t;
use crate::analyze::statements;
use crate::record::statements::StatementCounters;
use crate::record::tables::TableFacts;
use crate::record::what_if::{Trial, TriedIndex, WhatIf, WhatIfMethod};
use crate::record::{QueryId, Run};

use super::advisor::{Advisor, Answer, Choice, Chosen, Priced, Problem, Weighted};
use super::candidate::Candidate;
use super::pages::Pages;
use super::set::Set;
use super::size;
use super::wishes::{self, Wishes};
use super::writes::{self, Writers};

/// Rows written by what no statement tells from which it is worth a word (ours).
const UNTOLD_ROWS_PER_SEC: f64 = 1.0;

/// A cost that the planner has to be asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CostAsk {
    /// Positions of the indexes that have to be there, ascending.
    pub indexes: Vec<usize>,
    /// The statement.
    pub query_id: QueryId,
}

/// The questions of one run to the planner.
pub struct Questions<'a> {
    matter: Matter<'a>,
}

impl<'a> Questions<'a> {
    /// The questions that the plans of a record ask; its trials and indexes are not looked at.
    #[must_use]
    pub fn of(run: &'a Run, what_if: &'a WhatIf) -> Self {
        let mut matter = Matter::of(run, what_if);
        matter.tried_at = (0..matter.wishes.candidates.len()).map(Some).collect();
        Self { matter }
    }

    /// `CREATE INDEX …` of every candidate, in a fixed order.
    #[must_use]
    pub fn definitions(&self) -> Vec<String> {
        let table = |c: &Candidate| super::find_by_oid(self.matter.run, c.relid);
        let all = self.matter.wishes.candidates.iter();
        all.filter_map(|c| Some(c.definition(table(c)?))).collect()
    }

    /// What became of the candidates when they were tried.
    pub fn tried(&mut self, indexes: &[TriedIndex]) {
        let matter = &mut self.matter;
        let candidates = matter.wishes.candidates.iter();
        let tried = candidates.zip(indexes);
        for (priced, (candidate, tried)) in matter.problem.candidates.iter_mut().zip(tried) {
            priced.bytes = size::of(matter.run, matter.what_if, candidate, tried);
            priced.refused = tried.refused.is_some();
        }
    }

    /// An answer.
    pub fn answered(&mut self, trial: &Trial) {
        let answer = Answer {
            indexes: trial.indexes.iter().copied().collect(),
            cost: trial.total_cost,
            page_cost: trial.page_cost,
            used: trial.used.iter().copied().collect(),
        };
        self.note(trial.query_id, answer);
    }

    /// A statement that cannot be planned any more: nothing is gained by it.
    pub fn give_up(&mut self, query_id: QueryId) {
        let answer = Answer {
            indexes: (0..self.matter.wishes.candidates.len()).collect(),
            cost: 1.0,
            page_cost: None,
            used: Set::default(),
        };
        self.note(query_id, answer);
    }

    fn note(&mut self, query_id: QueryId, answer: Answer) {
        let position = self.matter.statements.iter().position(|s| *s == query_id);
        if let Some(answers) = position.and_then(|s| self.matter.answers.get_mut(s)) {
            answers.push(answer);
        }
    }

    /// What the planner has to be asked next; nothing when the advice is ready.
    #[must_use]
    pub fn next(&self) -> Vec<CostAsk> {
        let matter = &self.matter;
        let asks = Advisor::new(&matter.problem, matter.answers.clone()).next_asks();
        let mut asks: Vec<CostAsk> = asks
            .into_iter()
            .map(|(s, set)| CostAsk {
                indexes: set.iter().collect(),
                query_id: matter.statements[s],
            })
            .collect();
        asks.sort();
        asks
    }
}

/// The question of a run and its answers.
pub(super) struct Matter<'a> {
    run: &'a Run,
    what_if: &'a WhatIf,
    pub(super) wishes: Wishes,
    writers: Writers,
    /// Statements in the order of the problem.
    pub(super) statements: Vec<QueryId>,
    pub(super) problem: Problem,
    pub(super) answers: Vec<Vec<Answer>>,
    /// Position of each candidate in the record, where it was tried.
    pub(super) tried_at: Vec<Option<usize>>,
}

impl<'a> Matter<'a> {
    pub(super) fn of(run: &'a Run, what_if: &'a WhatIf) -> Self {
        let wishes = wishes::of_run(run, what_if);
        let writers = writes::of_run(run);
        let tried_at: Vec<Option<usize>> = wishes
            .candidates
            .iter()
            .map(|c| position_of(run, what_if, c))
            .collect();
        let planned = what_if.statements.iter().filter(|r| r.plan.is_some());
        let statements: Vec<QueryId> = planned.map(|r| r.query_id).collect();
        let counted = counted(run, &statements);
        let per_sec = super::per_sec(run).unwrap_or(1.0);
        let problem = Problem {
            statements: statements
                .iter()
                .map(|id| {
                    let counters = counted.get(id).copied().unwrap_or_default();
                    Weighted {
                        ms_per_sec: counters.total_exec_time.0 * per_sec,
                        relevant: relevant(&wishes, *id),
                        pages: Pages::counted(&counters),
                    }
                })
                .collect(),
            candidates: (wishes.candidates.iter().zip(&tried_at))
                .map(|(candidate, at)| priced(run, what_if, &wishes, &writers, candidate, *at))
                .collect(),
            max_bytes: size::limit(what_if),
            ms_per_sec_per_byte: 0.0,
        };
        // What may be taken anyway costs nothing.
        let price = match what_if.max_bytes {
            Some(_) => 0.0,
            None => price_of_a_byte(run, &wishes, &problem),
        };
        let problem = Problem {
            ms_per_sec_per_byte: price,
            ..problem
        };
        let answers = answers(what_if, &statements, &tried_at);
        Self {
            run,
            what_if,
            wishes,
            writers,
            statements,
            problem,
            answers,
            tried_at,
        }
    }

    /// The advice by what the planner said.
    pub(super) fn choice(&self) -> Choice {
        Advisor::new(&self.problem, self.answers.clone()).advice()
    }

    /// Why the server refused a candidate, or that it was not tried.
    pub(super) fn refusal(&self, candidate: usize) -> Option<String> {
        let tried = self.tried_at[candidate].and_then(|at| self.what_if.indexes.get(at));
        match tried {
            None => Some("it was not tried".to_owned()),
            Some(tried) => tried.refused.clone(),
        }
    }

    /// The advice as indexes to create.
    pub(super) fn recommended(&self, choice: &Choice) -> Vec<MissingIndex> {
        let all = choice.chosen.iter();
        all.filter_map(|chosen| self.recommendation(choice, chosen))
            .collect()
    }

    fn recommendation(&self, choice: &Choice, chosen: &Chosen) -> Option<MissingIndex> {
        let candidate = &self.wishes.candidates[chosen.candidate];
        let table = super::find_by_oid(self.run, candidate.relid)?;
        let helps = self.helps(choice, chosen);
        let most = helps.first()?;
        let saves = helps.iter().map(|h| h.saves_ms_per_sec).sum();
        let costs = self.costs(candidate);
        let extends = self.extended(candidate, table);
        let columns = candidate.columns();
        Some(MissingIndex {
            schema: table.schemaname.clone(),
            table: table.relname.clone(),
            kind: MissingIndexKind::Candidate,
            create_sql: super::create_sql_on(self.run, table, &columns, &candidate.on(table)),
            size_bytes: self.problem.candidates[chosen.candidate].bytes,
            cost_before: Some(most.cost_before),
            cost_after: Some(most.cost_after),
            saves_ms_per_sec: saves,
            evidence: Evidence::Estimated,
            reason: self.reason(candidate, &helps, extends.as_deref()),
            columns,
            include: candidate.include.clone(),
            predicate: candidate.predicate.clone(),
            method: Some(candidate.method.to_owned()),
            judged_by: Some(match self.what_if.method {
                WhatIfMethod::Hypopg(_) => JudgedBy::Hypopg,
                WhatIfMethod::Built => JudgedBy::Built,
            }),
            costs_ms_per_sec: super::per_sec(self.run)
                .map(|_| self.writers.cost_ms_per_sec(candidate)),
            helps,
            costs,
            extends,
            proof: None,
        })
    }

    /// Statements that get cheaper by it, most time first.
    fn helps(&self, choice: &Choice, chosen: &Chosen) -> Vec<HelpedStatement> {
        let per_sec = super::per_sec(self.run);
        let mut helps: Vec<(f64, HelpedStatement)> = chosen
            .saves
            .iter()
            .filter(|(_, saves)| **saves > 0.0)
            .filter_map(|(s, saves)| {
                let (cost_before, cost_after) = (*choice.costs.get(*s)?)?;
                let helped = HelpedStatement {
                    query_id: self.statements[*s].to_string(),
                    query: text_of(self.run, self.statements[*s]),
                    cost_before,
                    cost_after,
                    saves_ms_per_sec: per_sec.map(|_| *saves),
                };
                Some((*saves, helped))
            })
            .collect();
        helps.sort_by(|a, b| b.0.total_cmp(&a.0));
        helps.into_iter().map(|(_, helped)| helped).collect()
    }

    /// Statements that would have to write to it.
    fn costs(&self, candidate: &Candidate) -> Vec<WritingStatement> {
        let mut by_id: BTreeMap<QueryId, f64> = BTreeMap::new();
        for writer in &self.writers.all {
            let entries = self.writers.entries(writer, candidate);
            if entries > 0.0 {
                *by_id.entry(writer.query_id).or_default() += entries;
            }
        }
        let per_sec = super::per_sec(self.run);
        let mut entries: Vec<(QueryId, f64)> = by_id.into_iter().collect();
        entries.sort_by(|a, b| b.1.total_cmp(&a.1));
        let costs = entries.into_iter().map(|(id, entries)| WritingStatement {
            query_id: id.to_string(),
            query: text_of(self.run, id),
            entries_per_sec: per_sec.map(|_| entries),
            costs_ms_per_sec: per_sec.map(|_| entries * writes::entry_ms(candidate)),
        });
        costs.collect()
    }

    fn extended(&self, candidate: &Candidate, table: &TableFacts) -> Option<String> {
        let mut indexes = self.run.indexes.facts.iter().flatten();
        let index = indexes.find(|i| candidate.extends(i, table))?;
        Some(index.indexrelname.clone())
    }

    fn reason(
        &self,
        candidate: &Candidate,
        helps: &[HelpedStatement],
        extends: Option<&str>,
    ) -> String {
        let by = match &self.what_if.method {
            WhatIfMethod::Hypopg(version) => format!("HypoPG {version}, in dbperf's session"),
            WhatIfMethod::Built => "it built in the lab, and dropped again".to_owned(),
        };
        let others = match helps.len() - 1 {
            0 => String::new(),
            1 => " (and 1 more statement)".to_owned(),
            n => format!(" (and {n} more statements)"),
        };
        let most = &helps[0];
        let extends = extends.map_or_else(String::new, |name| {
            format!("; it does all that {name} does, which can go then")
        });
        let untold = self.writers.untold(candidate);
        let untold = if untold < UNTOLD_ROWS_PER_SEC {
            String::new()
        } else {
            format!(
                "; its costs count {untold:.0} rows a second that are written to the table and that no statement of \
                 the window tells (by a trigger, a function or a WITH, say)"
            )
        };
        format!(
            "the planner uses it: statement {} costs {:.0} with the recommended indexes instead of \
             {:.0}{others}: {}; by the planner's estimates with {by}{extends}{untold}",
            most.query_id, most.cost_after, most.cost_before, most.query,
        )
    }
}

fn position_of(run: &Run, what_if: &WhatIf, candidate: &Candidate) -> Option<usize> {
    let definition = candidate.definition(super::find_by_oid(run, candidate.relid)?);
    let mut tried = what_if.indexes.iter();
    tried.position(|i| i.definition == definition)
}

fn priced(
    run: &Run,
    what_if: &WhatIf,
    wishes: &Wishes,
    writers: &Writers,
    candidate: &Candidate,
    at: Option<usize>,
) -> Priced {
    let tried = at.and_then(|at| what_if.indexes.get(at));
    let is_kin = |other: &Candidate| {
        other != candidate
            && other.relid == candidate.relid
            && other.keys.first().map(|k| &k.text) == candidate.keys.first().map(|k| &k.text)
    };
    let all = wishes.candidates.iter().enumerate();
    Priced {
        bytes: tried.and_then(|t| size::of(run, what_if, candidate, t)),
        write_ms_per_sec: writers.cost_ms_per_sec(candidate),
        refused: tried.is_none_or(|t| t.refused.is_some()),
        kin: all.filter(|(_, c)| is_kin(c)).map(|(i, _)| i).collect(),
    }
}

/// Candidates on tables of the statement that begin with a column that it seeks, or that hold all
/// that it needs.
fn relevant(wishes: &Wishes, id: QueryId) -> Set {
    let uses: Vec<_> = wishes.uses.iter().filter(|u| u.query_id == id).collect();
    let matters = |candidate: &Candidate| {
        uses.iter().any(|used| {
            let Some(first) = candidate.keys.first() else {
                return false;
            };
            let sought: BTreeSet<&String> = used.sought().collect();
            let holds = |column: &String| {
                candidate.keys.iter().any(|k| &k.text == column)
                    || candidate.include.contains(column)
            };
            let by_expression = used.expressions.iter().any(|(sql, _)| *sql == first.text);
            let covers = !candidate.include.is_empty() && used.needed.iter().all(holds);
            let applies = candidate
                .predicate
                .as_ref()
                .is_none_or(|predicate| used.constants.iter().any(|c| &c.sql == predicate));
            used.relid == candidate.relid
                && applies
                && (sought.contains(&first.text) || by_expression || covers)
        })
    };
    let all = wishes.candidates.iter().enumerate();
    all.filter(|(_, c)| matters(c)).map(|(i, _)| i).collect()
}

fn answers(
    what_if: &WhatIf,
    statements: &[QueryId],
    tried_at: &[Option<usize>],
) -> Vec<Vec<Answer>> {
    let by_record: BTreeMap<usize, usize> = tried_at
        .iter()
        .enumerate()
        .filter_map(|(i, at)| Some(((*at)?, i)))
        .collect();
    let set = |positions: &[usize]| -> Option<Set> {
        let known = positions.iter().map(|p| by_record.get(p).copied());
        known.collect()
    };
    let answer = |id: &QueryId| {
        let mine = what_if.trials.iter().filter(|t| t.query_id == *id);
        mine.filter_map(|trial| {
            Some(Answer {
                indexes: set(&trial.indexes)?,
                cost: trial.total_cost,
                page_cost: trial.page_cost,
                used: set(&trial.used)?,
            })
        })
        .collect()
    };
    statements.iter().map(answer).collect()
}

/// What the server counted of each statement in the connected database. What the ids of one parse tree did counts for
/// the one that was asked about.
fn counted(run: &Run, asked: &[QueryId]) -> BTreeMap<QueryId, StatementCounters> {
    let mut counted: BTreeMap<QueryId, StatementCounters> = BTreeMap::new();
    let (Some(window), Some(server)) = (&run.statements, &run.server) else {
        return counted;
    };
    for group in statements::groups(window) {
        let members = &group.members;
        let id = members.iter().map(|m| m.key.queryid);
        let Some(id) = id.clone().find(|id| asked.contains(id)) else {
            continue;
        };
        let here = members
            .iter()
            .filter(|m| m.key.dbid == server.database_oid && m.key.toplevel != Some(false));
        for member in here {
            let sum = counted.entry(id).or_default();
            *sum = sum.plus(&member.counters);
        }
    }
    counted
}

/// An index as large as all tables of the workload together has to give back this share of the
/// workload's time.
fn price_of_a_byte(run: &Run, wishes: &Wishes, problem: &Problem) -> f64 {
    let tables: BTreeSet<u32> = wishes.uses.iter().map(|u| u.relid).collect();
    let facts = run.tables.facts.iter().flatten();
    let bytes: u64 = facts
        .filter(|t| tables.contains(&t.relid) || t.parent.is_some_and(|p| tables.contains(&p)))
        .filter_map(|t| t.size_bytes)
        .map(|b| b.0)
        .sum();
    let total: f64 = problem.statements.iter().map(|s| s.ms_per_sec).sum();
    t::BYTES_WORTH_RATIO * total / (bytes.max(1) as f64)
}

/// The text of a statement in short.
pub(super) fn text_of(run: &Run, id: QueryId) -> String {
    let texts = run.statements.as_ref().map(|w| &w.texts);
    let text = texts.and_then(|t| t.get(&id.0));
    text.map_or_else(|| "<text not read>".to_owned(), |t| one_line(&t.query))
}

#[cfg(test)]
mod tests;
