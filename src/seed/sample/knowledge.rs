//! Learnings, decisions and the options that were weighed.

use super::copy_text::CopyText;
use super::draw::Draw;
use super::words::TOPICS;

use super::world::{AS_OF, DAY, Parent, parent};
use super::{Table, World};

pub(super) const LEARNINGS: Table = Table {
    name: "learnings",
    columns: "id, workspace_id, task_id, topic, title, body, confidence, created_at",
    base_rows: 45_000,
    min_rows: 600,
    row: learning,
};

pub(super) const DECISIONS: Table = Table {
    name: "decisions",
    columns: "id, initiative_id, made_by, title, rationale, context, status, decided_at, created_at",
    base_rows: 30_000,
    min_rows: 400,
    row: decision,
};

/// Options of one decision.
const OPTIONS: usize = 3;

pub(super) const DECISION_OPTIONS: Table = Table {
    name: "decision_options",
    columns: "id, decision_id, position, label, score, chosen",
    base_rows: 3 * DECISIONS.base_rows,
    min_rows: OPTIONS * DECISIONS.min_rows,
    row: decision_option,
};

fn learning(world: &mut World, draw: &mut Draw, index: usize, out: &mut CopyText) {
    let workspace = world.workspace(draw, index);
    let created = world.time(draw, &LEARNINGS, index, 680);
    // Three of ten came out of a task, of whichever workspace it was copied from.
    let task = draw
        .chance(0.3)
        .then(|| parent(draw, &world.tasks, created) + 1);
    let title_length = draw.length(44.0, 0.3, 14, 120);
    let title = world.corpus.title(draw, title_length);
    // Below the 2 kB from which PostgreSQL would store the text apart from its row: a sort then
    // carries the whole row.
    let body_length = draw.length(620.0, 0.5, 60, 1_750);
    let body = world.corpus.piece(draw, body_length);
    let confidence = 1.0 - draw.unit() * draw.unit();
    out.plain(index + 1)
        .plain(workspace + 1)
        .plain_or_null(task)
        .text(TOPICS[draw.skewed(TOPICS.len())])
        .text(&title)
        .text(body)
        .plain(format_args!("{confidence:.3}"))
        .time(created)
        .end_row();
}

fn decision(world: &mut World, draw: &mut Draw, index: usize, out: &mut CopyText) {
    let at = world.time(draw, &DECISIONS, index, 680);
    let initiative = parent(draw, &world.initiatives, at);
    let Parent { workspace, created } = world.initiatives[initiative];
    let created = at.max(created);
    let made_by = world.member(draw, workspace);
    let title_length = draw.length(40.0, 0.3, 14, 110);
    let title = world.corpus.title(draw, title_length);
    let rationale_length = draw.length(160.0, 0.7, 20, 1_500);
    let rationale = draw
        .chance(0.85)
        .then(|| world.corpus.piece(draw, rationale_length));
    let status = draw.weighted(&[("accepted", 71), ("superseded", 17), ("proposed", 12)]);
    let decided = (status != "proposed").then(|| (created + draw.between(0, 14 * DAY)).min(AS_OF));
    let context = format!(
        r#"{{"options": {OPTIONS}, "impact": "{}", "reversible": {}}}"#,
        draw.weighted(&[("low", 5), ("medium", 3), ("high", 1)]),
        draw.chance(0.7)
    );
    out.plain(index + 1)
        .plain(initiative + 1)
        .plain(made_by + 1)
        .text(&title)
        .text_or_null(rationale)
        .text(&context)
        .text(status)
        .time_or_null(decided)
        .time(created)
        .end_row();
}

fn decision_option(world: &mut World, draw: &mut Draw, index: usize, out: &mut CopyText) {
    let decision = index / OPTIONS;
    let position = index % OPTIONS + 1;
    let label_length = draw.length(34.0, 0.3, 14, 90);
    let label = world.corpus.title(draw, label_length);
    let score = draw.chance(0.8).then(|| draw.between(0, 10_000));
    out.plain(index + 1)
        .plain(decision + 1)
        .plain(position)
        .text(&label)
        .plain_or_null(score.map(|score| format!("{}.{:02}", score / 100, score % 100)))
        .plain(position == 1)
        .end_row();
}
