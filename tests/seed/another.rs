//! Rows go to the server that was looked at, or nowhere.

use std::path::PathBuf;

use dbperf::lab::{Lab, LabOptions};
use tokio::net::{TcpListener, UnixStream};

use super::command::{dbperf, finish};
use super::made::run;
use super::support::{connect, each_version, lab, value};

/// The value of a word of a connection string.
fn word<'a>(dsn: &'a str, key: &str) -> &'a str {
    let mut words = dsn.split(' ').filter_map(|word| word.split_once('='));
    words.find(|(name, _)| *name == key).unwrap().1
}

fn socket(lab: &Lab) -> PathBuf {
    let dsn = lab.primary().dsn();
    PathBuf::from(word(&dsn, "host")).join(format!(".s.PGSQL.{}", word(&dsn, "port")))
}

/// Passes so many connections on to each of the servers, one after the other, and then answers no more; the port.
async fn passed_on(to: Vec<(PathBuf, usize)>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for (socket, count) in to {
            for _ in 0..count {
                let (mut client, _) = listener.accept().await.unwrap();
                let mut server = UnixStream::connect(&socket).await.unwrap();
                tokio::spawn(async move {
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        }
    });
    port
}

#[test]
fn a_server_that_was_not_looked_at_gets_no_rows() {
    each_version(async |major| {
        let one = lab(major, LabOptions::default()).unwrap();
        let other = lab(major, LabOptions::default()).unwrap();
        let (first, second) = (connect(one.primary()).await, connect(other.primary()).await);
        for client in [&first, &second] {
            run(client, &["CREATE TABLE t (id bigint PRIMARY KEY)"]).await;
        }
        let dsn = other.primary().dsn();
        let (folder, of_other, user) = (word(&dsn, "host"), word(&dsn, "port"), word(&dsn, "user"));
        let fill = async |to: Vec<(PathBuf, usize)>, hosts: &str, ports: &str| {
            let port = passed_on(to).await;
            let dsn = format!(
                "host=127.0.0.1{hosts} port={port}{ports} user={user} dbname=postgres sslmode=disable"
            );
            let filled = tokio::task::spawn_blocking(move || {
                finish(&mut dbperf(&["seed", &dsn, "--target-db", "postgres"]))
            });
            filled.await.unwrap()
        };
        let rows = "SELECT count(*)::text FROM t";
        // The second answers under the same name; it is the next of the list when the first is gone.
        let behind = fill(vec![(socket(&one), 1), (socket(&other), 9)], "", "").await;
        let next = vec![(socket(&one), 1)];
        let next = fill(next, &format!(",{folder}"), &format!(",{of_other}")).await;
        for (code, _, words) in [behind, next] {
            assert_eq!(code, Some(3), "PostgreSQL {major}: {words}");
            assert!(words.contains("went to another server"), "{words}");
            assert_eq!(value(&first, rows).await, "0");
            assert_eq!(value(&second, rows).await, "0");
        }
        let (code, _, words) = fill(vec![(socket(&one), 9)], "", "").await;
        assert_eq!(code, Some(0), "PostgreSQL {major}: {words}");
        assert_eq!(value(&first, rows).await, "1000");
        assert_eq!(value(&second, rows).await, "0");
    });
}
