//! An HTTP application whose endpoints take a known time in known places.
//!
//! | endpoint | own time | statements |
//! |---|---|---|
//! | `/a` | 10 ms | 1 × [`STATEMENT_A`] |
//! | `/b` | none | 3 × [`STATEMENT_B`] |
//! | `/c` | 15 ms | none |

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dbperf::lab::Lab;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::NoTls;

/// 20 ms inside the server.
pub(crate) const STATEMENT_A: &str = "SELECT pg_sleep(0.02), count(*) FROM a";
/// 5 ms inside the server.
pub(crate) const STATEMENT_B: &str = "SELECT pg_sleep(0.005), count(*) FROM b";
/// Calls of [`STATEMENT_B`] for one request of `/b`.
pub(crate) const CALLS_B: u32 = 3;

/// More connections than users: nobody waits for one.
const CONNECTIONS: usize = 16;

/// The application, which serves until it is dropped.
pub(crate) struct App {
    runtime: tokio::runtime::Runtime,
    address: SocketAddr,
    served: Arc<AtomicU64>,
}

impl App {
    /// Makes the tables and listens.
    pub(crate) fn start(lab: &Lab) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let served = Arc::new(AtomicU64::new(0));
        let config = lab.primary().dsn().parse().unwrap();
        let manager = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let pool = Pool::builder(Manager::from_config(config, NoTls, manager))
            .max_size(CONNECTIONS)
            .build()
            .unwrap();
        let address = runtime.block_on(async {
            prepare(&pool).await;
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(serve(listener, pool, Arc::clone(&served)));
            address
        });
        Self {
            runtime,
            address,
            served,
        }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests answered.
    pub(crate) fn served(&self) -> u64 {
        self.served.load(Ordering::Relaxed)
    }

    /// Ends it; its sessions end with it.
    pub(crate) fn stop(self) {
        self.runtime.shutdown_timeout(Duration::from_secs(2));
    }
}

/// Tables, and a connection for every user, so that none is opened under load.
async fn prepare(pool: &Pool) {
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        let client = pool.get().await.unwrap();
        if held.is_empty() {
            let tables = "CREATE EXTENSION IF NOT EXISTS pg_stat_statements; \
                          CREATE TABLE a AS SELECT generate_series(1, 10) AS id; \
                          CREATE TABLE b AS SELECT generate_series(1, 10) AS id";
            client.batch_execute(tables).await.unwrap();
        }
        for sql in [STATEMENT_A, STATEMENT_B] {
            client.prepare_cached(sql).await.unwrap();
        }
        held.push(client);
    }
}

async fn serve(listener: TcpListener, pool: Pool, served: Arc<AtomicU64>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (pool, served) = (pool.clone(), Arc::clone(&served));
        tokio::spawn(async move {
            // A client that goes away in the middle of a request is none of ours.
            let _ = converse(stream, &pool, &served).await;
        });
    }
}

/// Answers the requests of one connection, one after the other.
async fn converse(mut stream: TcpStream, pool: &Pool, served: &AtomicU64) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Vec::new();
    let mut chunk = [0u8; 4096];
    loop {
        let Some(end) = received.windows(4).position(|w| w == b"\r\n\r\n") else {
            let length = stream.read(&mut chunk).await?;
            if length == 0 {
                return Ok(());
            }
            received.extend_from_slice(&chunk[..length]);
            continue;
        };
        let head = String::from_utf8_lossy(&received[..end]).into_owned();
        received.drain(..end + 4);
        let path = head.split(' ').nth(1).unwrap_or_default();
        let status = answer(path, pool).await;
        let body = "{}";
        let reply = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        served.fetch_add(1, Ordering::Relaxed);
        stream.write_all(reply.as_bytes()).await?;
    }
}

async fn answer(path: &str, pool: &Pool) -> &'static str {
    let (own, sql, calls) = match path {
        "/a" => (10, STATEMENT_A, 1),
        "/b" => (0, STATEMENT_B, CALLS_B),
        "/c" => (15, "", 0),
        _ => return "404 Not Found",
    };
    tokio::time::sleep(Duration::from_millis(own)).await;
    if calls == 0 {
        return "200 OK";
    }
    let Ok(client) = pool.get().await else {
        return "503 Service Unavailable";
    };
    let Ok(statement) = client.prepare_cached(sql).await else {
        return "500 Internal Server Error";
    };
    for _ in 0..calls {
        if client.query(&statement, &[]).await.is_err() {
            return "500 Internal Server Error";
        }
    }
    "200 OK"
}
