//! A small service that knows what it served: HTTP/1.1 and WebSocket, with or without TLS.

pub(crate) mod http2;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;

/// What the service counted.
#[derive(Debug, Default, Clone)]
pub(crate) struct Served {
    /// Connections with at least one request.
    pub(crate) connections: u64,
    /// `METHOD path?query` of every request, in the order of their arrival.
    pub(crate) requests: Vec<String>,
    /// Bodies that are not empty.
    pub(crate) bodies: Vec<String>,
    /// Headers of every request in one text, names in lower case.
    pub(crate) headers: Vec<String>,
    /// Σ of the `db` times told.
    pub(crate) db_ms: f64,
    /// How often a WebSocket was opened.
    pub(crate) sockets: u64,
    /// Messages that were pushed.
    pub(crate) pushed: u64,
    /// What `/sleep` took, in milliseconds.
    pub(crate) slept_ms: Vec<f64>,
    /// Texts that came over a WebSocket.
    pub(crate) texts: Vec<String>,
}

/// A running service; it ends with the process.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    served: Arc<Mutex<Served>>,
}

struct Shared {
    served: Arc<Mutex<Served>>,
    /// Over TLS comes nothing but a WebSocket.
    only_sockets: bool,
    /// No answer is given in this stretch.
    stall: Option<(Instant, Instant)>,
}

