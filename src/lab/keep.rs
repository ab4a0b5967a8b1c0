//! A lab that outlives the command that started it: `dbperf lab start|stop|status`.
//!
//! There is one for each user, at a fixed place in the folder for temporary files. Its servers
//! belong to no process, so no sweep takes it; after a reboot it is started again as it was left.

use std::{
    fs::{self, File},
    io::ErrorKind,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::{
    Account, Binaries, Cluster, LabError, LabOptions, PgBouncer, StopMode,
    account::own_uid,
    error::io,
    folder::{clear, parent_or_default, set_mode},
    pgbouncer::find_program,
    throwaway::build,
};

/// What is known about a kept lab.
#[derive(Debug, Clone)]
pub struct KeptLab {
    /// Where it lives.
    pub folder: PathBuf,
    /// The servers' version as they call themselves, such as `15.18`.
    pub version: String,
    /// The primary.
    pub primary: KeptServer,
    /// The standby, if the lab has one.
    pub standby: Option<KeptServer>,
    /// `PgBouncer` in front of the primary, if the lab has one.
    pub pgbouncer: Option<KeptServer>,
}

impl KeptLab {
    /// Whether every server of the lab runs.
    #[must_use]
    pub fn running(&self) -> bool {
        let others = self.standby.iter().chain(&self.pgbouncer);
        others.chain([&self.primary]).all(|s| s.pid.is_some())
    }
}

/// One server of a kept lab.
#[derive(Debug, Clone)]
pub struct KeptServer {
    /// How to connect, as a libpq key=value string.
    pub dsn: String,
    /// The process id, a server's postmaster's; `None` when it does not run.
    pub pid: Option<i32>,
    /// The file that the server logs to.
    pub log_file: PathBuf,
}

/// What the lab was started with, written when it is complete.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    pg_bin: PathBuf,
    port: u16,
    standby_port: Option<u16>,
    settings: Vec<(String, String)>,
    standby_settings: Vec<(String, String)>,
    /// Absent in the file of a lab that was started before there was a pooler.
    #[serde(default)]
    pgbouncer: bool,
    #[serde(default)]
    pgbouncer_settings: Vec<(String, String)>,
}

/// Starts the kept lab, or starts it again with its data, or finds it running.
///
/// # Errors
///
/// [`LabError::KeptDiffers`] when the one that is there was started with other options,
/// [`LabError::Foreign`] when somebody else has made its folder, and those of
/// [`Lab::start`](super::Lab::start).
pub fn start(options: &LabOptions) -> Result<KeptLab, LabError> {
    let account = Account::current()?;
    let parent = parent_or_default(options.parent.as_deref())?;
    account.must_reach(&parent)?;
    let place = Place::make(&parent, &account)?;
    if let Some(state) = place.state() {
        place.refuse_other(&state, options)?;
        let (mut primary, mut standby) = place.clusters(&state, &account)?;
        primary.start()?;
        if let Some(standby) = &mut standby {
            standby.start()?;
        }
        let pooler = if state.pgbouncer {
            let mut pooler = PgBouncer::at(&place.lab_folder(), &account)?;
            pooler.start()?;
            Some(pooler)
        } else {
            None
        };
        return Ok(place.lab(&primary, standby.as_ref(), pooler.as_ref()));
    }
    let begun = Binaries::find(options.pg_bin.as_deref()).and_then(|binaries| {
        // Without a state there is at most what an interrupted start has left.
        clear(&place.lab_folder())?;
        place.begin(&binaries, &account, options)
    });
    if begun.is_err() {
        let _ = place.remove();
    }
    begun
}

/// Stops the kept lab and removes its data. `None`: there was none.
///
/// `parent` is the folder for temporary files in which to look, by default the system's.
///
/// # Errors
///
/// [`LabError::Foreign`] when somebody else has made its folder, [`LabError::Io`] when it cannot be
/// removed.
pub fn stop(parent: Option<&Path>) -> Result<Option<KeptLab>, LabError> {
    let Some(place) = Place::find(&parent_or_default(parent)?)? else {
        return Ok(None);
    };
    let account = Account::current()?;
    let mut was = None;
    // The programs may have been removed since; the servers are ended all the same.
    if let Some(state) = place.state()
        && let Ok((mut primary, standby)) = place.clusters(&state, &account)
    {
        was = Some(place.lab(
            &primary,
            standby.as_ref(),
            place.pooler(&state, &account).as_ref(),
        ));
        // In order, so that the primary does not wait for its standby; what this leaves running,
        // because a client holds on, is ended below.
        if let Some(mut standby) = standby {
            let _ = standby.stop(StopMode::Fast);
        }
        let _ = primary.stop(StopMode::Fast);
    }
    place.remove()?;
    Ok(was)
}

/// Looks at the kept lab without changing anything. `None`: there is none.
///
/// # Errors
///
/// [`LabError::Foreign`] when somebody else has made its folder, and [`LabError::BadBinaries`] when
/// the programs that it was started with have gone.
pub fn status(parent: Option<&Path>) -> Result<Option<KeptLab>, LabError> {
    let Some(place) = Place::find(&parent_or_default(parent)?)? else {
        return Ok(None);
    };
    let Some(state) = place.state() else {
        return Ok(None);
    };
    let account = Account::current()?;
    let (primary, standby) = place.clusters(&state, &account)?;
    let pooler = place.pooler(&state, &account);
    Ok(Some(place.lab(&primary, standby.as_ref(), pooler.as_ref())))
}

/// The folder of a user's kept lab, locked against other commands of the same user.
struct Place {
    path: PathBuf,
    _lock: Flock<File>,
}

impl Place {
    fn path_in(parent: &Path) -> PathBuf {
        parent.join(format!("dbperf-kept-{}", own_uid()))
    }

