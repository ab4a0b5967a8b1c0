//! A lab that listens on a TCP port of this machine, encrypted.

use std::path::{Path, PathBuf};

use dbperf::lab::{Account, Lab, LabOptions};
use tempfile::TempDir;

use super::CANARY;
use super::authority::{Authority, Shown, write};
use super::support::{connect, lab, open_parent, servers};

/// Who is let in: everybody on the socket, and encrypted with a password on TCP.
pub(crate) const PASSWORD: &str = "hostssl all all 127.0.0.1/32 scram-sha-256";

/// A server with a certificate.
pub(crate) struct Server {
    pub(crate) lab: Lab,
    pub(crate) authority: Authority,
    pub(crate) port: u16,
    folder: TempDir,
}

impl Server {
    /// The newest version found, with a certificate for `localhost`. `None`: no server, which was said.
    pub(crate) async fn newest() -> Option<Self> {
        let authority = Authority::new();
        let shown = authority.server(|_| {});
        Self::showing(authority, &shown, PASSWORD, &[]).await
    }

    /// The newest version found.
    pub(crate) async fn showing(
        authority: Authority,
        shown: &Shown,
        hba: &str,
        settings: &[(&str, &str)],
    ) -> Option<Self> {
        let (major, _) = servers().pop()?;
        Self::of(major, authority, shown, hba, settings).await
    }

    /// A given version; `settings` come over those of the encryption.
    pub(crate) async fn of(
        major: u32,
        authority: Authority,
        shown: &Shown,
        hba: &str,
        settings: &[(&str, &str)],
    ) -> Option<Self> {
        let folder = open_parent();
        let owned = |name: &str, text: &str| {
            let path = write(folder.path(), name, text);
            let account = Account::current().unwrap();
            std::os::unix::fs::chown(&path, Some(account.uid), Some(account.gid)).unwrap();
            path.display().to_string()
        };
        let hba = format!("local all all trust\n{hba}\n");
        let port = free_port();
        let mut all = vec![
            ("listen_addresses".to_owned(), "127.0.0.1".to_owned()),
            ("port".to_owned(), port.to_string()),
            ("ssl".to_owned(), "on".to_owned()),
            (
                "ssl_cert_file".to_owned(),
                owned("server.crt", &shown.certificate),
            ),
            ("ssl_key_file".to_owned(), owned("server.key", &shown.key)),
            (
                "ssl_ca_file".to_owned(),
                owned("clients.crt", &authority.pem),
            ),
            ("hba_file".to_owned(), owned("pg_hba.conf", &hba)),
            ("password_encryption".to_owned(), "scram-sha-256".to_owned()),
        ];
        let own = settings
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        all.extend(own);
        let options = LabOptions {
            settings: all,
            ..LabOptions::default()
        };
        let lab = lab(major, options)?;
        let client = connect(lab.primary()).await;
        let role = format!("CREATE ROLE careful LOGIN SUPERUSER PASSWORD '{CANARY}'");
        client.batch_execute(&role).await.unwrap();
        Some(Self {
            lab,
            authority,
            port,
            folder,
        })
    }

    /// How to connect by TCP, without anything about encryption.
    pub(crate) fn dsn(&self) -> String {
        dsn_of(self.port)
    }

    /// The same, checking the server by its authority.
    pub(crate) fn checking(&self, mode: &str) -> String {
        let root = self.file("root.crt", &self.authority.pem);
        format!(
            "{} sslmode={mode} sslrootcert={}",
            self.dsn(),
            root.display()
        )
    }

    /// A file of the user's.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        write(self.folder.path(), name, text)
    }

    /// The socket of the server.
    pub(crate) fn socket(&self) -> PathBuf {
        socket_in(self.lab.primary().socket_dir(), self.port)
    }
}

pub(crate) fn dsn_of(port: u16) -> String {
    format!(
        "host=localhost hostaddr=127.0.0.1 port={port} user=careful dbname=postgres password={CANARY}"
    )
}

pub(crate) fn socket_in(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!(".s.PGSQL.{port}"))
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
