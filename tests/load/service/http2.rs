//! A service that speaks nothing but HTTP/2 over TLS.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::http::Response;

/// A running service; it ends with the process.
pub(crate) struct Http2 {
    pub(crate) port: u16,
    served: Arc<Served>,
}

#[derive(Default)]
struct Served {
    connections: AtomicU64,
    requests: AtomicU64,
}

impl Http2 {
    pub(crate) fn requests(&self) -> u64 {
        self.served.requests.load(Ordering::SeqCst)
    }

    /// Connections whose TLS handshake was done.
    pub(crate) fn connections(&self) -> u64 {
        self.served.connections.load(Ordering::SeqCst)
    }
}

pub(crate) fn start(tls: TlsAcceptor) -> Http2 {
    let served = Arc::<Served>::default();
    let (said, port) = std::sync::mpsc::channel();
    let counted = Arc::clone(&served);
    std::thread::spawn(move || {
        let built = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        built.unwrap().block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            said.send(listener.local_addr().unwrap().port()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that goes away is no failure of the service.
                tokio::spawn(serve(stream, tls.clone(), Arc::clone(&counted)));
            }
        });
    });
    Http2 {
        port: port.recv().unwrap(),
        served,
    }
}

async fn serve(stream: TcpStream, tls: TlsAcceptor, served: Arc<Served>) -> Option<()> {
    let stream = tls.accept(stream).await.ok()?;
    served.connections.fetch_add(1, Ordering::SeqCst);
    let mut connection = h2::server::handshake(stream).await.ok()?;
    while let Some(request) = connection.accept().await {
        let (_, mut answer) = request.ok()?;
        served.requests.fetch_add(1, Ordering::SeqCst);
        let mut body = answer.send_response(Response::new(()), false).ok()?;
        body.send_data(Bytes::from_static(b"ok"), true).ok()?;
    }
    Some(())
}
