//! Messages between members, and reports.

use super::copy_text::CopyText;
use super::draw::Draw;

use super::world::{AS_OF, DAY};
use super::{Table, World};

pub(super) const MESSAGES: Table = Table {
    name: "messages",
    columns: "id, workspace_id, sender_id, recipient_id, channel, subject, body, metadata, sent_at, read_at",
    base_rows: 320_000,
    min_rows: 1_000,
    row: message,
};

pub(super) const REPORTS: Table = Table {
    name: "reports",
    columns: "id, workspace_id, requested_by, kind, period_days, summary, created_at",
    base_rows: 1_500,
    min_rows: 50,
    row: report,
};

fn message(world: &mut World, draw: &mut Draw, index: usize, out: &mut CopyText) {
    let workspace = world.workspace(draw, index);
    let sent = world.time(draw, &MESSAGES, index, 690);
    let sender = world.member(draw, workspace);
    let recipient = world.member(draw, workspace);
    let subject_length = draw.length(30.0, 0.3, 14, 90);
    let subject = world.corpus.title(draw, subject_length);
    let body_length = draw.length(95.0, 0.7, 14, 1_200);
    let body = world.corpus.piece(draw, body_length);
    let metadata = draw.chance(0.1).then(|| {
        draw.weighted(&[
            (r#"{"template": "reminder"}"#, 3),
            (r#"{"reply_to": "thread"}"#, 1),
        ])
    });
    let unread = if AS_OF - sent < 3 * DAY { 0.55 } else { 0.12 };
    let read = (!draw.chance(unread)).then(|| (sent + draw.between(60, 2 * DAY)).min(AS_OF));
    out.plain(index + 1)
        .plain(workspace + 1)
        .plain(sender + 1)
        .plain(recipient + 1)
        .text(draw.weighted(&[("in_app", 63), ("email", 25), ("slack", 12)]))
        .text(&subject)
        .text(body)
        .text_or_null(metadata)
        .time(sent)
        .time_or_null(read)
        .end_row();
}

fn report(world: &mut World, draw: &mut Draw, index: usize, out: &mut CopyText) {
    // Few workspaces ask for reports, the large ones most often.
    let workspace = draw.skewed(40);
    let requested_by = world.member(draw, workspace);
    let created = world.time(draw, &REPORTS, index, 400);
    let summary = format!(
        r#"{{"messages": {}, "learnings": {}}}"#,
        draw.between(10, 9_000),
        draw.between(0, 400)
    );
    out.plain(index + 1)
        .plain(workspace + 1)
        .plain(requested_by + 1)
        .text(draw.weighted(&[("communication", 6), ("progress", 3), ("decisions", 1)]))
        .text(draw.weighted(&[("7", 5), ("30", 4), ("90", 1)]))
        .text(&summary)
        .time(created)
        .end_row();
}
