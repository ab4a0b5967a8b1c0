//! Trees: figures in columns on the left, the tree in what is left, so that a deep one pushes no figure away.

use crate::report::doc::{Column, Tone, Tree, TreeNode};
use crate::report::render::Style;

use super::layout::{cut, pad_left, pad_right, width, wrap};
use super::{cell_text, paint};

/// Blanks between two columns.
const GAP: usize = 2;

/// Figures are left out before the tree has less room than this.
const LEAST_TREE: usize = 38;

/// A tree deeper than this share of its room is not indented further.
const MOST_INDENT: usize = 2;

/// Lines of one condition at most; the JSON has all of it.
const MOST_LINES: usize = 3;

/// The lines of a tree that fits `room` columns. Columns that had no room are named below it.
pub(in crate::report) fn render(tree: &Tree, room: usize, style: Style) -> Vec<String> {
    let figures: Vec<Vec<String>> = tree
        .nodes
        .iter()
        .map(|node| figures_of(node, style))
        .collect();
    let widths: Vec<usize> = tree
        .columns
        .iter()
        .enumerate()
        .map(|(i, column)| {
            let cells = figures.iter().map(|row| width(&row[i]));
            cells.chain([width(column.title)]).max().unwrap_or(0)
        })
        .collect();
    let (shown, left_out) = fitting(&tree.columns, &widths, room);
    let left: usize = shown.iter().map(|i| widths[*i] + GAP).sum();
    let drawing = Drawing {
        tree,
        widths,
        shown,
        room: room.saturating_sub(left).max(8),
        style,
    };
    let mut lines = vec![drawing.head()];
    for (i, node) in tree.nodes.iter().enumerate() {
        drawing.node(i, node, &figures[i], &mut lines);
    }
    if !left_out.is_empty() {
        let note = format!("Left out at this width: {}.", left_out.join(", "));
        let wrapped = wrap(&note, room);
        lines.extend(wrapped.iter().map(|l| paint(l, Tone::Dim, style.color)));
    }
    lines
}

fn figures_of(node: &TreeNode, style: Style) -> Vec<String> {
    let cells = node.figures.iter();
    cells.map(|c| cell_text(c, style.unicode)).collect()
}

/// The columns that are shown, and the titles of those that had no room.
fn fitting(columns: &[Column], widths: &[usize], room: usize) -> (Vec<usize>, Vec<&'static str>) {
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let mut left_out = Vec::new();
    let needed = |shown: &[usize]| shown.iter().map(|i| widths[*i] + GAP).sum::<usize>();
    while needed(&shown) + LEAST_TREE > room {
        let last = shown.iter().copied().max_by_key(|i| columns[*i].drop);
        match last.filter(|i| columns[*i].drop > 0) {
            Some(i) => {
                shown.retain(|other| *other != i);
                left_out.push(i);
            }
            None => break,
        }
    }
    left_out.sort_unstable();
    let titles = left_out.iter().map(|i| columns[*i].title).collect();
    (shown, titles)
}

struct Drawing<'a> {
    tree: &'a Tree,
    widths: Vec<usize>,
    shown: Vec<usize>,
    /// Columns of the tree itself.
    room: usize,
    style: Style,
}

