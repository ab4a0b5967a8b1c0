//! A real HTTP service with a pool of its own, which knows where the time of its requests went: it tells it in
//! `Server-Timing`, in traces, and to the test.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::NoTls;

/// What a request does, one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// Works with the processor for so many milliseconds of its time.
    Burn(u64),
    /// Does something else for so many milliseconds.
    Pause(u64),
    /// In one of so many requests, does something else for so many milliseconds.
    Sometimes(u64, u64),
    /// Takes a connection; it is given back at the end of the request.
    Acquire,
    /// Runs a statement.
    Run(&'static str),
}

/// Where the time of all requests went, in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) requests: u64,
    pub(crate) total: f64,
    pub(crate) pool: f64,
    /// Statements, from sending to the last row.
    pub(crate) statements: f64,
}

/// The service, which serves until it is stopped.
pub(crate) struct Service {
    runtime: tokio::runtime::Runtime,
    address: SocketAddr,
    log: Arc<Mutex<Log>>,
}

/// What it keeps of its requests.
#[derive(Debug, Default)]
struct Log {
    spent: Spent,
    traces: Vec<Value>,
}

/// One request while it is served.
struct Request {
    begun: (Instant, u128),
    number: u64,
    pool: f64,
    statements: f64,
    spans: Vec<Value>,
}

impl Service {
    /// Opens all connections of the pool and listens. Every request does the same steps.
    pub(crate) fn start(dsn: &str, connections: usize, steps: &'static [Step]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(4)
            .enable_all()
            .build()
            .unwrap();
        let manager = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(dsn.parse().unwrap(), NoTls, manager);
        let pool = Pool::builder(manager)
            .max_size(connections)
            .build()
            .unwrap();
        let log = Arc::new(Mutex::new(Log::default()));
        let address = runtime.block_on(async {
            open_all(&pool, steps).await;
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(serve(listener, pool, steps, Arc::clone(&log)));
            address
        });
        Self {
            runtime,
            address,
            log,
        }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends it, and tells where the time went, and the traces, one request in a line.
    pub(crate) fn stop(self) -> (Spent, String) {
        self.runtime.shutdown_timeout(Duration::from_secs(2));
        let log = self.log.lock().unwrap();
        let lines: Vec<String> = log.traces.iter().map(Value::to_string).collect();
        (log.spent, lines.join("\n") + "\n")
    }
}

/// So that no connection is opened and no statement prepared under load.
async fn open_all(pool: &Pool, steps: &[Step]) {
    let mut held = Vec::new();
    for _ in 0..pool.status().max_size {
        let client = pool.get().await.unwrap();
        for step in steps {
            if let Step::Run(sql) = step {
                client.prepare_cached(sql).await.unwrap();
            }
        }
        held.push(client);
    }
}

async fn serve(listener: TcpListener, pool: Pool, steps: &'static [Step], log: Arc<Mutex<Log>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (pool, log) = (pool.clone(), Arc::clone(&log));
        tokio::spawn(async move {
            // A client that goes away in the middle of a request is none of ours.
            let _gone = converse(stream, &pool, steps, &log).await;
        });
    }
}

/// Answers the requests of one connection, one after the other.
async fn converse(
    mut stream: TcpStream,
    pool: &Pool,
    steps: &[Step],
    log: &Mutex<Log>,
) -> std::io::Result<()> {
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
        received.drain(..end + 4);
        let mut request = Request::begin(log);
        request.work(pool, steps).await;
        let timing = request.end(log);
        let reply = format!(
            "HTTP/1.1 200 OK\r\nServer-Timing: {timing}\r\nContent-Type: application/json\r\n\
             Content-Length: 2\r\n\r\n{{}}"
        );
        stream.write_all(reply.as_bytes()).await?;
    }
}

