//! The socket to a server, opened here so that every step has its own deadline and name.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::task::{Context, Poll};

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::conninfo::{Host, Keepalives};

/// A connected socket.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
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

/// The process id of `BackendKeyData`, once it was seen; 0 before.
///
/// The driver keeps it to itself. Behind a pooler it differs from `pg_backend_pid()`.
#[derive(Clone, Default)]
pub(super) struct KeyPid(Arc<AtomicI32>);

impl KeyPid {
    pub(super) fn get(&self) -> Option<i32> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            pid => Some(pid),
        }
    }
}

/// Passes bytes through and notes the process id of `BackendKeyData` on the way.
pub(super) struct Watched<S> {
    inner: S,
    watch: Option<Watch>,
}

impl<S> Watched<S> {
    pub(super) fn new(inner: S) -> (Self, KeyPid) {
        let pid = KeyPid::default();
        let watch = Some(Watch::new(pid.clone()));
        (Self { inner, watch }, pid)
    }
}

/// Follows the frames of the startup: one byte of type, four of length, the payload.
struct Watch {
    pid: KeyPid,
    head: Vec<u8>,
    skip: usize,
}

impl Watch {
    /// Type, length and the process id.
    const HEAD: usize = 9;

    fn new(pid: KeyPid) -> Self {
        let head = Vec::with_capacity(Self::HEAD);
        Self { pid, head, skip: 0 }
    }

    /// True once there is nothing more to look for.
    fn feed(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let n = self.skip.min(bytes.len());
                self.skip -= n;
                bytes = &bytes[n..];
                continue;
            }
            self.head.push(bytes[0]);
            bytes = &bytes[1..];
            if self.head.len() < 5 {
                continue;
            }
            let [kind, a, b, c, d, pid @ ..] = self.head.as_slice() else {
                return true;
            };
            let payload = (u32::from_be_bytes([*a, *b, *c, *d]) as usize).saturating_sub(4);
            match (kind, pid) {
                // ReadyForQuery: the startup is over without a key.
                (b'Z', _) => return true,
                (b'K', [a, b, c, d]) => {
                    let pid = i32::from_be_bytes([*a, *b, *c, *d]);
                    self.pid.0.store(pid, Ordering::Relaxed);
                    return true;
                }
                (b'K', _) if payload >= 4 => {}
                _ => {
                    self.skip = payload;
                    self.head.clear();
                }
            }
        }
        false
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.inner).poll_read(cx, buf);
        if let Some(watch) = &mut self.watch
            && watch.feed(&buf.filled()[before..])
        {
            self.watch = None;
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
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
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_flush(cx),
            Self::Unix(s) => Pin::new(s).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(s) => Pin::new(s).poll_shutdown(cx),
            Self::Unix(s) => Pin::new(s).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len() + 4).unwrap().to_be_bytes();
        [&[kind][..], &length, payload].concat()
    }

    #[test]
    fn the_process_id_is_found_however_the_bytes_are_cut() {
        let startup = [
            frame(b'R', &[0, 0, 0, 0]),
            frame(b'S', b"server_version\0K15\0"),
            frame(b'K', &[0, 0, 0x30, 0x39, 1, 2, 3, 4]),
            frame(b'Z', b"I"),
        ]
        .concat();
        for size in 1..startup.len() {
            let mut watch = Watch::new(KeyPid::default());
            let done = startup.chunks(size).any(|chunk| watch.feed(chunk));
            assert!(done);
            assert_eq!(watch.pid.get(), Some(12345), "pieces of {size}");
        }
    }

    #[test]
    fn a_server_without_a_key_has_none() {
        let mut watch = Watch::new(KeyPid::default());
        assert!(watch.feed(&[frame(b'R', &[0; 4]), frame(b'Z', b"I")].concat()));
        assert_eq!(watch.pid.get(), None);
    }
}
