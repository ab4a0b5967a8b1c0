//! The sessions of a replay: how they are made recognisable and kept from writing, and how it is made
//! sure that they are gone.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use crate::pg::{Connector, Opened, REPLAY_APPLICATION_NAME};

/// How long to wait for the server to end the sessions that said good-bye (ours).
const GONE_LIMIT: Duration = Duration::from_secs(1);

/// How often to look whether they are gone.
const GONE_POLL: Duration = Duration::from_millis(5);

/// How long sessions may linger before they are cancelled (ours).
const LINGER: Duration = Duration::from_millis(200);

/// Cancels what sessions of this replay other than the asking one are doing.
const CANCEL_SESSIONS: &str = "SELECT /* dbperf */ pg_catalog.pg_cancel_backend(pid) \
     FROM pg_catalog.pg_stat_activity \
     WHERE application_name = $1 AND pid <> pg_catalog.pg_backend_pid() AND state <> 'idle'";

/// Sessions of this replay other than the asking one.
const COUNT_SESSIONS: &str = "SELECT /* dbperf */ count(*) FROM pg_catalog.pg_stat_activity \
     WHERE application_name = $1 AND pid <> pg_catalog.pg_backend_pid()";

/// The target's sessions, recognisable by a name that no other replay has, on this machine or another one, and
/// read-only unless they may write.
pub(super) fn guarded(target: Connector, may_write: bool) -> Connector {
    // The standard library's hasher is seeded by the system.
    let number = RandomState::new().hash_one(std::process::id());
    let named = target.named(format!("{REPLAY_APPLICATION_NAME}/{number:016x}"));
    if may_write { named } else { named.read_only() }
}

/// Waits until the server has ended all sessions of this replay, so that their counters are visible:
/// a session flushes its statistics before it leaves `pg_stat_activity`. What is still there after a
/// while is at work for a client that has gone, and is cancelled. Gives up quietly after a second, or when
/// the server is not there any more.
pub(super) async fn wait_until_gone(connector: &Connector) {
    let name = connector.application_name();
    let wait = async {
        let Ok(Opened { client, task, .. }) = connector.connect().await else {
            return Ok(());
        };
        let started = Instant::now();
        loop {
            if started.elapsed() > LINGER {
                client.query(CANCEL_SESSIONS, &[&name]).await?;
            }
            let row = client.query_one(COUNT_SESSIONS, &[&name]).await?;
            if row.try_get::<_, i64>(0)? == 0 {
                break;
            }
            tokio::time::sleep(GONE_POLL).await;
        }
        drop(client);
        let _ = task.await;
        Ok::<_, tokio_postgres::Error>(())
    };
    let _ = tokio::time::timeout(GONE_LIMIT, wait).await;
}
