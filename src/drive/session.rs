//! The sessions of a replay: how they are made recognisable and kept from writing, and how it is made
//! sure that they are gone.

use std::time::{Duration, Instant};

use tokio_postgres::{Client, Config, NoTls};

/// Begin of the `application_name` of a replay's sessions, where the target does not set one; the
/// process id follows, so that two replays can be told apart.
pub const APPLICATION_NAME: &str = "dbperf replay";

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

/// The target's configuration, recognisable by its name, and read-only unless it may write. The
/// setting travels in the startup packet: behind a transaction pooler a SET would stay on a server
/// connection that others use, and an unwanted startup parameter is refused with an error.
pub(super) fn guarded(mut config: Config, may_write: bool) -> Config {
    if config.get_application_name().is_none() {
        config.application_name(format!("{APPLICATION_NAME} {}", std::process::id()));
    }
    if !may_write {
        let read_only = "-c default_transaction_read_only=on";
        let options = match config.get_options() {
            Some(options) => format!("{options} {read_only}"),
            None => read_only.to_owned(),
        };
        config.options(options);
    }
    config
}

/// One connection beside the pool, and the task that serves it.
pub(super) async fn connect(
    config: &Config,
) -> Result<(Client, tokio::task::JoinHandle<()>), tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    let task = tokio::spawn(async move {
        // The error reaches whoever waits for an answer.
        let _ = connection.await;
    });
    Ok((client, task))
}

/// Waits until the server has ended all sessions of this replay, so that their counters are visible:
/// a session flushes its statistics before it leaves `pg_stat_activity`. What is still there after a
/// while is at work for a client that has gone, and is cancelled. Gives up quietly after a second, or when
/// the server is not there any more.
pub(super) async fn wait_until_gone(config: &Config) {
    let Some(name) = config.get_application_name().map(str::to_owned) else {
        return;
    };
    let wait = async {
        let (client, task) = connect(config).await?;
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

/// An error with all its causes in one line; the driver's own message hides why.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
