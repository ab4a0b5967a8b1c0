//! One server of a lab.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::{ffi::OsStrExt, fs::DirBuilderExt},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use super::{
    Account, Binaries, LabError, StopMode,
    account::{finished, last_lines},
    conf::{Conf, SLOT, quote_dsn},
    error::io,
    postmaster,
};

/// The longest path of a socket: `sun_path` holds 108 bytes on Linux and 104 on BSD and macOS, the
/// last of them NUL.
const SOCKET_PATH_LIMIT: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// How long a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server of a lab: its folder, its socket and its process.
#[derive(Debug, Clone)]
pub struct Cluster {
    name: &'static str,
    dir: PathBuf,
    port: u16,
    binaries: Binaries,
    account: Account,
}

impl Cluster {
    /// A server that lives, or will live, in `<folder>/<name>`.
    pub(super) fn at(
        folder: &Path,
        name: &'static str,
        port: u16,
        binaries: &Binaries,
        account: &Account,
    ) -> Self {
        Self {
            name,
            dir: folder.join(name),
            port,
            binaries: binaries.clone(),
            account: account.clone(),
        }
    }

    /// How to connect, as a libpq key=value string. It holds no secret: who may enter the socket's
    /// folder may connect.
    #[must_use]
    pub fn dsn(&self) -> String {
        let host = self.dir.display().to_string();
        format!(
            "host={} port={} user=postgres dbname=postgres",
            quote_dsn(&host),
            self.port
        )
    }

