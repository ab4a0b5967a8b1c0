//! A report as GitHub-flavoured Markdown: the same sections, escaped so that no name or query can
//! become markup.

use std::fmt::{self, Write as _};

use super::chart::Chart;
use super::clean::clean;
use super::doc::{Bar, Block, Cell, Item, Report, Section, Table, Tone, Tree};
use super::format::one_line;
use super::render::Style;

/// Columns of a drawing; what most pages show without a scroll bar.
const CHART_WIDTH: u16 = 80;

/// Columns of a tree, which is worth a scroll bar.
const TREE_WIDTH: u16 = 120;

/// Renders the report. A chart is drawn in characters, or is the picture at an address.
pub(super) fn render(report: &Report, picture: Option<&str>) -> String {
    let mut page = String::from("# dbperf report\n");
    let out = &mut page;
    for line in &report.head {
        add(out, format_args!("\n{}  ", escape(line)));
    }
    out.push('\n');
    for doubt in &report.doubts {
        add(out, format_args!("\n> **WARNING** {}\n", escape(doubt)));
    }
    for part in &report.sections {
        section(part, picture, out);
    }
    page
}

/// Appends formatted text; writing into memory cannot fail.
fn add(out: &mut String, text: fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

fn section(section: &Section, picture: Option<&str>, out: &mut String) {
    add(out, format_args!("\n## {}\n", escape(section.title)));
    if let Some(source) = &section.source {
        add(out, format_args!("\n*{}*\n", escape(source)));
    }
    let drawn = |block: &&Block| picture.is_some() || block.is_worth_characters();
    for block in section.blocks.iter().filter(drawn) {
        out.push('\n');
        match block {
            Block::Text(cell) => add(out, format_args!("{}\n", inline(cell))),
            Block::Heading(cell) => add(out, format_args!("### {}\n", escape(&cell.text))),
            Block::Table(rows) => table(rows, out),
            Block::Tree(nodes) => tree(nodes, out),
            Block::Bars(rows) => bars(rows, out),
            Block::Chart(figure) => match picture {
                Some(address) => {
                    add(
                        out,
                        format_args!("![{}]({address})\n", escape(&figure.title)),
                    );
                }
                None => chart(figure, out),
            },
            Block::Items(entries) => items(entries, out),
            Block::Code(text) => fenced(text, "text", out),
        }
    }
}

fn table(table: &Table, out: &mut String) {
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    out.push_str(&row(table
        .columns
        .iter()
        .map(|c| escape(c.title))
        .collect()));
    let rule = |right| if right { "---:" } else { "---" }.to_owned();
    out.push_str(&row(table.columns.iter().map(|c| rule(c.right)).collect()));
    for cells in &table.rows {
        // In a table even code has to escape the pipe (`GitHub` Flavored Markdown, tables).
        let cell = |c: &Cell| {
            if c.code {
                code(&c.text).replace('|', "\\|")
            } else {
                inline(c)
            }
        };
        out.push_str(&row(cells.iter().map(cell).collect()));
    }
}

/// The drawing for a terminal: a page of Markdown cannot hold a picture, only point at one that has a file.
fn chart(chart: &Chart, out: &mut String) {
    let style = Style {
        width: CHART_WIDTH,
        ..Style::default()
    };
    let lines = super::text::chart(chart, usize::from(style.width), style);
    fenced(&lines.join("\n"), "text", out);
}

/// The tree of a terminal: no table of Markdown keeps an indentation.
fn tree(tree: &Tree, out: &mut String) {
    let style = Style {
        width: TREE_WIDTH,
        ..Style::default()
    };
    let lines = super::text::tree(tree, usize::from(style.width), style);
    fenced(&lines.join("\n"), "text", out);
}

fn bars(bars: &[Bar], out: &mut String) {
    out.push_str("| Part | Share | Mean | Basis |\n| --- | ---: | ---: | --- |\n");
    for bar in bars {
        let [share, mean, basis] = &bar.figures;
        add(
            out,
            format_args!(
                "| {} | {} | {} | {} |\n",
                escape(&bar.label),
                escape(share),
                escape(mean),
                escape(basis)
            ),
        );
    }
}

fn items(items: &[Item], out: &mut String) {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        // Whatever belongs to an entry stands below its text (`CommonMark`, list items).
        let indent = " ".repeat((i + 1).to_string().len() + 2);
        let mark = item
            .mark
            .as_ref()
            .map_or_else(String::new, |mark| format!("**{}** ", escape(&mark.text)));
        add(
            out,
            format_args!("{}. {mark}{}\n", i + 1, inline(&item.title)),
        );
        for (label, cell) in &item.lines {
            if label.is_empty() {
                add(
                    out,
                    format_args!(
                        "\n{indent}{}\n",
                        inline(&Cell {
                            tone: Tone::Plain,
                            ..cell.clone()
                        })
                    ),
                );
            } else if cell.code {
                add(out, format_args!("\n{indent}{label}:\n\n"));
                let mut block = String::new();
                fenced(&clean(&cell.text), "sql", &mut block);
                for line in block.lines() {
                    add(out, format_args!("{indent}{line}\n"));
                }
            } else {
                add(
                    out,
                    format_args!("\n{indent}{label}: {}\n", escape(&cell.text)),
                );
            }
        }
    }
}

