//! A lab that lives as long as the value that stands for it.

use std::path::Path;

use super::{
    Account, Binaries, Cluster, LabError, LabOptions, PgBouncer, conf::Conf, folder::Folder,
    pgbouncer::find_program, template,
};

/// A throwaway primary, with a streaming standby and `PgBouncer` if asked for.
///
/// Dropping it, also while a panic unwinds, ends the servers and removes their folder. A process
/// that is killed, or that leaves by `std::process::exit` with a lab alive, cannot do that: the next
/// [`Lab::start`] by the same user then does.
#[derive(Debug)]
#[must_use = "a dropped lab is stopped and removed"]
pub struct Lab {
    primary: Cluster,
    standby: Option<Cluster>,
    pgbouncer: Option<PgBouncer>,
    folder: Folder,
}

impl Lab {
    /// Clears away labs whose owner died, then starts a new one. Both servers accept connections on
    /// return; the standby's stream may need a moment more.
    ///
    /// # Errors
    ///
    /// Every [`LabError`] but those of a kept lab; nothing is left behind.
    pub fn start(options: &LabOptions) -> Result<Self, LabError> {
        let account = Account::current()?;
        let binaries = Binaries::find(options.pg_bin.as_deref())?;
        let pooler = options.pgbouncer.then(|| find_program(&account));
        let pooler = pooler.transpose()?;
        let folder = Folder::create(options.parent.as_deref(), &account)?;
        let (primary, standby) = build(folder.path(), &binaries, &account, options)?;
        let pgbouncer = match pooler {
            Some(program) => Some(PgBouncer::begin(
                program,
                folder.path(),
                &primary,
                &account,
                &options.pgbouncer_settings,
            )?),
            None => None,
        };
        Ok(Self {
            primary,
            standby,
            pgbouncer,
            folder,
        })
    }

    /// The primary.
    #[must_use]
    pub fn primary(&self) -> &Cluster {
        &self.primary
    }

    /// The standby, if one was asked for.
    #[must_use]
    pub fn standby(&self) -> Option<&Cluster> {
        self.standby.as_ref()
    }

    /// `PgBouncer` in front of the primary, if it was asked for.
    #[must_use]
    pub fn pgbouncer(&self) -> Option<&PgBouncer> {
        self.pgbouncer.as_ref()
    }

    /// `PgBouncer`, to stop and start it.
    pub fn pgbouncer_mut(&mut self) -> Option<&mut PgBouncer> {
        self.pgbouncer.as_mut()
    }

    /// The primary, to stop and start it.
    pub fn primary_mut(&mut self) -> &mut Cluster {
        &mut self.primary
    }

    /// The standby, to stop and start it.
    pub fn standby_mut(&mut self) -> Option<&mut Cluster> {
        self.standby.as_mut()
    }

    /// The lab's folder, which goes with it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends the servers and removes the folder, as dropping does, and says if that failed.
    ///
    /// # Errors
    ///
    /// [`LabError::Io`] when the folder cannot be removed.
    pub fn stop(self) -> Result<(), LabError> {
        self.folder.remove()
    }
}

/// Makes and starts the clusters of a lab in an existing folder.
///
/// The standby is a copy of the primary made before either has started: that needs neither
/// `pg_basebackup`, which some builds lack, nor a client, and is the same on every version.
pub(super) fn build(
    folder: &Path,
    binaries: &Binaries,
    account: &Account,
    options: &LabOptions,
) -> Result<(Cluster, Option<Cluster>), LabError> {
    let socket_dir = folder.join("primary");
    let conf = Conf::primary(binaries.major(), &socket_dir, &options.settings)?;
    if conf.preloads_statements() {
        binaries.require_statements(account)?;
    }
    let mut primary = Cluster::at(folder, "primary", conf.port(), binaries, account);
    primary.make_folder()?;
    match &options.template {
        Some(path) => primary.copy_from(&template::usable(path, binaries)?)?,
        None => primary.init()?,
    }
    primary.configure(&conf)?;
    let standby = if options.standby {
        Some(build_standby(
            folder, &primary, &conf, binaries, account, options,
        )?)
    } else {
        None
    };
    primary.start()?;
    let standby = match standby {
        Some(mut standby) => {
            standby.start()?;
            Some(standby)
        }
        None => None,
    };
    Ok((primary, standby))
}

fn build_standby(
    folder: &Path,
    primary: &Cluster,
    conf: &Conf,
    binaries: &Binaries,
    account: &Account,
    options: &LabOptions,
) -> Result<Cluster, LabError> {
    let socket_dir = folder.join("standby");
    // The database of a DSN means nothing to a standby, and its user needs no other one.
    let upstream = primary.dsn().replace(" dbname=postgres", "");
    let conf = Conf::standby(conf, &upstream, &socket_dir, &options.standby_settings)?;
    let standby = Cluster::at(folder, "standby", conf.port(), binaries, account);
    standby.make_folder()?;
    primary.make_slot()?;
    standby.copy_from(&primary.data_dir())?;
    standby.become_standby()?;
    standby.configure(&conf)?;
    Ok(standby)
}