    /// The folder of the server's Unix socket, entered by nobody but its user and root.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.dir
    }

    /// The number in the socket's name.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's version as it calls itself, such as `15.18`.
    #[must_use]
    pub fn version(&self) -> &str {
        self.binaries.version()
    }

    /// The server's major version, such as 15.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.binaries.major()
    }

    /// The folder of the server's data and configuration.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// The file that the server logs to.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.dir.join("server.log")
    }

    /// The postmaster's process id, `None` when the server does not run.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        postmaster::running(&self.data_dir())
    }

    /// Starts the server and waits until it accepts connections; a running one is left alone.
    ///
    /// `pg_ctl` makes the server the leader of a session of its own, so a signal from the terminal
    /// does not reach it.
    ///
    /// # Errors
    ///
    /// [`LabError::Start`] with the last lines of the server's log.
    pub fn start(&mut self) -> Result<(), LabError> {
        if self.pid().is_some() {
            return Ok(());
        }
        let log = self.log_file();
        let seconds = PATIENCE.as_secs().to_string();
        let (data, log_arg) = (self.data_dir(), log.clone());
        let args = [
            "-D".as_ref(),
            data.as_os_str(),
            "-l".as_ref(),
            log_arg.as_os_str(),
            "-w".as_ref(),
            "-t".as_ref(),
            seconds.as_ref(),
            "start".as_ref(),
        ];
        match self.run("pg_ctl", args) {
            Ok(_) => Ok(()),
            Err(LabError::Program { output, .. }) => Err(LabError::Start {
                cluster: self.name.to_owned(),
                version: self.version().to_owned(),
                said: last_lines(&output, 1),
                log: fs::read(&log).map_or_else(
                    |error| format!("{}: {error}", log.display()),
                    |text| last_lines(&String::from_utf8_lossy(&text), 15),
                ),
            }),
            Err(other) => Err(other),
        }
    }

    /// Stops the server and waits until its process has gone; a stopped one is left alone.
    ///
    /// # Errors
    ///
    /// [`LabError::Stop`] when it still runs after a minute, which a smart stop does for as long as
    /// a client stays connected.
    pub fn stop(&mut self, mode: StopMode) -> Result<(), LabError> {
        postmaster::stop(&self.data_dir(), mode, PATIENCE)
    }

    /// Stops the server in the given mode and starts it again.
    ///
    /// # Errors
    ///
    /// Those of [`Cluster::stop`] and [`Cluster::start`].
    pub fn restart(&mut self, mode: StopMode) -> Result<(), LabError> {
        self.stop(mode)?;
        self.start()
    }

    /// Makes the cluster's folder, which nobody but the servers' user may enter: connections are
    /// trusted, so the folder's mode is the lock on the door.
    pub(super) fn make_folder(&self) -> Result<(), LabError> {
        make_private_folder(&self.dir, self.port, &self.account)
    }

    /// Copies a whole data folder, as the servers' user, who becomes its owner.
    pub(super) fn copy_from(&self, data_dir: &Path) -> Result<(), LabError> {
        let to = self.data_dir();
        let args = ["-a".as_ref(), data_dir.as_os_str(), to.as_os_str()];
        self.account.run(Path::new("cp"), &self.dir, args)?;
        Ok(())
    }

    /// Makes a new, empty cluster.
    pub(super) fn init(&self) -> Result<(), LabError> {
        init(&self.binaries, &self.account, &self.data_dir())
    }

    /// Appends settings to the server's configuration.
    pub(super) fn configure(&self, conf: &Conf) -> Result<(), LabError> {
        let path = self.data_dir().join("postgresql.conf");
        OpenOptions::new()
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(conf.lines().as_bytes()))
            .map_err(io("write", &path))
    }

    /// Makes the standby's replication slot, which keeps the WAL from now on.
    ///
    /// The server is not running yet, and some builds come without any client, so this goes through
    /// the server's single-user mode.
    pub(super) fn make_slot(&self) -> Result<(), LabError> {
        let program = self.binaries.program("postgres");
        let data = self.data_dir();
        let mut child = self
            .account
            .command(&program, &self.dir)
            .args(["--single", "-c", "exit_on_error=on", "-D"])
            .arg(&data)
            .arg("postgres")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(io("run", &program))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A server that ends before it reads says why on its stderr, which is better than this.
            let _ = writeln!(
                stdin,
                "SELECT /* dbperf */ pg_catalog.pg_create_physical_replication_slot('{SLOT}', true)"
            );
        }
        let output = child.wait_with_output().map_err(io("run", &program))?;
        finished(&program, &output)?;
        Ok(())
    }

    /// Turns a copy of the primary's data folder into a standby's.
    pub(super) fn become_standby(&self) -> Result<(), LabError> {
        let data = self.data_dir();
        let slots = data.join("pg_replslot");
        let entries = fs::read_dir(&slots).map_err(io("read", &slots))?;
        for entry in entries.flatten() {
            // A standby that inherits its own slot would keep WAL for nobody.
            fs::remove_dir_all(entry.path()).map_err(io("remove", entry.path()))?;
        }
        let signal = data.join("standby.signal");
        fs::write(&signal, "").map_err(io("write", &signal))?;
        self.account.own(&signal)
    }

    fn run<const N: usize>(
        &self,
        program: &str,
        args: [&std::ffi::OsStr; N],
    ) -> Result<String, LabError> {
        let program = self.binaries.program(program);
        self.account.run(&program, &self.dir, args)
    }
}

/// Makes a folder for a socket that nobody but the account may enter.
pub(super) fn make_private_folder(
    dir: &Path,
    port: u16,
    account: &Account,
) -> Result<(), LabError> {
    let path = dir.join(format!(".s.PGSQL.{port}"));
    let length = path.as_os_str().as_bytes().len();
    if length > SOCKET_PATH_LIMIT {
        return Err(LabError::SocketPath {
            path,
            length,
            limit: SOCKET_PATH_LIMIT,
        });
    }
    fs::DirBuilder::new()
        .mode(0o700)
        .create(dir)
        .map_err(io("make", dir))?;
    account.own(dir)
}

/// Runs `initdb` on an absent or empty folder.
pub(super) fn init(
    binaries: &Binaries,
    account: &Account,
    data_dir: &Path,
) -> Result<(), LabError> {
    let args = [
        "-U".as_ref(),
        "postgres".as_ref(),
        "-A".as_ref(),
        "trust".as_ref(),
        "-E".as_ref(),
        "UTF8".as_ref(),
        "--no-locale".as_ref(),
        "--no-sync".as_ref(),
        "-D".as_ref(),
        data_dir.as_os_str(),
    ];
    let cwd = data_dir.parent().unwrap_or(data_dir);
    account.run::<_, &std::ffi::OsStr>(&binaries.program("initdb"), cwd, args)?;
    Ok(())
}