fn inline(cell: &Cell) -> String {
    if cell.code {
        return code(&cell.text);
    }
    let text = escape(&cell.text);
    match cell.tone {
        Tone::Strong | Tone::Bad if !text.is_empty() => format!("**{text}**"),
        _ => text,
    }
}

/// A code span. Its fence is longer than any run of backticks inside (`CommonMark`, code spans).
fn code(text: &str) -> String {
    let text = one_line(&clean(text));
    if text.is_empty() {
        return text;
    }
    let fence = "`".repeat(longest_run(&text, '`') + 1);
    // Blanks keep a backtick at either end apart from the fence.
    let pad = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

fn fenced(text: &str, language: &str, out: &mut String) {
    let fence = "`".repeat(longest_run(text, '`').max(2) + 1);
    add(out, format_args!("{fence}{language}\n"));
    for line in text.lines() {
        add(out, format_args!("{}\n", clean(line)));
    }
    add(out, format_args!("{fence}\n"));
}

fn longest_run(text: &str, wanted: char) -> usize {
    let (mut longest, mut run) = (0, 0);
    for c in text.chars() {
        run = if c == wanted { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// Text of which no character is markup: neither Markdown's nor HTML's.
fn escape(text: &str) -> String {
    let text = one_line(&clean(text));
    let mut out = String::with_capacity(text.len() + 8);
    for (i, c) in text.chars().enumerate() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            // Only at the beginning would these start a heading or a list.
            '#' | '-' | '+' if i == 0 => {
                out.push('\\');
                out.push(c);
            }
            // A mention would call somebody.
            '@' => out.push_str("@\u{2060}"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_only_text() {
        assert_eq!(
            escape("a|b `c` <img src=x onerror=alert(1)> [x](javascript:y) \u{1b}[31m"),
            "a\\|b \\`c\\` &lt;img src=x onerror=alert(1)&gt; \\[x\\](javascript:y)"
        );
        assert_eq!(
            escape("# no heading\n- no list"),
            "\\# no heading - no list"
        );
    }

    #[test]
    fn the_tenth_entry_keeps_what_belongs_to_it() {
        let entry = Item {
            mark: None,
            title: Cell::new("x"),
            lines: vec![("do", Cell::code("select 1"))],
        };
        let mut out = String::new();
        items(&vec![entry; 10], &mut out);
        assert!(out.starts_with("1. x\n\n   do:\n\n   ```sql\n   select 1\n"));
        assert!(out.ends_with("10. x\n\n    do:\n\n    ```sql\n    select 1\n    ```\n"));
    }

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        assert_eq!(code("select 1"), "`select 1`");
        assert_eq!(code("a ``b`"), "``` a ``b` ```");
        let mut out = String::new();
        fenced("```\nx", "sql", &mut out);
        assert_eq!(out, "````sql\n```\nx\n````\n");
    }
}
