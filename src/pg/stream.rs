//! The socket to a server, opened here so that every step has its own deadline and name.

use std::io::{self, Read as _};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;

use super::conninfo::{Host, Keepalives};

/// A connected socket.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// An encrypted one; never on a Unix socket.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Connects, trying every address of a name in turn. The caller sets the deadline.
    pub(super) async fn connect(host: &Host, keepalives: &Keepalives) -> io::Result<Self> {
        match host {
            Host::Unix { folder, port } => {
                let path = Path::new(folder).join(format!(".s.PGSQL.{port}"));
                Ok(Self::Unix(UnixStream::connect(path).await?))
            }
            Host::Tcp { name, addr, port } => {
                let stream = match addr {
                    Some(addr) => TcpStream::connect((*addr, *port)).await?,
                    None => TcpStream::connect((name.as_str(), *port)).await?,
                };
                stream.set_nodelay(true)?;
                set_keepalive(&stream, keepalives)?;
                Ok(Self::Tcp(stream))
            }
        }
    }
}

fn set_keepalive(stream: &TcpStream, keepalives: &Keepalives) -> io::Result<()> {
    let socket = SockRef::from(stream);
    if keepalives.on {
        let mut keepalive = TcpKeepalive::new();
        if let Some(idle) = keepalives.idle {
            keepalive = keepalive.with_time(idle);
        }
        if let Some(interval) = keepalives.interval {
            keepalive = keepalive.with_interval(interval);
        }
        if let Some(count) = keepalives.count {
            keepalive = keepalive.with_retries(count);
        }
        socket.set_tcp_keepalive(&keepalive)?;
    }
    #[cfg(target_os = "linux")]
    if let Some(timeout) = keepalives.user_timeout {
        socket.set_tcp_user_timeout(Some(timeout))?;
    }
    Ok(())
}

impl Stream {
    /// Reads what has come, without waiting for more. The socket is asked only if something came since it was
    /// found empty.
    pub(super) fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(s) => s.try_read(buf),
            Self::Unix(s) => s.try_read(buf),
            Self::Tls(s) => try_read_encrypted(s, buf),
        }
    }
}

/// Decrypts what has come.
fn try_read_encrypted(stream: &mut TlsStream<TcpStream>, buf: &mut [u8]) -> io::Result<usize> {
    let (socket, session) = stream.get_mut();
    loop {
        match session.reader().read(buf) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
        session.read_tls(&mut Arrived(socket))?;
        session.process_new_packets().map_err(io::Error::other)?;
    }
}

/// What has come on a socket, as something to read from.
struct Arrived<'s>(&'s TcpStream);

impl io::Read for Arrived<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buf)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_read(cx, buf),
            Self::Unix(s) => Pin::new(s).poll_read(cx, buf),
            Self::Tls(s) => Pin::new(s).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_write(cx, buf),
            Self::Unix(s) => Pin::new(s).poll_write(cx, buf),
            Self::Tls(s) => Pin::new(s).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_flush(cx),
            Self::Unix(s) => Pin::new(s).poll_flush(cx),
            Self::Tls(s) => Pin::new(s).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_shutdown(cx),
            Self::Unix(s) => Pin::new(s).poll_shutdown(cx),
            Self::Tls(s) => Pin::new(s).poll_shutdown(cx),
        }
    }
}
