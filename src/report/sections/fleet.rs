//! What the instances may have of the server's connections, and the recommendation as settings.

use crate::analyze::conclusions::{Fleet, Pooler, Recommendation};
use crate::report::doc::{Block, Cell, Column, Section, Table, Tone};
use crate::report::format::{percent, plural};

/// The budget of the fleet and the pooler, where there is more to say than the size.
pub(super) fn budget(advice: &Recommendation, section: &mut Section) {
    if let Some(fleet) = &advice.fleet
        && (advice.instances > 1 || fleet.surge_ratio > 0.0)
    {
        section.text(sentence(fleet, advice));
    }
    let pooler = advice.pooler.as_ref();
    if let Some(pooler) = pooler.filter(|p| p.need != "not-needed") {
        plan(pooler, section);
    }
}

fn sentence(fleet: &Fleet, advice: &Recommendation) -> String {
    let limit = fleet.connection_limit.as_ref();
    let limit = limit.map_or(String::new(), |l| {
        format!(", within the CONNECTION LIMIT of {l}")
    });
    let at_once = match fleet.instances_in_rollout.saturating_sub(advice.instances) {
        0 => format!("For {} that is", instances(advice.instances)),
        more => format!(
            "A rolling deploy adds {more} to {}, so that is",
            instances(advice.instances)
        ),
    };
    format!(
        "Fleet: of {} usable connections, {} of others and {} in reserve leave {}{limit}. {at_once} {} \
         each without a pooler. With this recommendation the server has at most {} of them in use by the \
         application.",
        fleet.usable_connections,
        fleet.other_connections,
        percent(fleet.headroom_ratio),
        fleet.budget_connections,
        fleet.budget_per_instance,
        fleet.connections_in_rollout,
    )
}

fn instances(number: u32) -> String {
    plural(u64::from(number), "instance", "instances")
}

fn plan(pooler: &Pooler, section: &mut Section) {
    let title = if pooler.need == "needed" {
        "A pooler is needed: PgBouncer"
    } else {
        "PgBouncer in front of the server"
    };
    section.heading(title);
    let mut table = Table::new([
        Column::word("Setting"),
        Column::number("Value"),
        Column::prose("Meaning"),
    ]);
    let mut row = |name: &str, value: Option<u32>, meaning: String| {
        table.row([
            Cell::code(name),
            Cell::known(value, |n| n.to_string()),
            Cell::new(meaning).tone(Tone::Dim),
        ]);
    };
    row(
        "default_pool_size",
        Some(pooler.default_pool_size),
        format!(
            "server connections of one user on one database in one process ({}, {}, {})",
            plural(u64::from(pooler.users), "user", "users"),
            plural(u64::from(pooler.databases), "database", "databases"),
            plural(u64::from(pooler.processes), "process", "processes")
        ),
    );
    row(
        "reserve_pool_size",
        Some(pooler.reserve_pool_size),
        "more of them for clients that have waited for reserve_pool_timeout".to_owned(),
    );
    row(
        "max_db_connections",
        Some(pooler.max_db_connections),
        "server connections of one database in one process".to_owned(),
    );
    row(
        "max_client_conn",
        Some(pooler.max_client_conn),
        "connections of all instances to one process, in a rolling deploy, and a tenth more"
            .to_owned(),
    );
    section.table(table);
    let now = pooler
        .present_server_connections_max
        .map_or(String::new(), |now| format!("; as it is set now, {now}"));
    section.text(format!(
        "In {} mode. The server has at most {} connections of it{now}; the settings are made for {} in \
         use.",
        pooler.pool_mode, pooler.server_connections_max, pooler.server_connections_wanted
    ));
    section.dim(format!(
        "In {} mode mind: {}.",
        pooler.pool_mode,
        pooler.caveats.join("; ")
    ));
}

/// Snippets for the common pools, or why there are none.
pub(super) fn settings(advice: &Recommendation, section: &mut Section) {
    if let Some(reason) = &advice.no_settings {
        section.heading("Settings");
        section.dim(format!("None: {}.", reason.trim_end_matches('.')));
        return;
    }
    if advice.settings.is_empty() {
        return;
    }
    section.heading(match &advice.pooler {
        Some(pooler) if pooler.need == "in-front" => {
            "Settings for common pools behind PgBouncer".to_owned()
        }
        _ if advice.pool_size < advice.wanted_pool_size() => format!(
            "Settings for common pools: {} connections each, and {} once PgBouncer is between",
            advice.pool_size,
            advice.wanted_pool_size()
        ),
        _ if advice.needs_pooler() => "Settings for common pools behind PgBouncer".to_owned(),
        _ => "Settings for common pools".to_owned(),
    });
    for setting in &advice.settings {
        section.text(format!("{}:", setting.pool_library));
        section.blocks.push(Block::Code(setting.text.clone()));
    }
}
