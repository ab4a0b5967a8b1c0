//! Servers that answer the question for encryption with something else.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::server::dsn_of;
use super::*;

/// A server that answers every question for encryption with these bytes and then waits, or closes.
async fn answering(answer: &'static [u8], closes: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = [0; 8];
                stream.read_exact(&mut asked).await.unwrap();
                assert_eq!(asked, [0, 0, 0, 8, 4, 210, 22, 47], "an SSLRequest");
                stream.write_all(answer).await.unwrap();
                if !closes {
                    wait_for_end(stream).await;
                }
            });
        }
    });
    port
}

async fn wait_for_end(mut stream: TcpStream) {
    let mut rest = [0; 1024];
    while matches!(stream.read(&mut rest).await, Ok(1..)) {}
}

#[tokio::test]
async fn an_error_before_the_encryption_is_not_believed() {
    let error = b"ESFATAL\0Mlook at http://evil.example\0\0";
    let port = answering(error, false).await;
    let error = refused_by_tls(&format!("{} sslmode=require", dsn_of(port))).await;
    assert!(matches!(error, TlsError::ErrorAnswer { .. }), "{error}");
    assert!(!error.to_string().contains("evil"), "{error}");
}

#[tokio::test]
async fn something_else_than_a_server_is_said() {
    let port = answering(b"HTTP/1.1 400 Bad Request\r\n\r\n", false).await;
    for mode in ["prefer", "require"] {
        let error = refused_by_tls(&format!("{} sslmode={mode}", dsn_of(port))).await;
        assert!(matches!(error, TlsError::Foreign { .. }), "{error}");
    }
}

/// What is sent in plain text behind the answer must not be taken for a part of the encrypted session
/// (CVE-2021-23222).
#[tokio::test]
async fn bytes_behind_the_answer_are_not_taken_for_the_servers() {
    let port = answering(b"SR\0\0\0\x08\0\0\0\0Z\0\0\0\x05I", false).await;
    let error = refused_by_tls(&format!("{} sslmode=require", dsn_of(port))).await;
    assert!(matches!(error, TlsError::Handshake { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_ends_the_connection_is_said() {
    for answer in [&b""[..], b"S"] {
        let port = answering(answer, true).await;
        let error = refused_by_tls(&format!("{} sslmode=require", dsn_of(port))).await;
        assert!(matches!(error, TlsError::Cut { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_silent_server_does_not_hold_dbperf_up() {
    for answer in [&b""[..], b"S"] {
        let port = answering(answer, false).await;
        let start = Instant::now();
        let error = refused(&format!(
            "{} sslmode=prefer connect_timeout=1",
            dsn_of(port)
        ))
        .await;
        assert!(start.elapsed() < Duration::from_secs(3));
        assert!(matches!(error, PgError::ConnectTimeout { .. }), "{error}");
        assert!(
            error.to_string().contains("agreeing on the encryption"),
            "{error}"
        );
    }
}
