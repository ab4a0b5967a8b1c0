//! The WebSocket of one user.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use jiff::Timestamp;
use reqwest::cookie::CookieStore as _;
use reqwest::header::{COOKIE, HeaderMap};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_local};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::agent::Agent;
use super::dial::Wire;
use super::failure::{broken, down, of_socket};
use super::ready::Ready;
use super::user::{Service, User};
use super::wire::Exchange;
use crate::drive::client::Thread;
use crate::drive::failure::Failure;
use crate::drive::switch::Phase;
use crate::workload::Value;
use crate::workload::scenario::{Action, Answer, Template, Until};

type Stream = WebSocketStream<Box<dyn Wire>>;

/// An open WebSocket. A task of its own reads it all the time, so that a message has the time at which it came and
/// not the one at which somebody asked for it; what comes while no step waits is read and dropped.
pub(super) struct Socket {
    sink: SplitSink<Stream, Message>,
    inbox: mpsc::UnboundedReceiver<Result<Arrived, tungstenite::Error>>,
    listening: Rc<Cell<bool>>,
    reader: JoinHandle<()>,
    pings: u64,
    place: Place,
}

/// Where a WebSocket leads, to open it again.
#[derive(Debug, Clone)]
struct Place {
    /// Path and query.
    path: String,
    headers: HeaderMap,
}

/// A message and its time.
struct Arrived {
    at: Instant,
    /// By the wall clock, to compare with what the service wrote into it.
    wall: Timestamp,
    message: Message,
}

impl Drop for Socket {
    fn drop(&mut self) {
        // The connection goes when both of its halves have gone.
        self.reader.abort();
    }
}

/// Reads until the connection ends.
async fn read(
    mut stream: SplitStream<Stream>,
    listening: Rc<Cell<bool>>,
    inbox: mpsc::UnboundedSender<Result<Arrived, tungstenite::Error>>,
) {
    while let Some(message) = stream.next().await {
        let sent = match message {
            Ok(message) if listening.get() => inbox.send(Ok(Arrived {
                at: Instant::now(),
                wall: Timestamp::now(),
                message,
            })),
            Ok(_) => Ok(()),
            Err(error) => inbox.send(Err(error)),
        };
        if sent.is_err() {
            return;
        }
    }
}

impl Socket {
    async fn open(
        service: &Service,
        agent: &Agent,
        place: Place,
        trace: &mut Exchange,
    ) -> Result<Self, Failure> {
        // http becomes ws and https wss.
        let url = format!(
            "ws{}{}",
            service.base.trim_start_matches("http"),
            place.path
        );
        let request = url.as_str().into_client_request();
        let mut request = request.map_err(|error| of_socket(&error))?;
        let headers = request.headers_mut();
        headers.extend(place.headers.clone());
        if let Ok(address) = format!("{}{}", service.base, place.path).parse()
            && let Some(cookies) = agent.cookies.cookies(&address)
        {
            headers.insert(COOKIE, cookies);
        }
        agent.probe.take();
        let wire = service
            .address
            .dial(&agent.socket_tls, &agent.probe)
            .await?;
        trace.setup = agent.probe.take();
        let asked = Instant::now();
        let (stream, _) = client_async_with_config(request, wire, None)
            .await
            .map_err(|error| of_socket(&error))?;
        trace.waiting = Some(asked.elapsed());
        let (sink, stream) = stream.split();
        let (sender, inbox) = mpsc::unbounded_channel();
        let listening = Rc::<Cell<bool>>::default();
        let reader = spawn_local(read(stream, Rc::clone(&listening), sender));
        Ok(Self {
            sink,
            inbox,
            listening,
            reader,
            pings: 0,
            place,
        })
    }

    /// From now on messages are kept for [`Socket::next`].
    ///
    /// # Errors
    /// The connection has ended.
    fn listen(&mut self) -> Result<(), Failure> {
        self.listening.set(true);
        loop {
            match self.inbox.try_recv() {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(of_socket(&error)),
                Err(mpsc::error::TryRecvError::Empty) => return Ok(()),
                Err(mpsc::error::TryRecvError::Disconnected) => {
                    return Err(down("WebSocket closed"));
                }
            }
        }
    }