impl Drawing<'_> {
    fn head(&self) -> String {
        let mut line = String::new();
        for &i in &self.shown {
            let column = &self.tree.columns[i];
            line.push_str(&self.padded(column.title, i));
            line.push_str(&" ".repeat(GAP));
        }
        line.push_str(self.tree.title);
        paint(&line, Tone::Dim, self.style.color)
    }

    fn padded(&self, text: &str, column: usize) -> String {
        if self.tree.columns[column].right {
            pad_left(text, self.widths[column])
        } else {
            pad_right(text, self.widths[column])
        }
    }

    fn node(&self, at: usize, node: &TreeNode, figures: &[String], lines: &mut Vec<String>) {
        let color = self.style.color;
        let mut line = String::new();
        for &i in &self.shown {
            let text = self.padded(&figures[i], i);
            line.push_str(&paint(&text, node.figures[i].tone, color));
            line.push_str(&" ".repeat(GAP));
        }
        let left: usize = self.shown.iter().map(|i| self.widths[*i] + GAP).sum();
        let guide = self.guide(at);
        let room = self.room.saturating_sub(width(&guide)).max(8);
        let label = cut(
            &cell_text(&node.label, self.style.unicode),
            room,
            self.style.unicode,
        );
        line.push_str(&paint(&guide, Tone::Dim, color));
        line.push_str(&paint(&label, node.label.tone, color));
        lines.push(line);
        let below = self.below(at);
        let room = self.room.saturating_sub(width(&below)).max(8);
        for cell in &node.lines {
            let text = cell_text(cell, self.style.unicode);
            let mut wrapped = wrap(&text, room.saturating_sub(2).max(6));
            if wrapped.len() > MOST_LINES {
                wrapped.truncate(MOST_LINES);
                if let Some(last) = wrapped.last_mut() {
                    let long = format!("{last} {}", "x".repeat(room));
                    *last = cut(&long, room.saturating_sub(2).max(6), self.style.unicode);
                }
            }
            for (i, text) in wrapped.iter().enumerate() {
                let indent = if i == 0 { "" } else { "  " };
                lines.push(format!(
                    "{}{}{indent}{}",
                    " ".repeat(left),
                    paint(&below, Tone::Dim, color),
                    paint(text, cell.tone, color)
                ));
            }
        }
    }

    /// What stands before a node's label: a line for every ancestor that has more children to come.
    fn guide(&self, at: usize) -> String {
        let depth = self.tree.nodes[at].depth;
        let [bar, _, corner, fork] = self.signs();
        let mut guide = self.bars(at, depth.saturating_sub(1), bar);
        if depth > 0 {
            guide.push_str(if self.goes_on(at, depth) {
                fork
            } else {
                corner
            });
        }
        guide
    }

    /// What stands before a node's further lines.
    fn below(&self, at: usize) -> String {
        let depth = self.tree.nodes[at].depth;
        let [bar, blank, ..] = self.signs();
        let mut below = self.bars(at, depth, bar);
        let next = self.tree.nodes.get(at + 1);
        let has_child = next.is_some_and(|next| next.depth > depth);
        below.push_str(if has_child { bar } else { blank });
        below
    }

    fn bars(&self, at: usize, levels: usize, bar: &str) -> String {
        let blank = " ".repeat(width(bar));
        let most = self.room / MOST_INDENT / width(bar).max(1);
        (1..=levels)
            .take(most)
            .map(|level| {
                if self.goes_on(at, level) {
                    bar
                } else {
                    blank.as_str()
                }
            })
            .collect()
    }

    /// After this node and all below it another node of `level` comes, before one that is less deep.
    fn goes_on(&self, at: usize, level: usize) -> bool {
        let later = self.tree.nodes[at + 1..].iter();
        let mut shallow = later.skip_while(|node| node.depth > level);
        shallow.next().is_some_and(|node| node.depth == level)
    }

    fn signs(&self) -> [&'static str; 4] {
        if self.style.unicode {
            ["│ ", "  ", "└ ", "├ "]
        } else {
            ["| ", "  ", "` ", "+ "]
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::report::doc::Cell;

    fn tree(depths: &[usize]) -> Tree {
        Tree {
            columns: vec![
                Column::number("Own"),
                Column::number("Loops").drop(1),
                Column::number("Blocks").drop(2),
            ],
            title: "Node",
            nodes: depths
                .iter()
                .map(|depth| TreeNode {
                    depth: *depth,
                    figures: vec![Cell::new("1.5 ms"), Cell::new("3"), Cell::new("12.0 MiB")],
                    label: Cell::new(format!("Seq Scan on tasks{depth}")),
                    lines: vec![Cell::new("Filter: (a = $1)")],
                })
                .collect(),
        }
    }

    fn drawn(depths: &[usize], room: usize, unicode: bool) -> String {
        let style = Style {
            width: 80,
            color: false,
            unicode,
        };
        render(&tree(depths), room, style).join("\n")
    }

    #[test]
    fn branches_end_where_their_last_child_stands() {
        assert_eq!(
            drawn(&[0, 1, 2, 1], 90, true),
            "   Own  Loops    Blocks  Node\n\
             1.5 ms      3  12.0 MiB  Seq Scan on tasks0\n\
             \x20                        │ Filter: (a = $1)\n\
             1.5 ms      3  12.0 MiB  ├ Seq Scan on tasks1\n\
             \x20                        │ │ Filter: (a = $1)\n\
             1.5 ms      3  12.0 MiB  │ └ Seq Scan on tasks2\n\
             \x20                        │     Filter: (a = $1)\n\
             1.5 ms      3  12.0 MiB  └ Seq Scan on tasks1\n\
             \x20                            Filter: (a = $1)"
        );
    }

    #[test]
    fn a_narrow_tree_gives_up_figures_and_says_which() {
        let narrow = drawn(&[0, 1], 48, false);
        assert!(
            narrow.ends_with("Left out at this width: Loops, Blocks."),
            "{narrow}"
        );
        assert!(narrow.contains("1.5 ms  ` Seq Scan on tasks1"), "{narrow}");
        assert!(narrow.is_ascii());
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_asked(steps in prop::collection::vec(-3_i32..2, 0..60), room in 58_usize..200) {
            let mut depths = vec![0_usize];
            for step in steps {
                let last = i32::try_from(*depths.last().unwrap()).unwrap();
                depths.push(usize::try_from((last + step).max(1)).unwrap());
            }
            for unicode in [true, false] {
                for line in drawn(&depths, room, unicode).lines() {
                    prop_assert!(width(line) <= room, "{line:?}");
                }
            }
        }
    }
}
