//! Services over HTTP and WebSocket as the target of a load.
//!
//! Each client is one user, with connections, cookies and TLS sessions of its own: a connection pool that all of
//! them shared would hide what opening connections costs, and one user's answer would wait for another's.
//! A request is one step of a scenario. Redirects are not followed, proxies are not used, and packed answers are
//! neither asked for nor unpacked: what is measured is one exchange with the service.

mod agent;
mod baseline;
mod dial;
mod exchange;
mod failure;
mod files;
mod load;
mod options;
mod probe;
mod ready;
mod socket;
mod tls;
mod user;
mod wire;

pub use load::load;
pub use options::HttpOptions;
