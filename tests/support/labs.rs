//! Labs that start fast, and a connection to them.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use dbperf::lab::{Account, Binaries, Cluster, Lab, LabError, LabOptions, prepare_template};

use super::{
    hypopg::Hypopg,
    servers::{base, lock, required, servers},
};

/// Starts a lab of this version from a prepared data folder. `None`: the version is not installed,
/// which was said on stderr. A failed start fails the test.
pub(crate) fn lab(major: u32, options: LabOptions) -> Option<Lab> {
    match Lab::start(&prepared(major, options)?) {
        Ok(lab) => Some(lab),
        Err(error) => panic!("PostgreSQL {major}: {error}"),
    }
}

/// Runs a test on every version at once, each on a thread of its own: for tests whose programs and servers mostly wait
/// for each other, and that compare no times.
pub(crate) fn each_version<T: AsyncFn(u32) + Sync>(test: T) {
    std::thread::scope(|scope| {
        for (major, _) in servers() {
            let test = &test;
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(1)
                    .enable_all()
                    .build();
                runtime.expect("a runtime").block_on(test(major));
            });
        }
    });
}

/// A lab with PgBouncer in front, which has this many server connections. `None`: PgBouncer is not
/// installed, which was said on stderr, and `DBPERF_TEST_REQUIRE` does not ask for a complete machine.
pub(crate) fn pooled(major: u32, pool_size: u32) -> Option<Lab> {
    let size = ("default_pool_size".to_owned(), pool_size.to_string());
    let options = LabOptions {
        pgbouncer: true,
        pgbouncer_settings: vec![size],
        ..LabOptions::default()
    };
    match Lab::start(&prepared(major, options)?) {
        Ok(lab) => Some(lab),
        Err(error @ LabError::NoPgBouncer) => {
            let asked = std::env::var("DBPERF_TEST_REQUIRE").unwrap_or_default();
            assert!(required(&asked).is_empty(), "{error}");
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: no PgBouncer (`make setup-tools` installs it)"
            );
            None
        }
        Err(error) => panic!("PostgreSQL {major} with PgBouncer: {error}"),
    }
}

/// The options that [`lab`] starts with: the version's programs, a prepared data folder, and less
/// memory than a lab that is to be measured has, unless the test asks for another amount.
pub(crate) fn prepared(major: u32, options: LabOptions) -> Option<LabOptions> {
    let (_, bin) = servers().into_iter().find(|(found, _)| *found == major)?;
    Some(prepared_at(bin, options))
}

/// Starts a lab of a server that has HypoPG from a prepared data folder; `CREATE EXTENSION hypopg` is
/// left to the test. A failed start fails the test.
pub(crate) fn hypopg_lab(server: &Hypopg, options: LabOptions) -> Lab {
    match Lab::start(&prepared_at(server.bin.clone(), options)) {
        Ok(lab) => lab,
        Err(error) => panic!("PostgreSQL {} with HypoPG: {error}", server.major),
    }
}

/// The options that a lab of these programs starts with.
fn prepared_at(bin: PathBuf, options: LabOptions) -> LabOptions {
    let mut options = LabOptions {
        template: Some(options.template.unwrap_or_else(|| template(&bin))),
        pg_bin: Some(bin),
        parent: Some(options.parent.unwrap_or_else(fast_folder)),
        ..options
    };
    let smaller = ("shared_buffers".to_owned(), "64MB".to_owned());
    options.settings.insert(0, smaller);
    options
}

/// The prepared data folder of a server, made by the first test that asks for it. A lab writes its
/// settings into its own copy, so the server's version and the owner are all that matters here.
fn template(bin: &Path) -> PathBuf {
    let account = Account::current().expect("an account to run servers as");
    let binaries = Binaries::find(Some(bin)).expect("the server that was found");
    let folder = base().join("pg-template");
    let _lock = lock(&folder);
    let ready = folder.join(format!("{}-{}", binaries.version(), account.uid));
    if !ready.is_dir() {
        let partial = ready.with_extension("partial");
        let _ = fs::remove_dir_all(&partial);
        if let Err(error) = prepare_template(Some(bin), &partial) {
            panic!("no template for {}: {error}", binaries.version());
        }
        fs::rename(&partial, &ready).expect("put the template into place");
    }
    ready
}

/// Where labs are made: in memory if there is plenty, because a cluster is a thousand small files,
/// else where temporary files go.
fn fast_folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let free = nix::sys::statvfs::statvfs(memory)
        .map_or(0, |it| it.blocks_available() * it.fragment_size());
    if free >= 4 << 30 {
        memory.to_path_buf()
    } else {
        std::env::temp_dir()
    }
}

/// A temporary folder that the servers' user may enter, for tests that count what is left in it.
pub(crate) fn open_parent() -> tempfile::TempDir {
    let parent = tempfile::tempdir_in(fast_folder()).expect("make a temporary folder");
    fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o711)).expect("open the folder");
    parent
}

/// Connects to a lab's server as its superuser. The connection ends with the client.
pub(crate) async fn connect(cluster: &Cluster) -> tokio_postgres::Client {
    connect_to(&cluster.dsn()).await
}

/// The same to one of its databases.
pub(crate) async fn connect_to(dsn: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(dsn, tokio_postgres::NoTls)
        .await
        .expect("connect to the lab");
    tokio::spawn(connection);
    client
}

/// A session as dbperf's own, which only reads.
pub(crate) async fn guarded(dsn: &str) -> dbperf::pg::Session {
    let conninfo = dbperf::pg::Conninfo::parse(dsn, &|_| None).expect("a connection string");
    let options = dbperf::pg::SessionOptions::new("test");
    let session = dbperf::pg::Session::connect(&conninfo, &options).await;
    session.expect("a guarded session")
}

/// Makes a database by this SQL, and says how to connect to it.
pub(crate) async fn database(cluster: &Cluster, name: &str, sql: &str) -> String {
    let client = connect(cluster).await;
    let create = format!("CREATE DATABASE {name}");
    client.batch_execute(&create).await.expect(name);
    let dsn = cluster
        .dsn()
        .replace("dbname=postgres", &format!("dbname={name}"));
    connect_to(&dsn).await.batch_execute(sql).await.expect(name);
    dsn
}

/// Ends a session, and returns when its counters of tables and indexes can be read. A backend publishes them when it
/// ends, a moment after its client has gone; before PostgreSQL 15 they then pass through a file that is written twice
/// a second.
pub(crate) async fn published(cluster: &Cluster, client: tokio_postgres::Client) {
    let pid: i32 = client
        .query_one("SELECT pg_backend_pid()", &[])
        .await
        .expect("ask for the backend")
        .get(0);
    drop(client);
    let watcher = connect(cluster).await;
    let there = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1";
    for _ in 0..400 {
        let row = watcher.query_one(there, &[&pid]).await;
        let count: i64 = row.expect("read pg_stat_activity").get(0);
        if count == 0 {
            if cluster.major() < 15 {
                tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
            }
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("the backend {pid} does not end");
}

/// Sessions of dbperf that are left when those that have ended had their moment: a backend goes a little after its
/// client.
pub(crate) async fn left_sessions(client: &tokio_postgres::Client) -> i64 {
    let there = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'dbperf/%'";
    let mut left = 0;
    for _ in 0..200 {
        let row = client.query_one(there, &[]).await;
        left = row.expect("read pg_stat_activity").get(0);
        if left == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    left
}
