//! The course of a load over HTTP: reach the service, then as any other load.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::LocalSet;

use super::files;
use super::options::HttpOptions;
use super::user::Service;
use crate::drive::client::Shared;
use crate::drive::course::{Driver, measure};
use crate::drive::failure::Failure;
use crate::drive::options::whole;
use crate::drive::outcome::{self, Told};
use crate::drive::replay::runtime;
use crate::drive::{Control, DriveError, Replayed};
use crate::record::load::HTTP_TOOL;
use crate::workload::scenario::Scenario;

/// How long reaching the service may take (ours).
const REACH_LIMIT: Duration = Duration::from_secs(10);

/// Variables that name a proxy, by curl's convention.
const PROXIES: [&str; 6] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// Loads a service with a scenario, and blocks until it is over.
///
/// # Errors
/// The options make no sense, the service cannot be reached, or there were more failures than allowed; the last error
/// carries what was recorded.
pub fn load(
    mut scenario: Scenario,
    options: &HttpOptions,
    control: &Control,
) -> Result<Replayed, DriveError> {
    options.check()?;
    let shard = options.drive.shard;
    scenario.values.shard(shard.index - 1, shard.count);
    let notes = notes(&scenario);
    let file = scenario.file.clone();
    let remarks = files::make_room(most_users(options)).into_iter().collect();
    let service = Service::new(scenario, options)?;
    let coordinator = runtime()?;
    let local = LocalSet::new();
    std::thread::scope(|scope| {
        local.block_on(&coordinator, async {
            reach(&service, control).await?;
            let all = Arc::new(Shared::new(service, &options.drive, control));
            let count = options.drive.threads;
            let threads = (0..count)
                .map(|index| Driver::start(scope, &all, index, count))
                .collect();
            let (measured, threads) = measure(&all, control, threads).await;
            let told = Told {
                tool: HTTP_TOOL,
                file: &file,
                remarks,
                notes,
            };
            let result = outcome::conclude(&all, told, measured, || None);
            drop(threads);
            result
        })
    })
}

/// Users that may have connections at once. With a rate nobody knows how many requests will be under way: as many as
/// are due in a second, or as the flag allows.
fn most_users(options: &HttpOptions) -> u32 {
    let drive = &options.drive;
    let clients = drive.clients();
    if !drive.is_open() {
        return clients;
    }
    let due = whole(drive.profile().peak());
    drive.open_clients.unwrap_or(due).min(clients)
}

/// What the reader of such a result has to know.
fn notes(scenario: &Scenario) -> Vec<String> {
    let pushed = scenario.operations.iter().any(|operation| operation.pushed);
    let note = "messages that the service pushes have rows of their own, and are not in the total";
    pushed.then(|| note.to_owned()).into_iter().collect()
}

/// Says what is wrong with the service before any load.
async fn reach(service: &Service, control: &Control) -> Result<(), DriveError> {
    let reached = tokio::select! {
        reached = tokio::time::timeout(REACH_LIMIT, service.reach()) => reached,
        () = control.stopped() => return Err(DriveError::Interrupted),
    };
    let Err(failure) = reached.unwrap_or(Err(Failure::Timeout)) else {
        return Ok(());
    };
    let proxy = PROXIES.iter().any(|name| std::env::var_os(name).is_some());
    Err(DriveError::Unreachable {
        service: service.address.shown(),
        reason: match failure {
            Failure::Timeout => format!("no connection within {REACH_LIMIT:?}"),
            failure => failure.key().into_owned(),
        },
        hint: if proxy {
            " The environment names a proxy, and load does not use one"
        } else {
            ""
        },
    })
}
