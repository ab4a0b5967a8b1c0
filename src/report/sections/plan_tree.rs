//! A plan as a tree: what each node did by itself, and what hurts there.

use crate::analyze::conclusions::{Insight, Plan, PlanNode, Severity};
use crate::report::doc::{Cell, Column, Tone, Tree, TreeNode};
use crate::report::format::{amount, bytes, duration, number, percent};

/// A node with this share of the time or cost is where to look first.
const MUCH: f64 = 0.5;
/// One with this share is worth a look.
const SOME: f64 = 0.1;

/// An estimate that is off by less than this is a good one.
const OFF: f64 = 2.0;
/// An estimate that is off by this makes bad plans.
const OFF_MUCH: f64 = 100.0;

/// Bytes of a block, PostgreSQL's default `block_size`.
const BLOCK: f64 = 8192.0;

/// The tree of a plan; `None` where there is no plan.
pub(super) fn tree(plan: &Plan) -> Option<Tree> {
    if plan.nodes.is_empty() {
        return None;
    }
    let figures = Figures::of(&plan.nodes);
    Some(Tree {
        columns: figures.columns(),
        title: "Node",
        nodes: plan
            .nodes
            .iter()
            .enumerate()
            .map(|(i, node)| TreeNode {
                depth: node.depth,
                figures: figures.cells(node),
                label: label(node),
                lines: lines(node, insights_at(plan, i)),
            })
            .collect(),
    })
}

fn insights_at(plan: &Plan, position: usize) -> impl Iterator<Item = &Insight> {
    let here = move |insight: &&Insight| insight.position == Some(position);
    plan.insights.iter().filter(here)
}

fn label(node: &PlanNode) -> Cell {
    let cell = Cell::new(match &node.subplan_name {
        Some(name) => format!("{name}: {}", node.label),
        None => node.label.clone(),
    });
    if node.never_executed {
        return cell.tone(Tone::Dim);
    }
    cell.tone(match node.own_ratio.or(Some(node.cost_ratio)) {
        Some(share) if share >= SOME => Tone::Strong,
        _ => Tone::Plain,
    })
}

fn lines<'a>(node: &PlanNode, insights: impl Iterator<Item = &'a Insight>) -> Vec<Cell> {
    let dim = |text: &String| Cell::new(text.clone()).tone(Tone::Dim);
    let never = node.never_executed.then(|| "never executed".to_owned());
    let told = node.conditions.iter().chain(&node.details).chain(&never);
    let hurts = insights.map(|insight| {
        Cell::new(format!("! {}", insight.rule)).tone(match insight.severity {
            Severity::Critical => Tone::Bad,
            Severity::Warning => Tone::Warn,
            Severity::Info => Tone::Plain,
        })
    });
    told.map(dim).chain(hurts).collect()
}

/// Which figures a plan has: one that no node has is no column.
#[derive(Debug, Clone, Copy)]
struct Figures {
    executed: bool,
    timed: bool,
    off: bool,
    loops: bool,
    hit: bool,
    read: bool,
    io: bool,
    temp: bool,
}

impl Figures {
    fn of(nodes: &[PlanNode]) -> Self {
        let any = |is: fn(&PlanNode) -> bool| nodes.iter().any(is);
        let some = |blocks: Option<f64>| blocks.is_some_and(|n| n > 0.0);
        Self {
            executed: any(|n| n.actual_rows.is_some()),
            timed: any(|n| n.actual_rows.is_some() && n.own_ms.is_some()),
            off: any(|n| n.rows_off_factor.is_some_and(|off| off >= OFF)),
            loops: any(|n| n.loops.is_some_and(|loops| loops > 1.0)),
            hit: nodes.iter().any(|n| some(n.shared_hit_blocks)),
            read: nodes.iter().any(|n| some(n.shared_read_blocks)),
            io: nodes.iter().any(|n| some(n.io_read_ms)),
            temp: nodes.iter().any(|n| some(n.temp_blocks)),
        }
    }

    fn columns(self) -> Vec<Column> {
        let all = [
            (self.timed, Column::number("Own time")),
            (self.timed, Column::number("Share").drop(1)),
            (!self.timed, Column::number("Own cost")),
            (
                true,
                Column::number("Est. rows").drop(if self.executed { 5 } else { 0 }),
            ),
            (self.executed, Column::number("Rows")),
            (self.off, Column::number("Off by").drop(2)),
            (self.loops, Column::number("Loops").drop(4)),
            (self.hit, Column::number("Cached").drop(7)),
            (self.read, Column::number("Read").drop(3)),
            (self.io, Column::number("Read time").drop(6)),
            (self.temp, Column::number("Temp").drop(3)),
        ];
        let shown = all.into_iter().filter(|(shown, _)| *shown);
        shown.map(|(_, column)| column).collect()
    }

    fn cells(self, node: &PlanNode) -> Vec<Cell> {
        let known = |value: Option<f64>, show: fn(f64) -> String| {
            Cell::new(
                value
                    .filter(|_| !node.never_executed)
                    .map_or_else(String::new, show),
            )
        };
        let more_than_none = |value: Option<f64>| value.filter(|n| *n > 0.0);
        let blocks = |n: Option<f64>| known(more_than_none(n), in_bytes);
        let share = tone_of_share(node.own_ratio);
        let all = [
            (self.timed, known(node.own_ms, duration).tone(share)),
            (self.timed, known(node.own_ratio, percent).tone(share)),
            (
                !self.timed,
                known(Some(node.cost_ratio), percent).tone(tone_of_share(Some(node.cost_ratio))),
            ),
            (true, Cell::new(amount(node.estimated_rows))),
            (self.executed, known(node.actual_rows, amount)),
            (self.off, off(node)),
            (self.loops, known(node.loops, amount)),
            (self.hit, blocks(node.shared_hit_blocks)),
            (self.read, blocks(node.shared_read_blocks)),
            (self.io, known(more_than_none(node.io_read_ms), duration)),
            (self.temp, blocks(node.temp_blocks)),
        ];
        let shown = all.into_iter().filter(|(shown, _)| *shown);
        shown.map(|(_, cell)| cell).collect()
    }
}

fn tone_of_share(share: Option<f64>) -> Tone {
    match share {
        Some(share) if share >= MUCH => Tone::Bad,
        Some(share) if share >= SOME => Tone::Warn,
        _ => Tone::Plain,
    }
}

/// How far an estimate is from what came, in words that say in which direction.
fn off(node: &PlanNode) -> Cell {
    let factor = node.rows_off_factor.filter(|off| *off >= OFF);
    let (Some(factor), Some(actual)) = (factor, node.actual_rows) else {
        return Cell::new("");
    };
    let direction = if actual > node.estimated_rows {
        "more"
    } else {
        "less"
    };
    Cell::new(format!("{}× {direction}", number(factor))).tone(if factor >= OFF_MUCH {
        Tone::Bad
    } else {
        Tone::Warn
    })
}

fn in_bytes(blocks: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of blocks"
    )]
    let size = (blocks.max(0.0) * BLOCK) as u64;
    bytes(size)
}
