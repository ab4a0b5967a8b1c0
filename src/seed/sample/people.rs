//! Workspaces and their members.

use super::copy_text::CopyText;
use super::draw::Draw;
use super::words::{FIRST_NAMES, LAST_NAMES};

use super::world::{AS_OF, DAY, WORKSPACES as WORKSPACE_COUNT};
use super::{Table, World};

pub(super) const WORKSPACES: Table = Table {
    name: "workspaces",
    columns: "id, name, slug, tier, created_at",
    // The number does not follow the scale, so the world's constant is both.
    base_rows: 0,
    min_rows: WORKSPACE_COUNT,
    row: workspace,
};

pub(super) const MEMBERS: Table = Table {
    name: "members",
    columns: "id, workspace_id, email, display_name, role, settings, joined_at, last_seen_at",
    base_rows: 5_000,
    min_rows: 2 * WORKSPACE_COUNT,
    row: member,
};

fn workspace(world: &mut World, draw: &mut Draw, index: usize, out: &mut CopyText) {
    let id = index + 1;
    let name = world.corpus.title(draw, 24);
    let slug = format!("{}-{id}", name.to_lowercase().replace(' ', "-"));
    // The large workspaces are the paying ones.
    let tier = match index {
        0..20 => "enterprise",
        20..90 => "team",
        _ => "free",
    };
    let created = AS_OF - draw.between(760, 1_400) * DAY;
    out.plain(id)
        .text(&name)
        .text(&slug)
        .text(tier)
        .time(created)
        .end_row();
}

fn member(world: &mut World, draw: &mut Draw, index: usize, out: &mut CopyText) {
    let id = index + 1;
    let workspace = world.workspace(draw, index);
    let first_in_workspace = world.members_of[workspace].is_empty();
    world.members_of[workspace].push(index);
    let first = FIRST_NAMES[draw.below(FIRST_NAMES.len())];
    let last = LAST_NAMES[draw.below(LAST_NAMES.len())];
    let role = if first_in_workspace {
        "owner"
    } else {
        draw.weighted(&[("member", 80), ("viewer", 13), ("admin", 7)])
    };
    let settings = draw
        .chance(0.35)
        .then(|| draw.weighted(&[(r#"{"digest": "weekly"}"#, 3), (r#"{"theme": "dark"}"#, 2)]));
    let joined = world.time(draw, &MEMBERS, index, 750);
    let seen = draw.chance(0.88).then(|| {
        let days = i64::try_from(draw.skewed(90)).unwrap_or(0);
        (AS_OF - days * DAY - draw.between(0, DAY)).max(joined)
    });
    out.plain(id)
        .plain(workspace + 1)
        .text(&format!(
            "{}.{}.{id}@example.com",
            first.to_lowercase(),
            last.to_lowercase()
        ))
        .text(&format!("{first} {last}"))
        .text(role)
        .text_or_null(settings)
        .time(joined)
        .time_or_null(seen)
        .end_row();
}
