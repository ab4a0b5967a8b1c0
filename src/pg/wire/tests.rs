//! A wire between a driver's end and a server that says what the test wants.

use std::task::Waker;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::*;

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len() + 4).unwrap().to_be_bytes();
    [&[kind][..], &length, payload].concat()
}

fn ready() -> Vec<u8> {
    frame(b'Z', b"I")
}

/// A wire whose startup is over: its handle, the driver's end, the server's socket.
async fn started() -> (Wire, DriverEnd, UnixStream) {
    let (client, mut server) = UnixStream::pair().unwrap();
    let (wire, mut end) = Wire::new(Stream::Unix(client));
    assert!(wire.hold().is_none(), "the startup is under way");
    end.write_all(&[0, 0, 0, 8, 0, 3, 0, 0]).await.unwrap();
    server.read_exact(&mut [0; 8]).await.unwrap();
    let hello = [frame(b'K', &[0, 0, 1, 0, 9, 9, 9, 9]), ready()].concat();
    server.write_all(&hello).await.unwrap();
    let mut said = vec![0; hello.len()];
    end.read_exact(&mut said).await.unwrap();
    assert_eq!(wire.key_pid(), Some(256));
    (wire, end, server)
}

fn query(out: &mut BytesMut) -> bool {
    out.extend_from_slice(&frame(b'Q', b"BEGIN\0"));
    true
}

/// Runs an exchange against a server that reads its question and says `answer`, then closes if `closes`.
async fn exchanged(answer: Vec<u8>, closes: bool) -> (Wire, Result<u64, ExchangeError>) {
    let (wire, _end, mut server) = started().await;
    let serve = async move {
        let mut question = [0; 11];
        server.read_exact(&mut question).await.unwrap();
        server.write_all(&answer).await.unwrap();
        (!closes).then_some(server)
    };
    let held = wire.hold().unwrap();
    let (result, _server) = tokio::join!(held.exchange(query, None), serve);
    (wire, result)
}

#[tokio::test]
async fn an_exchange_leaves_the_wire_as_it_was() {
    let answer = [frame(b'C', b"BEGIN\0"), ready()].concat();
    let (wire, result) = exchanged(answer, false).await;
    assert_eq!(result, Ok(0));
    assert!(wire.hold().is_some(), "the next one may begin");
}

