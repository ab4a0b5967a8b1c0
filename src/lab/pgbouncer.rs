//! `PgBouncer` in front of a lab's primary, in transaction mode, on a Unix socket in the lab's folder.
//!
//! It listens on no TCP address and reaches the primary through its socket. Whoever may enter the
//! folder may connect and is an administrator of the console, as with the servers themselves.

use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::{
        fs::{OpenOptionsExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    Account, Cluster, LabError,
    account::{finished, last_lines},
    cluster::make_private_folder,
    conf::quote_dsn,
    error::io,
    postmaster::{end_process, runs},
};

/// The folder of the pooler inside a lab.
pub(super) const FOLDER: &str = "pgbouncer";

/// `PgBouncer`'s own default port; here only a part of the socket's name.
const PORT: u16 = 6432;

/// The file whose presence on a command line tells the pooler's process.
const CONFIG: &str = "pgbouncer.ini";

/// How long it may take to accept connections.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(5);

/// Where packages install the program, beside the `PATH`.
const PLACES: [&str; 4] = [
    "/usr/sbin",
    "/usr/bin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
];

/// Settings that say where the pooler lives or who it is, which are the lab's own.
const FIXED: [&str; 9] = [
    "listen_addr",
    "listen_port",
    "unix_socket_dir",
    "auth_type",
    "auth_file",
    "admin_users",
    "logfile",
    "pidfile",
    "user",
];

/// `PgBouncer` of a lab.
#[derive(Debug, Clone)]
pub struct PgBouncer {
    dir: PathBuf,
    program: PathBuf,
    account: Account,
}

impl PgBouncer {
    /// The pooler that lives in a lab's folder.
    pub(super) fn at(folder: &Path, account: &Account) -> Result<Self, LabError> {
        Ok(Self {
            dir: folder.join(FOLDER),
            program: find_program(account)?,
            account: account.clone(),
        })
    }

    /// Writes the configuration and starts the pooler in `<folder>/pgbouncer`.
    pub(super) fn begin(
        program: PathBuf,
        folder: &Path,
        primary: &Cluster,
        account: &Account,
        settings: &[(String, String)],
    ) -> Result<Self, LabError> {
        let mut pooler = Self {
            dir: folder.join(FOLDER),
            program,
            account: account.clone(),
        };
        let config = config(
            &pooler.dir,
            (primary.socket_dir(), primary.port()),
            settings,
        )?;
        make_private_folder(&pooler.dir, PORT, account)?;
        pooler.write(CONFIG, &config)?;
        // An empty password: the folder is the lock on the door.
        pooler.write("users.txt", "\"postgres\" \"\"\n")?;
        pooler.start()?;
        Ok(pooler)
    }

    /// How to connect through the pooler, as a libpq key=value string without a secret.
    #[must_use]
    pub fn dsn(&self) -> String {
        self.dsn_of("postgres")
    }

    /// How to connect to the pooler's own console, as a libpq key=value string without a secret.
    #[must_use]
    pub fn console_dsn(&self) -> String {
        self.dsn_of("pgbouncer")
    }

    fn dsn_of(&self, database: &str) -> String {
        let host = self.dir.display().to_string();
        format!(
            "host={} port={PORT} user=postgres dbname={database}",
            quote_dsn(&host)
        )
    }

    /// The file that the pooler logs to.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.dir.join("pgbouncer.log")
    }

    /// The process id, `None` when the pooler does not run.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        running(&self.dir)
    }

    /// Starts the pooler and waits until it accepts connections; a running one is left alone.
    ///
    /// # Errors
    ///
    /// [`LabError::Pooler`] with the last lines of what it said.
    pub fn start(&mut self) -> Result<(), LabError> {
        if self.pid().is_some() {
            return Ok(());
        }
        // One that was killed left its number behind, which may belong to anybody by now.
        self.stop();
        let output = self
            .account
            .command(&self.program, &self.dir)
            // In the background, which it goes to once it has read its configuration.
            .arg("-d")
            .arg(self.dir.join(CONFIG))
            .output()
            .map_err(io("run", &self.program))?;
        let begun = Instant::now();
        let started = finished(&self.program, &output).is_ok();
        let socket = self.dir.join(format!(".s.PGSQL.{PORT}"));
        while started && begun.elapsed() < PATIENCE {
            if UnixStream::connect(&socket).is_ok() {
                return Ok(());
            }
            std::thread::sleep(POLL);
        }
        let log = fs::read(self.log_file()).unwrap_or_default();
        let said = [&output.stdout[..], &output.stderr, &log].concat();
        Err(LabError::Pooler {
            program: self.program.clone(),
            said: last_lines(&String::from_utf8_lossy(&said), 15),
        })
    }

    /// Ends the pooler at once, with its connections; a stopped one is left alone.
    pub fn stop(&mut self) {
        end(&self.dir);
    }

    /// Ends the pooler and starts it again: its counters begin at zero.
    ///
    /// # Errors
    ///
    /// Those of [`PgBouncer::start`].
    pub fn restart(&mut self) -> Result<(), LabError> {
        self.stop();
        self.start()
    }

    /// Writes a file that the pooler's user may read.
    fn write(&self, name: &str, text: &str) -> Result<(), LabError> {
        let path = self.dir.join(name);
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(io("write", &path))?;
        self.account.own(&path)
    }
}

