//! Which rows of the primary's view are those of which standby.
//!
//! The view names a standby by its `application_name`, which is `walreceiver` wherever nobody chose
//! one, so that several standbys can have one name.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::replication::{
    LsnPoint, ReplicationWindow, SenderSample, Standby, StandbySample,
};

/// A receiver may be gone for so long while the primary still has the row of it, when both are read
/// at moments of their own and it connects anew (ours).
const RECEIVER_GAP_MS: f64 = 1000.0;

/// What one name stands for: its `application_name`, its address, and its process where more than
/// one of that name and address was there at once.
type Key<'a> = (&'a str, Option<&'a str>, Option<i32>);

/// The last row of a standby that was asked; `None` without one. A row that is there long after the
/// standby had its last receiver is that of another, or of a connection of which the primary does
/// not know yet that it is broken.
pub(super) fn own<'a>(
    window: &'a ReplicationWindow,
    standby: &Standby,
) -> Option<&'a SenderSample> {
    let name = standby.application_name.as_deref()?;
    let named = window.standby_senders();
    let last = named.filter(|s| s.application_name == name).last()?;
    let has_one = |s: &&StandbySample| s.receiver_status.is_some();
    let samples = &standby.samples;
    if samples.last().as_ref().is_none_or(has_one) {
        return Some(last);
    }
    let received = samples.iter().rev().find(has_one)?;
    (last.at.0 - received.at.0 < RECEIVER_GAP_MS).then_some(last)
}

/// Says that more senders have the name of a standby than standbys of that name were asked.
pub(super) fn namesakes(window: &ReplicationWindow, standby: &Standby) -> Option<String> {
    let own_row = own(window, standby)?;
    let name = &own_row.application_name;
    let rows = window.standby_senders();
    let rows = rows.filter(|s| s.at == own_row.at && s.application_name == *name);
    let asked = window.standbys.iter();
    let asked = asked.filter(|s| own(window, s).is_some_and(|s| s.application_name == *name));
    let (rows, asked) = (rows.count(), asked.count());
    (rows > asked).then(|| {
        format!(
            "{rows} senders of the primary have the name {name}, and {asked} such standby was \
             asked: the others cannot be told from it and are not listed; give each a cluster_name"
        )
    })
}

/// The rows of the standbys that were not asked, under the name to show, in the order of names.
pub(in crate::analyze) fn others(window: &ReplicationWindow) -> Vec<(String, Vec<&SenderSample>)> {
    let asked = window.standbys.iter().filter_map(|s| own(window, s));
    let asked: BTreeSet<&str> = asked.map(|s| s.application_name.as_str()).collect();
    let rows = window.standby_senders();
    let rows = rows.filter(|s| !asked.contains(s.application_name.as_str()));
    let rows: Vec<&SenderSample> = rows.collect();
    let shared = shared(&rows);
    let mut groups: BTreeMap<Key<'_>, Vec<&SenderSample>> = BTreeMap::new();
    for row in rows {
        let (name, address) = place(row);
        // A standby that comes back has another process; two that are there at once are two.
        let process = shared.contains(&(name, address)).then_some(row.pid);
        groups
            .entry((name, address, process))
            .or_default()
            .push(row);
    }
    // A standby tells what it replayed at once; a sender that never did serves something else, such
    // as the WAL of a short backup. Of hidden rows nothing is known.
    let tells = |s: &&SenderSample| s.state.is_none() || s.replay_lsn.is_some();
    groups.retain(|_, rows| rows.iter().any(tells));
    let keys: Vec<Key<'_>> = groups.keys().copied().collect();
    let groups = groups.into_iter();
    groups
        .map(|(key, rows)| (shown(key, &keys), rows))
        .collect()
}

fn place(row: &SenderSample) -> (&str, Option<&str>) {
    (&row.application_name, row.client_addr.as_deref())
}

/// Names and addresses that more than one row of one reading has.
fn shared<'a>(rows: &[&'a SenderSample]) -> BTreeSet<(&'a str, Option<&'a str>)> {
    let mut last = BTreeMap::new();
    let at_once = rows.iter().filter(|row| {
        let before = last.insert(place(row), row.at);
        before == Some(row.at)
    });
    at_once.map(|row| place(row)).collect()
}

/// The name alone where it tells the standby from all others.
fn shown((name, address, process): Key<'_>, all: &[Key<'_>]) -> String {
    if all.iter().filter(|other| other.0 == name).count() == 1 {
        return name.to_owned();
    }
    let address = address.map_or_else(String::new, |address| format!(" at {address}"));
    let process = process.map_or_else(String::new, |pid| format!(" (process {pid})"));
    format!("{name}{address}{process}")
}

/// The primary's view does not have the sender of this row, which is its last one, in its last
/// reading.
pub(super) fn is_gone(window: &ReplicationWindow, last: &SenderSample) -> bool {
    // The rows of one reading have one moment. Positions are read more often than senders, so the
    // last position says nothing of a row.
    let last_row = window.senders.last().map(|s| s.at);
    if let Some(read) = window.senders_read_at.or(last_row)
        && last.at < read
    {
        return true;
    }
    window.senders_read_at.is_none() && missed_by_two_readings(window, last)
}

/// A run of before readings told their moment: senders were read at every fifth position, and two
/// readings in a row are not late by chance.
fn missed_by_two_readings(window: &ReplicationWindow, last: &SenderSample) -> bool {
    const POSITIONS: f64 = 10.0;
    let end = window.primary.last();
    end.is_some_and(|end| end.at.0 - last.at.0 > POSITIONS * mean_interval(&window.primary))
}

fn mean_interval(points: &[LsnPoint]) -> f64 {
    match (points.first(), points.last()) {
        (Some(first), Some(last)) if points.len() > 1 => {
            (last.at.0 - first.at.0) / (points.len() - 1) as f64
        }
        _ => f64::INFINITY,
    }
}
