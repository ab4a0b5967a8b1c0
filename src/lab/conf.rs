//! A lab's options and the server settings that follow from them.

use std::path::{Path, PathBuf};

use super::LabError;

/// The port of both clusters unless a setting changes it. They never collide: no TCP address is
/// listened on, and each cluster's socket is in a folder of its own.
const PORT: u16 = 5432;

/// The replication slot through which the standby follows its primary.
pub(super) const SLOT: &str = "r1";

/// How to start a lab. The default is a primary alone, from binaries found on the machine.
#[derive(Debug, Clone, Default)]
pub struct LabOptions {
    /// The folder that holds `initdb`, `pg_ctl` and `postgres`. Default: search the machine.
    pub pg_bin: Option<PathBuf>,
    /// Whether a streaming standby is started as well.
    pub standby: bool,
    /// Settings of both servers, over the lab's own. `port` is taken; the socket's folder is not.
    pub settings: Vec<(String, String)>,
    /// Settings of the standby alone, over [`LabOptions::settings`].
    pub standby_settings: Vec<(String, String)>,
    /// Whether `PgBouncer` is started in front of the primary, in transaction mode.
    pub pgbouncer: bool,
    /// Settings of `PgBouncer`, over the lab's own. Those that say where it lives are refused.
    pub pgbouncer_settings: Vec<(String, String)>,
    /// Where the lab's folder is made. Default: the system's folder for temporary files.
    pub parent: Option<PathBuf>,
    /// A data folder made by [`prepare_template`](super::prepare_template) that is copied instead
    /// of running `initdb`, which takes most of the time of a start.
    pub template: Option<PathBuf>,
}

/// The settings of one server, each name once, in the order in which they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conf(Vec<(String, String)>);

impl Conf {
    /// The primary's settings: the lab's own, then the user's over them.
    pub(super) fn primary(
        major: u32,
        socket_dir: &Path,
        user: &[(String, String)],
    ) -> Result<Self, LabError> {
        let mut conf = Self(Vec::new());
        let port = PORT.to_string();
        let fixed = [
            ("listen_addresses", ""),
            ("port", port.as_str()),
            ("cluster_name", "dbperf-lab-primary"),
            ("shared_preload_libraries", "pg_stat_statements"),
            ("track_io_timing", "on"),
            ("wal_level", "replica"),
            ("max_wal_senders", "10"),
            ("hot_standby", "on"),
            // Replay conflicts and bloat on the primary are what a lab may have to show.
            ("hot_standby_feedback", "off"),
            ("shared_buffers", "256MB"),
            // A throwaway cluster need not survive a power cut. It makes commits cheaper than on a
            // real server, which is why reports read it from pg_settings and say so.
            ("fsync", "off"),
            ("log_lock_waits", "on"),
            ("log_line_prefix", "%m [%p] %a "),
        ];
        for (name, value) in fixed {
            conf.set(name, value)?;
        }
        if major >= 14 {
            conf.set("compute_query_id", "on")?;
        }
        conf.take(user)?;
        conf.0.push((
            "unix_socket_directories".to_owned(),
            socket_dir.display().to_string(),
        ));
        Ok(conf)
    }

    /// The standby's settings: the primary's, the standby's own, and how it follows.
    pub(super) fn standby(
        primary: &Self,
        primary_dsn: &str,
        socket_dir: &Path,
        user: &[(String, String)],
    ) -> Result<Self, LabError> {
        let mut conf = primary.clone();
        conf.0.retain(|(name, _)| name != "unix_socket_directories");
        conf.set("cluster_name", "dbperf-lab-standby")?;
        conf.take(user)?;
        let name = conf.get("cluster_name").unwrap_or_default();
        // The primary lists the standby under this name in pg_stat_replication.
        let conninfo = format!("{primary_dsn} application_name={}", quote_dsn(name));
        conf.0.extend([
            (
                "unix_socket_directories".to_owned(),
                socket_dir.display().to_string(),
            ),
            ("primary_conninfo".to_owned(), conninfo),
            ("primary_slot_name".to_owned(), SLOT.to_owned()),
        ]);
        Ok(conf)
    }

