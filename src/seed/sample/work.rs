//! Initiatives, their plans, tasks and what happened to the tasks.

use super::copy_text::CopyText;
use super::draw::Draw;

use super::world::{AS_OF, DAY, HOUR, Parent, parent};
use super::{Table, World};

pub(super) const INITIATIVES: Table = Table {
    name: "initiatives",
    columns: "id, workspace_id, owner_id, title, description, status, priority, timeline_weeks, \
              budget, created_at, updated_at",
    base_rows: 12_000,
    min_rows: 400,
    row: initiative,
};

pub(super) const PLANS: Table = Table {
    name: "plans",
    columns: "id, workspace_id, initiative_id, title, status, details, starts_on, created_at",
    base_rows: 24_000,
    min_rows: 800,
    row: plan,
};

pub(super) const TASKS: Table = Table {
    name: "tasks",
    columns: "id, workspace_id, plan_id, assignee_id, title, status, priority, estimate_hours, \
              due_at, created_at, updated_at",
    base_rows: 250_000,
    min_rows: 1_000,
    row: task,
};

pub(super) const TASK_EVENTS: Table = Table {
    name: "task_events",
    columns: "id, task_id, actor_id, kind, payload, created_at",
    base_rows: 220_000,
    min_rows: 1_000,
    row: task_event,
};

const PRIORITIES: [(&str, u32); 4] = [("normal", 60), ("high", 22), ("low", 13), ("urgent", 5)];

fn initiative(world: &mut World, draw: &mut Draw, index: usize, out: &mut CopyText) {
    let workspace = world.workspace(draw, index);
    let owner = world.member(draw, workspace);
    let created = world.time(draw, &INITIATIVES, index, 720);
    world.initiatives.push(Parent { workspace, created });
    let title_length = draw.length(38.0, 0.35, 14, 110);
    let title = world.corpus.title(draw, title_length);
    let description_length = draw.length(180.0, 0.8, 20, 1_800);
    let description = draw
        .chance(0.8)
        .then(|| world.corpus.piece(draw, description_length).to_owned());
    let status = if AS_OF - created > 150 * DAY {
        draw.weighted(&[
            ("done", 62),
            ("active", 18),
            ("cancelled", 13),
            ("paused", 7),
        ])
    } else {
        draw.weighted(&[("active", 58), ("draft", 27), ("paused", 8), ("done", 7)])
    };
    let budget = draw
        .chance(0.4)
        .then(|| draw.length(9_000.0, 1.0, 200, 400_000));
    out.plain(index + 1)
        .plain(workspace + 1)
        .plain(owner + 1)
        .text(&title)
        .text_or_null(description.as_deref())
        .text(status)
        .text(draw.weighted(&PRIORITIES))
        .plain(draw.between(2, 26))
        .plain_or_null(budget)
        .time(created)
        .time((created + draw.between(0, 40 * DAY)).min(AS_OF))
        .end_row();
}

fn plan(world: &mut World, draw: &mut Draw, index: usize, out: &mut CopyText) {
    let at = world.time(draw, &PLANS, index, 700);
    let initiative = parent(draw, &world.initiatives, at);
    let Parent { workspace, created } = world.initiatives[initiative];
    let created = at.max(created);
    world.plans.push(Parent { workspace, created });
    let title_length = draw.length(32.0, 0.3, 14, 90);
    let title = world.corpus.title(draw, title_length);
    let status = if AS_OF - created > 90 * DAY {
        draw.weighted(&[("finished", 74), ("abandoned", 16), ("running", 10)])
    } else {
        draw.weighted(&[("running", 52), ("proposed", 33), ("finished", 15)])
    };
    let details = format!(
        r#"{{"steps": {}, "source": "{}"}}"#,
        draw.between(2, 14),
        draw.weighted(&[("template", 3), ("manual", 2)])
    );
    let starts = draw
        .chance(0.7)
        .then(|| created + draw.between(1, 30) * DAY);
    out.plain(index + 1)
        .plain(workspace + 1)
        .plain(initiative + 1)
        .text(&title)
        .text(status)
        .text(&details)
        .time_or_null(starts)
        .time(created)
        .end_row();
}

fn task(world: &mut World, draw: &mut Draw, index: usize, out: &mut CopyText) {
    let at = world.time(draw, &TASKS, index, 690);
    let plan = parent(draw, &world.plans, at);
    let Parent { workspace, created } = world.plans[plan];
    let created = at.max(created);
    world.tasks.push(Parent { workspace, created });
    let assignee = draw.chance(0.88).then(|| world.member(draw, workspace) + 1);
    let title_length = draw.length(56.0, 0.35, 16, 160);
    let title = world.corpus.title(draw, title_length);
    let status = if AS_OF - created > 60 * DAY {
        draw.weighted(&[("done", 86), ("dropped", 8), ("open", 4), ("blocked", 2)])
    } else {
        draw.weighted(&[
            ("open", 46),
            ("doing", 24),
            ("done", 20),
            ("blocked", 8),
            ("dropped", 2),
        ])
    };
    let estimate = draw.chance(0.45).then(|| draw.length(4.0, 0.8, 1, 80));
    let due = draw
        .chance(0.6)
        .then(|| created + draw.between(1, 60) * DAY);
    out.plain(index + 1)
        .plain(workspace + 1)
        .plain(plan + 1)
        .plain_or_null(assignee)
        .text(&title)
        .text(status)
        .text(draw.weighted(&PRIORITIES))
        .plain_or_null(estimate)
        .time_or_null(due)
        .time(created)
        .time((created + draw.between(0, 20 * DAY)).min(AS_OF))
        .end_row();
}

fn task_event(world: &mut World, draw: &mut Draw, index: usize, out: &mut CopyText) {
    let at = world.time(draw, &TASK_EVENTS, index, 685);
    let task = parent(draw, &world.tasks, at);
    let Parent { workspace, created } = world.tasks[task];
    let actor = world.member(draw, workspace);
    let (kind, payload) = match draw.between(0, 9) {
        0..=2 => ("status_changed", Some(r#"{"from": "open", "to": "doing"}"#)),
        3..=4 => ("status_changed", Some(r#"{"from": "doing", "to": "done"}"#)),
        5..=6 => ("commented", None),
        7 => ("assigned", None),
        8 => ("due_changed", Some(r#"{"days": 7}"#)),
        _ => ("created", None),
    };
    out.plain(index + 1)
        .plain(task + 1)
        .plain(actor + 1)
        .text(kind)
        .text_or_null(payload)
        .time(at.max(created + HOUR).min(AS_OF))
        .end_row();
}
