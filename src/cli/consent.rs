//! What a user has to say before anything is written: which database, and that it is one to write to.

use super::args::DriveArgs;
use super::exit::{Exit, Failure};
use super::target::Servers;
use crate::collect::{Doubt, Refusal, doubts};
use crate::pg::{Session, SessionOptions};

/// A workload that writes goes only to the database that was named, and to no server that somebody else needs.
///
/// # Errors
/// It is not that database, or a doubt that was not overridden.
pub(super) async fn to_write(drive: &DriveArgs, servers: &Servers) -> Result<(), Failure> {
    if servers.lab {
        return Ok(());
    }
    let session = named(drive, servers).await?;
    let mut despite = drive.writes_despite();
    if drive.shard.is_some_and(|shard| shard.count > 1) {
        // The other machines' sessions cannot be told from those of others.
        despite.push(Refusal::Sessions);
    }
    let found = doubts(&session, &despite).await;
    session.close().await;
    let found = found.map_err(|e| Failure::precondition(&e))?;
    match found.first() {
        Some(doubt) => Err(refused(doubt)),
        None => Ok(()),
    }
}

/// The database is the one that was named.
///
/// # Errors
/// It is another one, or none was named.
pub(super) async fn to_database(drive: &DriveArgs, servers: &Servers) -> Result<(), Failure> {
    if !servers.lab {
        named(drive, servers).await?.close().await;
    }
    Ok(())
}

/// A session in the database that was named. A pooler may have another database behind the name that the connection
/// asks for, so the server says which one it is.
async fn named(drive: &DriveArgs, servers: &Servers) -> Result<Session, Failure> {
    let conninfo = &servers.target.conninfo;
    let Some(named) = drive.target_db.as_deref() else {
        return Err(Failure::usage(format!(
            "the workload writes: confirm the database with --writes --target-db {}",
            conninfo.dbname()
        )));
    };
    let session = Session::connect(conninfo, &SessionOptions::new("consent")).await;
    let session = session.map_err(|e| Failure::precondition(&e))?;
    let database = session.database().to_owned();
    if database == named {
        return Ok(session);
    }
    session.close().await;
    Err(Failure::new(
        Exit::Precondition,
        format!(
            "--target-db says {named}, but the connection goes to {database}: nothing was written"
        ),
    ))
}

fn refused(doubt: &Doubt) -> Failure {
    let why = match doubt {
        Doubt::Name(name) => format!("\"{name}\" sounds like production"),
        Doubt::Standbys(standbys) => {
            format!("{standbys} standbys or receivers follow this server and get every change")
        }
        Doubt::Sessions(sessions) => format!("{sessions} sessions of others use this server"),
    };
    let refusal = doubt.refusal();
    Failure::new(
        Exit::Precondition,
        format!("nothing was written: {why}; --writes-despite {refusal} overrides this"),
    )
}