    fn take(&mut self, user: &[(String, String)]) -> Result<(), LabError> {
        user.iter().try_for_each(|(name, value)| {
            let refuse = |why: &str| LabError::Setting {
                name: name.clone(),
                why: why.to_owned(),
            };
            match name.to_ascii_lowercase().as_str() {
                "unix_socket_directories"
                | "data_directory"
                | "external_pid_file"
                | "primary_conninfo"
                | "primary_slot_name" => {
                    Err(refuse("it says where the lab lives and is the lab's own"))
                }
                "port" if value.trim().parse::<u16>().is_ok_and(|port| port > 0) => {
                    self.set("port", value.trim())
                }
                "port" => Err(refuse("a port is a number from 1 to 65535")),
                _ => self.set(name, value),
            }
        })
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), LabError> {
        let refuse = |why: &str| LabError::Setting {
            name: name.to_owned(),
            why: why.to_owned(),
        };
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.' || c == '$';
        if name.is_empty()
            || !name.chars().all(valid)
            || name.starts_with(|c: char| !c.is_ascii_alphabetic() && c != '_')
        {
            return Err(refuse("this is not a setting's name"));
        }
        if value.contains('\0') {
            return Err(refuse("its value holds a NUL byte"));
        }
        let name = name.to_ascii_lowercase();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.0.push((name, value.to_owned())),
        }
        Ok(())
    }

    /// The value of one setting, if the lab or the user sets it.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The port of the socket.
    pub(super) fn port(&self) -> u16 {
        self.get("port")
            .and_then(|port| port.parse().ok())
            .unwrap_or(PORT)
    }

    /// Whether the server loads `pg_stat_statements` at its start.
    pub(super) fn preloads_statements(&self) -> bool {
        self.get("shared_preload_libraries")
            .is_some_and(|list| list.contains("pg_stat_statements"))
    }

    /// The lines for the end of `postgresql.conf`, where the last one of a name counts.
    pub(super) fn lines(&self) -> String {
        let mut text = String::from(
            "\n# Written by dbperf. This cluster is a throwaway: with fsync = off it does not\n\
             # survive a power cut, and its commits are cheaper than those of a real server.\n",
        );
        for (name, value) in &self.0 {
            text.push_str(name);
            text.push_str(" = ");
            text.push_str(&quote_conf(value));
            text.push('\n');
        }
        text
    }
}

/// A value between quotes for `postgresql.conf`, whose strings know backslash escapes.
fn quote_conf(value: &str) -> String {
    let escaped = value
        .replace('\\', "\\\\")
        .replace('\'', "''")
        .replace('\n', "\\n")
        .replace('\r', "\\r");
    format!("'{escaped}'")
}

/// A value for a libpq key=value string, quoted only where it must be.
pub(super) fn quote_dsn(value: &str) -> String {
    if !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c == '\'' || c == '\\') {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    fn primary(user: &[(String, String)]) -> Result<Conf, LabError> {
        Conf::primary(17, Path::new("/tmp/x/primary"), user)
    }

    #[test]
    fn the_users_settings_replace_the_labs_own() {
        let conf = primary(&[pair("Shared_Buffers", "64MB"), pair("work_mem", "1MB")]).unwrap();
        assert_eq!(conf.get("shared_buffers"), Some("64MB"));
        assert_eq!(conf.get("work_mem"), Some("1MB"));
        assert_eq!(conf.lines().matches("shared_buffers").count(), 1);
    }

    #[test]
    fn query_ids_are_asked_for_only_where_the_server_knows_the_setting() {
        let of = |major| {
            let conf = Conf::primary(major, Path::new("/s"), &[]).unwrap();
            conf.get("compute_query_id").map(str::to_owned)
        };
        assert_eq!(of(13), None);
        assert_eq!(of(14).as_deref(), Some("on"));
    }

    #[test]
    fn the_standby_is_listed_under_its_cluster_name() {
        let conf = primary(&[pair("port", "6000")]).unwrap();
        let own = [pair("cluster_name", "far away")];
        let standby = Conf::standby(
            &conf,
            "host=/tmp/x/primary port=6000",
            Path::new("/s"),
            &own,
        )
        .unwrap();
        assert_eq!(
            standby.get("primary_conninfo"),
            Some("host=/tmp/x/primary port=6000 application_name='far away'")
        );
        assert_eq!(standby.get("unix_socket_directories"), Some("/s"));
        assert_eq!(standby.get("primary_slot_name"), Some("r1"));
        assert_eq!(standby.port(), 6000);
    }

    #[test]
    fn a_place_or_a_broken_name_is_refused() {
        for (name, value) in [
            ("unix_socket_directories", "/tmp"),
            ("Data_Directory", "/"),
            ("port", "0"),
            ("port", "many"),
            ("", "x"),
            ("a b", "x"),
            ("a\nb", "x"),
            ("1a", "x"),
            ("work_mem", "1\0"),
        ] {
            let error = primary(&[pair(name, value)]).unwrap_err();
            assert!(matches!(error, LabError::Setting { .. }), "{name}");
        }
    }

    #[test]
    fn values_cannot_leave_their_quotes() {
        assert_eq!(quote_conf("it's"), "'it''s'");
        assert_eq!(quote_conf("a\\'b\nc"), "'a\\\\''b\\nc'");
        assert_eq!(quote_dsn("/tmp/x"), "/tmp/x");
        assert_eq!(quote_dsn("/tmp/my dir"), "'/tmp/my dir'");
        assert_eq!(quote_dsn("it's\\"), "'it\\'s\\\\'");
        assert_eq!(quote_dsn(""), "''");
    }

    #[test]
    fn the_library_is_needed_only_when_it_is_preloaded() {
        assert!(primary(&[]).unwrap().preloads_statements());
        let none = primary(&[pair("shared_preload_libraries", "auto_explain")]).unwrap();
        assert!(!none.preloads_statements());
    }
}