/// The process id of the pooler that runs on the configuration in `dir`.
fn running(dir: &Path) -> Option<i32> {
    let file = fs::read_to_string(dir.join("pgbouncer.pid")).ok()?;
    let pid: i32 = file.trim().parse().ok()?;
    runs(pid, &["pgbouncer"], &dir.join(CONFIG)).then_some(pid)
}

/// Ends the pooler in `dir`, for clearing up: never fails, never hangs. It has nothing to save.
pub(super) fn end(dir: &Path) {
    if let Some(pid) = running(dir) {
        end_process(pid);
    }
    // It refuses to start where the number in this file lives again.
    let _ = fs::remove_file(dir.join("pgbouncer.pid"));
}

/// The program, where the account can run it.
pub(super) fn find_program(account: &Account) -> Result<PathBuf, LabError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(PLACES.map(PathBuf::from));
    let executable = |program: &PathBuf| {
        let meta = fs::metadata(program);
        meta.is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    };
    folders
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join("pgbouncer"))
        .find(|program| executable(program) && account.must_reach(program).is_ok())
        .ok_or(LabError::NoPgBouncer)
}

/// The configuration file of a pooler in `dir` for the server at a socket.
fn config(
    dir: &Path,
    (socket_dir, port): (&Path, u16),
    settings: &[(String, String)],
) -> Result<String, LabError> {
    let home = plain(dir)?;
    let mut lines: Vec<(String, String)> = [
        ("unix_socket_dir", home.to_owned()),
        ("listen_port", PORT.to_string()),
        ("auth_type", "trust".to_owned()),
        ("auth_file", format!("{home}/users.txt")),
        ("admin_users", "postgres".to_owned()),
        ("logfile", format!("{home}/pgbouncer.log")),
        ("pidfile", format!("{home}/pgbouncer.pid")),
        ("pool_mode", "transaction".to_owned()),
        // Its default of 100 would refuse the clients of a storm; their number is not what the
        // pooler is there to limit.
        ("max_client_conn", "1000".to_owned()),
        // A replay that only reads asks for read-only sessions in its startup packet, which a pooler
        // refuses unless it is told to ignore it. Writes are allowed in a lab anyway.
        (
            "ignore_startup_parameters",
            "options,default_transaction_read_only,extra_float_digits".to_owned(),
        ),
        // A line for each connection would cost more than the connection.
        ("log_connections", "0".to_owned()),
        ("log_disconnections", "0".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    for (name, value) in settings {
        let refuse = |why: &str| LabError::Setting {
            name: name.clone(),
            why: why.to_owned(),
        };
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
            return Err(refuse("this is not a name of a PgBouncer setting"));
        }
        if FIXED.contains(&name.as_str()) {
            return Err(refuse("it says where the lab lives and is the lab's own"));
        }
        if value.contains(char::is_control) {
            return Err(refuse("its value holds a control character"));
        }
        lines.retain(|(known, _)| known != name);
        lines.push((name.clone(), value.clone()));
    }
    let mut text = format!(
        "; Written by dbperf for a throwaway server.\n[databases]\n* = host='{}' port={}\n\
         [pgbouncer]\n",
        plain(socket_dir)?.replace('\'', "''"),
        port
    );
    for (name, value) in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name} = {value}");
    }
    Ok(text)
}

/// A path as the configuration file can hold it, which knows neither quotes nor escapes for one.
fn plain(path: &Path) -> Result<&str, LabError> {
    path.to_str()
        .filter(|text| !text.contains(char::is_control) && text.trim() == *text)
        .ok_or_else(|| LabError::PoolerPath {
            path: path.to_path_buf(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(settings: &[(&str, &str)]) -> Result<String, LabError> {
        let settings: Vec<(String, String)> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let primary = (Path::new("/lab's/primary"), 5432);
        config(Path::new("/lab's/pgbouncer"), primary, &settings)
    }

    #[test]
    fn the_configuration_listens_on_no_address_and_takes_settings_once() {
        let text = written(&[("default_pool_size", "3"), ("pool_mode", "session")]).unwrap();
        assert!(text.contains("* = host='/lab''s/primary' port=5432\n"));
        assert!(text.contains("unix_socket_dir = /lab's/pgbouncer\n"));
        assert!(text.contains("default_pool_size = 3\n"));
        assert!(
            text.contains("pool_mode = session\n") && !text.contains("pool_mode = transaction")
        );
        assert!(!text.contains("listen_addr"));
    }

    #[test]
    fn a_setting_cannot_bring_another_line_or_move_the_pooler() {
        for (name, value) in [
            ("listen_addr", "*"),
            ("auth_type", "any"),
            ("pool size", "1"),
            ("", "1"),
            ("query_timeout", "1\nlisten_addr = *"),
        ] {
            let error = written(&[(name, value)]).unwrap_err();
            assert!(matches!(error, LabError::Setting { .. }), "{name}");
        }
    }

    #[test]
    fn a_stranger_in_the_pid_file_is_not_the_pooler() {
        let folder = tempfile::tempdir().unwrap();
        let own = std::process::id().to_string();
        fs::write(folder.path().join("pgbouncer.pid"), own).unwrap();
        assert_eq!(running(folder.path()), None);
        end(folder.path());
        assert!(!folder.path().join("pgbouncer.pid").exists());
    }
}