    fn rest(&mut self) {
        self.listening.set(false);
    }

    async fn next(&mut self) -> Result<Arrived, Failure> {
        match self.inbox.recv().await {
            Some(Ok(arrived)) => Ok(arrived),
            Some(Err(error)) => Err(of_socket(&error)),
            None => Err(down("WebSocket closed")),
        }
    }

    async fn put(&mut self, message: Message) -> Result<(), Failure> {
        let sent = self.sink.send(message).await;
        sent.map_err(|error| of_socket(&error))
    }

    /// Waits for a message that is what is waited for. Returns when it came.
    async fn wait_for(&mut self, fits: impl Fn(&Message) -> bool) -> Result<Instant, Failure> {
        loop {
            let arrived = self.next().await?;
            if fits(&arrived.message) {
                return Ok(arrived.at);
            }
        }
    }

    async fn send(
        &mut self,
        text: &Template,
        answer: &Answer,
        slots: &[Value],
    ) -> Result<Option<Instant>, Failure> {
        self.listen()?;
        self.put(Message::text(text.text(slots))).await?;
        let is_message = |message: &Message| message.is_text() || message.is_binary();
        let came = match answer {
            Answer::None => None,
            Answer::Any => Some(self.wait_for(is_message).await?),
            Answer::With(part) => {
                let part = part.text(slots);
                let fits = |message: &Message| match message {
                    Message::Text(text) => text.as_str().contains(&part),
                    _ => false,
                };
                Some(self.wait_for(fits).await?)
            }
        };
        self.rest();
        Ok(came)
    }

    async fn ping(&mut self) -> Result<Instant, Failure> {
        self.listen()?;
        self.pings += 1;
        let payload = Bytes::copy_from_slice(&self.pings.to_be_bytes());
        self.put(Message::Ping(payload.clone())).await?;
        let came = self
            .wait_for(|message| matches!(message, Message::Pong(back) if *back == payload))
            .await?;
        self.rest();
        Ok(came)
    }

    /// The closing handshake.
    async fn close(mut self) -> Result<(), Failure> {
        self.listen()?;
        self.put(Message::Close(None)).await?;
        loop {
            match self.inbox.recv().await {
                None | Some(Err(tungstenite::Error::ConnectionClosed)) => return Ok(()),
                Some(Ok(arrived)) if arrived.message.is_close() => return Ok(()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(of_socket(&error)),
            }
        }
    }
}

impl Service {
    /// A step over a WebSocket that is a request: it has an answer, or an end.
    pub(super) async fn socket_step(
        &self,
        user: &mut User,
        action: &Action,
        ready: &Ready,
        _started: Instant,
    ) -> Result<(), Failure> {
        let User {
            agent,
            socket,
            trace,
            slots,
            ..
        } = user;
        let agent = agent.as_ref();
        let agent = agent.ok_or_else(|| broken("the user's client could not be made"))?;
        if let Action::Connect { path, .. } = action {
            let place = Place {
                path: path.text(slots),
                headers: ready.headers(slots)?,
            };
            // One that is still open is left as a user leaves who goes away.
            *socket = None;
            *socket = Some(Socket::open(self, agent, place, trace).await?);
            return Ok(());
        }
        let mut open = socket.take().ok_or_else(|| down("WebSocket closed"))?;
        match action {
            Action::Send { text, answer } => {
                user.ended = open.send(text, answer, slots).await?;
                *socket = Some(open);
            }
            Action::Ping => {
                user.ended = Some(open.ping().await?);
                *socket = Some(open);
            }
            Action::Close => open.close().await?,
            _ => {
                let place = open.place.clone();
                drop(open);
                *socket = Some(Socket::open(self, agent, place, trace).await?);
            }
        }
        Ok(())
    }