#[tokio::test]
async fn the_last_words_of_a_server_count_even_without_an_end() {
    let words = frame(b'E', b"SFATAL\0C57P01\0Mterminating\0\0");
    let (wire, result) = exchanged(words, true).await;
    assert_eq!(result, Err(ExchangeError::Sql("57P01".into())));
    assert!(wire.is_closed() && wire.hold().is_none());
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_lost_connection() {
    let half = frame(b'C', b"BEGIN\0")[..4].to_vec();
    let (wire, result) = exchanged(half, true).await;
    assert_eq!(result, Err(ExchangeError::Lost));
    assert!(wire.is_closed());
    let (_, result) = exchanged(frame(b'?', b""), false).await;
    assert_eq!(result, Err(ExchangeError::Lost), "not this protocol");
}

#[tokio::test]
async fn a_value_that_does_not_fit_sends_nothing() {
    let (wire, _end, mut server) = started().await;
    let held = wire.hold().unwrap();
    let result = held.exchange(|_| false, None).await;
    assert_eq!(result, Err(ExchangeError::Misfit));
    assert!(server.try_read(&mut [0; 8]).is_err(), "nothing came");
    assert!(wire.hold().is_some());
    let _ = server.shutdown().await;
}

#[tokio::test]
async fn the_driver_waits_for_the_exchange_and_the_exchange_for_the_driver() {
    let (wire, mut end, mut server) = started().await;
    let held = wire.hold().unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    let close = [frame(b'C', b"Ss1\0"), frame(b'S', b"")].concat();
    assert!(Pin::new(&mut end).poll_write(&mut cx, &close).is_pending());
    let mut byte = [0; 1];
    let mut room = ReadBuf::new(&mut byte);
    assert!(
        Pin::new(&mut end)
            .poll_read(&mut cx, &mut room)
            .is_pending()
    );
    let answer = [frame(b'C', b"BEGIN\0"), ready()].concat();
    server.write_all(&answer).await.unwrap();
    held.exchange(query, None).await.unwrap();
    end.write_all(&close).await.unwrap();
    assert!(wire.hold().is_none(), "the driver waits for an answer");
    let closed = [frame(b'3', b""), ready()].concat();
    server.write_all(&closed).await.unwrap();
    let mut said = vec![0; closed.len()];
    end.read_exact(&mut said[..7]).await.unwrap();
    assert!(wire.hold().is_none(), "in the middle of a frame");
    end.read_exact(&mut said[7..]).await.unwrap();
    assert_eq!(said, closed);
    assert!(wire.hold().is_some());
}

#[tokio::test]
async fn an_exchange_that_was_given_up_leaves_only_the_good_bye() {
    let (wire, mut end, mut server) = started().await;
    let held = wire.hold().unwrap();
    let given_up = std::time::Duration::from_millis(5);
    let result = tokio::time::timeout(given_up, held.exchange(query, None)).await;
    assert!(result.is_err(), "the server says nothing");
    assert!(wire.hold().is_none());
    // The late answer belongs to nobody.
    server.write_all(&ready()).await.unwrap();
    end.write_all(&frame(b'X', b"")).await.unwrap();
    let mut heard = [0; 16];
    server.read_exact(&mut heard).await.unwrap();
    assert_eq!(heard[11..], frame(b'X', b"")[..]);
    drop(server);
    assert_eq!(end.read(&mut heard).await.unwrap(), 0, "and then the end");
}

#[tokio::test]
async fn what_a_server_says_unasked_reaches_the_next_who_reads() {
    let (wire, mut end, mut server) = started().await;
    let status = frame(b'S', b"TimeZone\0UTC\0");
    server.write_all(&status).await.unwrap();
    tokio::task::yield_now().await;
    assert!(!wire.is_closed());
    let mut said = vec![0; status.len()];
    end.read_exact(&mut said).await.unwrap();
    assert_eq!(said, status);
    server
        .write_all(&frame(b'E', b"SFATAL\0C57P01\0\0"))
        .await
        .unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
        if wire.is_closed() {
            return;
        }
    }
    panic!("the last word of the server was not seen");
}

#[tokio::test]
async fn a_copy_that_wants_rows_is_refused() {
    let (wire, _end, mut server) = started().await;
    let serve = async {
        let mut question = [0; 11];
        server.read_exact(&mut question).await.unwrap();
        server.write_all(&frame(b'G', &[0, 0, 0])).await.unwrap();
        let mut refusal = [0; 5];
        server.read_exact(&mut refusal).await.unwrap();
        assert_eq!(refusal[0], b'f');
        let refused = [frame(b'E', b"SERROR\0C57014\0\0"), ready()].concat();
        server.write_all(&refused).await.unwrap();
    };
    let held = wire.hold().unwrap();
    let (result, ()) = tokio::join!(held.exchange(query, None), serve);
    assert_eq!(result, Err(ExchangeError::Sql("57014".into())));
    assert!(wire.hold().is_some());
}

#[test]
fn names_of_statements_are_found_by_their_text() {
    let (name, sql) = ("s7", "SELECT $1");
    let payload = [name.as_bytes(), b"\0", sql.as_bytes(), b"\0\0\0"].concat();
    let parsed = Parsed::read(&payload).unwrap();
    assert_eq!((&*parsed.name, &*parsed.sql), (name, sql));
    assert!(Parsed::read(b"\0SELECT 1\0\0\0").is_none(), "unnamed");
    assert!(Parsed::read(b"").is_none());
}