    fn make(parent: &Path, account: &Account) -> Result<Self, LabError> {
        let path = Self::path_in(parent);
        loop {
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    return Err(io("make", &path)(error));
                }
                _ => {}
            }
            if let Some(place) = Self::find(parent)? {
                set_mode(&place.path, account)?;
                return Ok(place);
            }
        }
    }

    /// Locks the folder if it exists. The lock is on the folder itself, so that nothing is left
    /// when it goes; one that went while it was waited for counts as absent.
    fn find(parent: &Path) -> Result<Option<Self>, LabError> {
        let path = Self::path_in(parent);
        let meta = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.map_err(io("look at", &path))?,
        };
        let refuse = |why: &str| {
            Err(LabError::Foreign {
                path: path.clone(),
                why: why.to_owned(),
            })
        };
        if !meta.is_dir() {
            return refuse("it is not a folder");
        }
        if meta.uid() != own_uid() {
            return refuse("it has another owner");
        }
        if meta.mode() & 0o022 != 0 {
            return refuse("others may write to it");
        }
        let file = File::open(&path).map_err(io("open", &path))?;
        let lock = Flock::lock(file, FlockArg::LockExclusive)
            .map_err(|(_, errno)| io("lock", &path)(errno.into()))?;
        let locked = lock.metadata().map_err(io("look at", &path))?;
        let now = fs::symlink_metadata(&path).ok();
        Ok(now
            .is_some_and(|now| now.ino() == locked.ino())
            .then_some(Self { path, _lock: lock }))
    }

    fn lab_folder(&self) -> PathBuf {
        self.path.join("lab")
    }

    fn state_file(&self) -> PathBuf {
        self.lab_folder().join("lab.json")
    }

    fn state(&self) -> Option<State> {
        let text = fs::read(self.state_file()).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn begin(
        &self,
        binaries: &Binaries,
        account: &Account,
        options: &LabOptions,
    ) -> Result<KeptLab, LabError> {
        let folder = self.lab_folder();
        let program = options.pgbouncer.then(|| find_program(account));
        let program = program.transpose()?;
        fs::create_dir(&folder).map_err(io("make", &folder))?;
        set_mode(&folder, account)?;
        let (primary, standby) = build(&folder, binaries, account, options)?;
        let pooler = match program {
            Some(program) => {
                let settings = &options.pgbouncer_settings;
                Some(PgBouncer::begin(
                    program, &folder, &primary, account, settings,
                )?)
            }
            None => None,
        };
        let state = State {
            pg_bin: binaries.bin().to_path_buf(),
            port: primary.port(),
            standby_port: standby.as_ref().map(Cluster::port),
            settings: options.settings.clone(),
            standby_settings: options.standby_settings.clone(),
            pgbouncer: options.pgbouncer,
            pgbouncer_settings: options.pgbouncer_settings.clone(),
        };
        let path = self.state_file();
        let text =
            serde_json::to_vec_pretty(&state).map_err(|error| io("write", &path)(error.into()))?;
        fs::write(&path, text).map_err(io("write", &path))?;
        Ok(self.lab(&primary, standby.as_ref(), pooler.as_ref()))
    }

    /// An option that was given must be the one that the lab was started with.
    fn refuse_other(&self, state: &State, options: &LabOptions) -> Result<(), LabError> {
        let difference = if options.standby && state.standby_port.is_none() {
            "without a standby".to_owned()
        } else if options.pgbouncer && !state.pgbouncer {
            "without PgBouncer".to_owned()
        } else if let Some(bin) = &options.pg_bin
            && bin.canonicalize().ok() != state.pg_bin.canonicalize().ok()
        {
            format!("started from {}", state.pg_bin.display())
        } else if (!options.settings.is_empty() && options.settings != state.settings)
            || (!options.standby_settings.is_empty()
                && options.standby_settings != state.standby_settings)
            || (!options.pgbouncer_settings.is_empty()
                && options.pgbouncer_settings != state.pgbouncer_settings)
        {
            "with other settings".to_owned()
        } else {
            return Ok(());
        };
        Err(LabError::KeptDiffers {
            folder: self.path.clone(),
            difference,
        })
    }

    fn clusters(
        &self,
        state: &State,
        account: &Account,
    ) -> Result<(Cluster, Option<Cluster>), LabError> {
        let binaries = Binaries::at(&state.pg_bin, "the kept lab", account)?;
        let folder = self.lab_folder();
        let at = |name, port| Cluster::at(&folder, name, port, &binaries, account);
        let standby = state.standby_port.map(|port| at("standby", port));
        Ok((at("primary", state.port), standby))
    }

    /// The pooler; `None` also where its program has gone.
    fn pooler(&self, state: &State, account: &Account) -> Option<PgBouncer> {
        let there = state.pgbouncer;
        there
            .then(|| PgBouncer::at(&self.lab_folder(), account).ok())
            .flatten()
    }

    fn lab(
        &self,
        primary: &Cluster,
        standby: Option<&Cluster>,
        pooler: Option<&PgBouncer>,
    ) -> KeptLab {
        let server = |cluster: &Cluster| KeptServer {
            dsn: cluster.dsn(),
            pid: cluster.pid(),
            log_file: cluster.log_file(),
        };
        KeptLab {
            folder: self.path.clone(),
            version: primary.version().to_owned(),
            primary: server(primary),
            standby: standby.map(server),
            pgbouncer: pooler.map(|pooler| KeptServer {
                dsn: pooler.dsn(),
                pid: pooler.pid(),
                log_file: pooler.log_file(),
            }),
        }
    }

    fn remove(&self) -> Result<(), LabError> {
        clear(&self.lab_folder())?;
        fs::remove_dir(&self.path).map_err(io("remove", &self.path))
    }
}