    /// Counts what the service pushes, until the step is over or the load is. Messages of the connection's own, such
    /// as pongs, do not count.
    pub(super) async fn receive(
        &self,
        thread: &Thread<Self>,
        user: &mut User,
        operation: usize,
        until: Until,
        pointer: Option<&str>,
    ) -> Result<(), Failure> {
        let socket = user.socket.as_mut();
        let socket = socket.ok_or_else(|| down("WebSocket closed"))?;
        socket.listen()?;
        let mut finish = pin!(thread.shared.switch.reached(Phase::Finish));
        let patience = match until {
            Until::Time(length) => length,
            Until::Messages(_) => self.timeout,
        };
        let mut end = Instant::now() + patience;
        let mut count = 0;
        loop {
            let arrived = tokio::select! {
                arrived = socket.next() => arrived?,
                () = tokio::time::sleep_until(end.into()) => match until {
                    Until::Time(_) => break,
                    Until::Messages(_) => return Err(Failure::Timeout),
                },
                () = &mut finish => break,
            };
            if !(arrived.message.is_text() || arrived.message.is_binary()) {
                continue;
            }
            let latency =
                pointer.and_then(|pointer| delivery(&arrived, pointer, thread, operation));
            thread.pushed(operation, arrived.at, latency);
            count += 1;
            if let Until::Messages(wanted) = until {
                if count >= wanted {
                    break;
                }
                end = arrived.at + patience;
            }
        }
        socket.rest();
        Ok(())
    }
}

/// From the moment that the message names to its arrival; `None`, and counted, where it names none or a later one.
fn delivery(
    arrived: &Arrived,
    pointer: &str,
    thread: &Thread<Service>,
    operation: usize,
) -> Option<Duration> {
    let sent = sent_at(&arrived.message, pointer);
    let latency = sent.map(|sent| Duration::try_from(arrived.wall.duration_since(sent)));
    let mut recorder = thread.recorder.borrow_mut();
    match latency {
        Some(Ok(latency)) => Some(latency),
        Some(Err(_)) => {
            recorder.detail(operation)?.from_the_future += 1;
            None
        }
        None => {
            recorder.detail(operation)?.without_time += 1;
            None
        }
    }
}

/// The moment at which a message was sent, as it says itself: RFC 3339, or seconds, milliseconds, microseconds or
/// nanoseconds since 1970, told apart by their size.
fn sent_at(message: &Message, pointer: &str) -> Option<Timestamp> {
    let text = message.to_text().ok()?;
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    let value = json.pointer(pointer)?;
    if let Some(text) = value.as_str() {
        return text.parse().ok();
    }
    let number = value.as_f64().filter(|number| *number > 0.0)?;
    // 1e11 s is the year 5138, and 1e11 ms is 1973.
    let seconds = match number {
        n if n < 1e11 => n,
        n if n < 1e14 => n / 1e3,
        n if n < 1e17 => n / 1e6,
        n => n / 1e9,
    };
    let since = jiff::SignedDuration::try_from_secs_f64(seconds).ok()?;
    Timestamp::from_duration(since).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_sending_is_read_in_every_usual_form() {
        let expected: Timestamp = "2026-11-24T12:00:00.25Z".parse().unwrap();
        for text in [
            r#"{"a":{"at":"2026-11-24T12:00:00.25Z"}}"#,
            r#"{"a":{"at":1795521600.25}}"#,
            r#"{"a":{"at":1795521600250}}"#,
            r#"{"a":{"at":1795521600250000}}"#,
            r#"{"a":{"at":1795521600250000000}}"#,
        ] {
            let sent = sent_at(&Message::text(text), "/a/at").unwrap();
            let apart = sent.duration_since(expected).as_secs_f64().abs();
            assert!(apart < 1e-3, "{text}: {sent}");
        }
        for text in [
            "no JSON",
            "{}",
            r#"{"a":{"at":true}}"#,
            r#"{"a":{"at":"soon"}}"#,
        ] {
            assert_eq!(sent_at(&Message::text(text), "/a/at"), None, "{text}");
        }
    }
}
