//! Which standbys there are, and which of them were asked for their counters of indexes.

use jiff::Timestamp;

use super::ledger::Ledger;
use super::replication::StandbyWatch;
use super::{pg_stat_replication, pg_stat_user_indexes};
use crate::pg::{PgError, Session, read_life};
use crate::record::indexes::{IndexWindow, NodeIndexScans};
use crate::record::replication::{SenderSample, Standby};
use crate::record::server::{Server, ServerLife};
use crate::record::{Millis, Status};

/// The standbys of a primary, directly or through another standby, that nobody has asked yet.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    /// `application_name` of each; empty where it is hidden.
    unasked: Vec<String>,
    asked: Vec<Timestamp>,
}

impl Nodes {
    /// Adds the standbys that a server streams to.
    pub(super) fn expect<'a>(&mut self, senders: impl Iterator<Item = &'a SenderSample>) {
        let names = senders.map(|sender| sender.application_name.clone());
        self.unasked.extend(names);
    }

    /// Takes note that a standby was asked: the same one twice counts once.
    fn ask(&mut self, name: Option<&str>, started: Timestamp) {
        if self.asked.contains(&started) {
            return;
        }
        self.asked.push(started);
        let same = |unasked: &String| name.is_none_or(|name| name == unasked) || unasked.is_empty();
        if let Some(at) = self.unasked.iter().position(same) {
            self.unasked.swap_remove(at);
        }
    }

    /// The counters of a standby's indexes, or why they say nothing.
    async fn read(
        &mut self,
        session: &Session,
        standby: &Standby,
        server: &Server,
        ledger: &mut Ledger,
    ) -> Result<NodeIndexScans, String> {
        if session.database() != server.database {
            return Err("the connection string names another database".to_owned());
        }
        let life = read(ledger, read_life(session, None)).await?;
        fits(&life, server)?;
        let rows = read(ledger, pg_stat_user_indexes::read(session)).await?;
        let senders = pg_stat_replication::read(session, Millis::default());
        let senders = read(ledger, senders).await?;
        self.expect(senders.iter().filter(|sender| can_be_asked(sender)));
        self.ask(
            standby.application_name.as_deref(),
            life.postmaster_start_time,
        );
        Ok(NodeIndexScans {
            node: standby.name.clone(),
            rows,
            life: Some(life),
            application_name: standby.application_name.clone(),
        })
    }
}

/// Reads the counters of one standby of this primary. Why they could not be read is noted: then nothing
/// is known of the use there. `nodes` is `None` where the primary's own list could not be read.
pub(super) async fn ask(
    watch: &StandbyWatch,
    server: &Server,
    nodes: Option<&mut Nodes>,
    indexes: &mut IndexWindow,
    ledger: &mut Ledger,
) {
    let mut apart = Nodes::default();
    let nodes = nodes.unwrap_or(&mut apart);
    let scans = match watch.link.current() {
        Some(session) => nodes.read(session, &watch.standby, server, ledger).await,
        None => Err("there is no connection to it".to_owned()),
    };
    match scans {
        Ok(scans) => indexes.standbys.push(scans),
        Err(why) => {
            let why = format!("index scans of {}: {why}", watch.standby.name);
            ledger.note("standby", Status::Partial, why.clone());
            indexes.standbys_unread.push(why);
        }
    }
}

/// Takes note of the standbys that nobody asked.
pub(super) fn note_unasked(nodes: Option<Nodes>, indexes: &mut IndexWindow) {
    let unasked = nodes.map(|nodes| nodes.unasked);
    let count = unasked.as_ref().map(Vec::len);
    indexes.standbys_not_asked = count.and_then(|n| u32::try_from(n).ok());
    indexes.standbys_not_asked_names = unasked.unwrap_or_default();
}

async fn read<T>(
    ledger: &mut Ledger,
    reading: impl Future<Output = Result<T, PgError>>,
) -> Result<T, String> {
    let read = ledger.time("standby", reading).await;
    read.map_err(|error| error.to_string())
}

/// The node is a standby of this very cluster.
fn fits(life: &ServerLife, server: &Server) -> Result<(), String> {
    let (here, there) = (&server.system_identifier, &life.system_identifier);
    if here.is_some() && there.is_some() && here != there {
        return Err("it belongs to another cluster (its system identifier differs)".to_owned());
    }
    if !life.in_recovery {
        return Err("it is not a standby".to_owned());
    }
    Ok(())
}

/// A sender whose receiver can answer queries now.
pub(super) fn can_be_asked(sender: &SenderSample) -> bool {
    matches!(sender.state.as_deref(), None | Some("streaming")) && sender.may_be_standby()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Lsn;

    fn sender(name: &str, state: Option<&str>, replayed: bool) -> SenderSample {
        SenderSample {
            at: Millis(0.0),
            pid: 1,
            application_name: name.to_owned(),
            client_addr: None,
            state: state.map(str::to_owned),
            sent_lsn: None,
            write_lsn: None,
            flush_lsn: Some(Lsn(9)),
            replay_lsn: replayed.then_some(Lsn(9)),
            write_lag: None,
            flush_lag: None,
            replay_lag: None,
            sync_state: None,
            slot_type: None,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_same_standby_twice_is_asked_once_and_another_name_is_not_it() {
        let senders = [
            sender("a", Some("streaming"), true),
            sender("b", Some("streaming"), true),
        ];
        let mut nodes = Nodes::default();
        nodes.expect(senders.iter());
        nodes.ask(Some("a"), at(1));
        nodes.ask(Some("a"), at(1));
        assert_eq!(nodes.unasked, ["b"]);
        nodes.ask(Some("cascaded"), at(2));
        assert_eq!(nodes.unasked.len(), 1, "it streams from somewhere else");
        nodes.ask(None, at(3));
        assert_eq!(nodes.unasked.len(), 0, "its name is hidden from this role");
    }

    #[test]
    fn an_archiver_cannot_be_asked_and_a_hidden_sender_may_be_a_standby() {
        assert!(can_be_asked(&sender("a", Some("streaming"), true)));
        assert!(!can_be_asked(&sender(
            "pg_receivewal",
            Some("streaming"),
            false
        )));
        assert!(!can_be_asked(&sender("b", Some("backup"), true)));
        assert!(can_be_asked(&sender("", None, false)));
    }
}