impl Shared {
    fn note(&self, change: impl FnOnce(&mut Served)) {
        change(&mut self.served.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Service {
    pub(crate) fn start() -> Self {
        Self::with(None, None, false)
    }

    /// Gives no answer from `after` the start, for `length`.
    pub(crate) fn stalling(after: Duration, length: Duration) -> Self {
        Self::with(Some((after, length)), None, false)
    }

    pub(crate) fn with_tls(acceptor: TlsAcceptor) -> Self {
        Self::with(None, Some(acceptor), false)
    }

    /// A WebSocket over TLS, and nothing else.
    pub(crate) fn sockets_with_tls(acceptor: TlsAcceptor) -> Self {
        Self::with(None, Some(acceptor), true)
    }

    fn with(
        stall: Option<(Duration, Duration)>,
        tls: Option<TlsAcceptor>,
        only_sockets: bool,
    ) -> Self {
        let served = Arc::<Mutex<Served>>::default();
        let started = Instant::now();
        let shared = Arc::new(Shared {
            served: Arc::clone(&served),
            only_sockets,
            stall: stall.map(|(after, length)| (started + after, started + after + length)),
        });
        let (said, address) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let built = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            built.unwrap().block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                said.send(listener.local_addr().unwrap()).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    stream.set_nodelay(true).unwrap();
                    let (shared, tls) = (Arc::clone(&shared), tls.clone());
                    // A client that goes away is no failure of the service.
                    tokio::spawn(async move {
                        match tls {
                            None => plain(stream, shared).await,
                            Some(tls) => match tls.accept(stream).await {
                                Ok(stream) if shared.only_sockets => socket(stream, shared).await,
                                Ok(stream) => http(stream, shared).await,
                                Err(_) => None,
                            },
                        }
                    });
                }
            });
        });
        Self {
            address: address.recv().unwrap(),
            served,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn served(&self) -> Served {
        self.served
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Requests whose path begins so.
    pub(crate) fn count(&self, start: &str) -> u64 {
        let served = self.served();
        served
            .requests
            .iter()
            .filter(|r| r.starts_with(start))
            .count() as u64
    }
}

/// A WebSocket is told by its path before anything is read.
async fn plain(stream: TcpStream, shared: Arc<Shared>) -> Option<()> {
    let mut head = [0; 7];
    while stream.peek(&mut head).await.ok()? < head.len() {
        if stream.peek(&mut head).await.ok()? == 0 {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    if &head == b"GET /ws" {
        let mut head = [0; 64];
        let read = stream.peek(&mut head).await.ok()?;
        if head[..read].starts_with(b"GET /ws/slow") {
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        socket(stream, shared).await
    } else {
        http(stream, shared).await
    }
}

async fn http<S: AsyncRead + AsyncWrite + Unpin>(stream: S, shared: Arc<Shared>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut first = true;
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        if std::mem::take(&mut first) {
            shared.note(|served| served.connections += 1);
        }
        let head = String::from_utf8(head).ok()?;
        let mut words = head.split(' ');
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let headers = head.to_ascii_lowercase();
        let length = headers.split("content-length: ").nth(1);
        let length = length.and_then(|l| l.split("\r\n").next()?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).await.ok()?;
        let body = String::from_utf8(body).ok()?;
        shared.note(|served| {
            served.requests.push(format!("{method} {path}"));
            served.headers.push(head.clone());
            if !body.is_empty() {
                served.bodies.push(body.clone());
            }
        });
        if let Some((from, to)) = shared.stall {
            let now = Instant::now();
            if from <= now && now < to {
                tokio::time::sleep_until(to.into()).await;
            }
        }
        let answer = answer(&path, &headers, &body, &shared).await?;
        stream.write_all(answer.as_bytes()).await.ok()?;
        stream.flush().await.ok()?;
    }
}

/// The whole answer; `None` to close the connection without one.
async fn answer(path: &str, headers: &str, body: &str, shared: &Shared) -> Option<String> {
    let parts: Vec<&str> = path
        .split('?')
        .next()?
        .trim_matches('/')
        .split('/')
        .collect();
    let (status, extra, text) = match parts.as_slice() {
        ["sleep", ms] => {
            let begun = Instant::now();
            let length = Duration::from_millis(ms.parse().ok()?);
            // The runtime's timer is up to a millisecond late.
            tokio::time::sleep(length.saturating_sub(Duration::from_millis(2))).await;
            while begun.elapsed() < length {
                tokio::task::yield_now().await;
            }
            let slept = begun.elapsed().as_secs_f64() * 1000.0;
            shared.note(|served| served.slept_ms.push(slept));
            (200, String::new(), "slept".to_owned())
        }
        ["status", code] => (code.parse().ok()?, String::new(), "secret words".to_owned()),
        ["hang"] => std::future::pending().await,
        ["drop"] => return None,
        ["redirect"] => (302, "Location: /fast\r\n".to_owned(), String::new()),
        ["timing", db] => {
            let db: f64 = db.parse().ok()?;
            shared.note(|served| served.db_ms += db + 1.0);
            tokio::time::sleep(Duration::from_millis(5)).await;
            let told = format!(
                "Server-Timing: pool;dur=0.5, db;desc=\"one, two\";dur={db}\r\nServer-Timing: db;dur=1, \
                 total;dur=4\r\n"
            );
            (200, told, String::new())
        }
        ["login"] => (
            200,
            "Set-Cookie: session=s-1; Path=/\r\n".to_owned(),
            r#"{"data":{"access_token":"t-123"}}"#.to_owned(),
        ),
        ["private"] => {
            let known = headers.contains("cookie: session=s-1")
                && headers.contains("authorization: bearer t-123");
            (if known { 200 } else { 401 }, String::new(), String::new())
        }
        ["echo"] => (200, String::new(), body.to_owned()),
        _ => (200, String::new(), "ok".to_owned()),
    };
    let length = text.len();
    Some(format!(
        "HTTP/1.1 {status} Words\r\nContent-Length: {length}\r\n{extra}\r\n{text}"
    ))
}

/// `/ws`: `subscribe` is confirmed and followed by 100 messages a second; `ping` is answered after 20 ms; `leave`
/// drops the connection. `/ws/slow` takes 40 ms for its handshake.
async fn socket<S: AsyncRead + AsyncWrite + Unpin>(stream: S, shared: Arc<Shared>) -> Option<()> {
    let mut path = String::new();
    #[expect(clippy::result_large_err, reason = "the library's own type")]
    let note = |request: &tokio_tungstenite::tungstenite::handshake::server::Request, response| {
        path = request.uri().to_string();
        Ok(response)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, note)
        .await
        .ok()?;
    shared.note(|served| {
        served.sockets += 1;
        served.requests.push(format!("WS {path}"));
    });
    let mut pushing = None;
    loop {
        let tick = async {
            match pushing {
                Some(next) => tokio::time::sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            message = socket.next() => {
                let message = message?.ok()?;
                if message.is_close() {
                    // Nothing can be pushed any more: the attempt would end this before the answer is sent.
                    pushing = None;
                }
                let Message::Text(text) = message else { continue };
                shared.note(|served| served.texts.push(text.to_string()));
                if text.contains("subscribe") {
                    socket.send(Message::text(r#"{"type":"subscribed"}"#)).await.ok()?;
                    pushing = Some(tokio::time::Instant::now() + Duration::from_millis(10));
                } else if text.contains("leave") {
                    return None;
                } else {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    socket.send(Message::text(format!("re: {text}"))).await.ok()?;
                }
            }
            () = tick => {
                let now = jiff::Timestamp::now().as_millisecond();
                let text = format!(r#"{{"type":"news","sent_at":{now}}}"#);
                shared.note(|served| served.pushed += 1);
                socket.send(Message::text(text)).await.ok()?;
                pushing = pushing.map(|at| at + Duration::from_millis(10));
            }
        }
    }
}