fn now() -> (Instant, u128) {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    (Instant::now(), unix.as_nanos())
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

impl Request {
    fn begin(log: &Mutex<Log>) -> Self {
        let number = {
            let mut log = log.lock().unwrap();
            log.spent.requests += 1;
            log.spent.requests
        };
        Self {
            begun: now(),
            number,
            pool: 0.0,
            statements: 0.0,
            spans: Vec::new(),
        }
    }

    async fn work(&mut self, pool: &Pool, steps: &[Step]) {
        let mut client: Option<Object> = None;
        for step in steps {
            match step {
                Step::Burn(time) => tokio::task::block_in_place(|| burn(*time)),
                Step::Pause(time) => tokio::time::sleep(Duration::from_millis(*time)).await,
                Step::Sometimes(one_of, time) => {
                    if self.number.is_multiple_of(*one_of) {
                        tokio::time::sleep(Duration::from_millis(*time)).await;
                    }
                }
                Step::Acquire => {
                    let from = now();
                    client = Some(pool.get().await.unwrap());
                    self.pool += ms(from.0);
                    self.span("pg-pool.connect", 1, from, &[]);
                }
                Step::Run(sql) => {
                    let client = client.as_ref().unwrap();
                    let statement = client.prepare_cached(sql).await.unwrap();
                    let from = now();
                    client.query(&statement, &[]).await.unwrap();
                    self.statements += ms(from.0);
                    let attributes = [("db.system.name", "postgresql"), ("db.query.text", *sql)];
                    self.span("query", 3, from, &attributes);
                }
            }
        }
    }

    /// A span from a moment until now, below the request's own.
    fn span(&mut self, name: &str, kind: u32, from: (Instant, u128), attributes: &[(&str, &str)]) {
        let id = self.spans.len() as u64 + 2;
        let parent = format!("{:016x}", 1);
        self.spans
            .push(self.made(name, kind, id, Some(parent), from, attributes));
    }

    fn made(
        &self,
        name: &str,
        kind: u32,
        id: u64,
        parent: Option<String>,
        from: (Instant, u128),
        attributes: &[(&str, &str)],
    ) -> Value {
        let attributes: Vec<Value> = attributes
            .iter()
            .map(|(key, value)| json!({"key": key, "value": {"stringValue": value}}))
            .collect();
        let end = from.1 + from.0.elapsed().as_nanos();
        json!({
            "traceId": format!("{:032x}", self.number),
            "spanId": format!("{id:016x}"),
            "parentSpanId": parent.unwrap_or_default(),
            "name": name,
            "kind": kind,
            "startTimeUnixNano": from.1.to_string(),
            "endTimeUnixNano": end.to_string(),
            "attributes": attributes,
            "status": {}
        })
    }

    /// Keeps what the request did; the value of its `Server-Timing`.
    fn end(mut self, log: &Mutex<Log>) -> String {
        let total = ms(self.begun.0);
        let attributes = [("http.request.method", "GET"), ("http.route", "/work")];
        let own = self.made("GET /work", 2, 1, None, self.begun, &attributes);
        self.spans.push(own);
        let trace = json!({"resourceSpans": [{
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "orders"}}]},
            "scopeSpans": [{"scope": {"name": "hand-made"}, "spans": self.spans}]
        }]});
        let mut log = log.lock().unwrap();
        log.spent.total += total;
        log.spent.pool += self.pool;
        log.spent.statements += self.statements;
        log.traces.push(trace);
        let app = total - self.pool - self.statements;
        format!(
            "pool;dur={:.4}, db;dur={:.4};desc=\"statements, all\", app;dur={app:.4}, total;dur={total:.4}",
            self.pool, self.statements
        )
    }
}

/// Uses so many milliseconds of the processor's time: waiting for a core makes it take longer.
fn burn(time: u64) {
    let used = || {
        let times = nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
        Duration::from(times)
    };
    let begin = used();
    let mut value = 0u64;
    while used() < begin + Duration::from_millis(time) {
        for i in 0..10_000u64 {
            value = std::hint::black_box(value.wrapping_mul(31) ^ i);
        }
    }
}
