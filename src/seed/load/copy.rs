//! The rows of one table go to the server.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::SinkExt as _;
use tokio_postgres::CopyInSink;

use super::LoadError;
use super::fill::Step;
use super::hand::Hand;
use super::pump::Pump;
use super::script::Copy;
use crate::seed::rows::Rows;

/// The header of COPY's binary form: its signature, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What ends it.
const TRAILER: &[u8] = &[0xff, 0xff];

/// Bytes of one COPY statement (ours). A statement that was refused is heard of only at its end, so there are several
/// in a large table; their ends cost a round trip each.
const PART: u64 = 128 * 1024 * 1024;

/// What one table took in.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken {
    /// Rows that the server says it stored.
    pub(super) rows: u64,
    /// Bytes that were sent.
    pub(super) bytes: u64,
}

/// Copies all rows, made by so many threads; those of which no column is sent the server makes.
pub(super) async fn copy(
    hand: &Hand<'_>,
    rows: &Arc<dyn Rows>,
    how: &Copy,
    jobs: usize,
    tell: &(dyn Fn(&Step<'_>) + Sync),
) -> Result<Taken, LoadError> {
    if !how.is_sent {
        return insert(hand, rows, how, tell).await;
    }
    let copied = Box::pin(parts(hand, rows, how, jobs, tell));
    tokio::select! {
        taken = copied => taken,
        () = hand.stopped() => {
            hand.cancel().await;
            Err(LoadError::Interrupted)
        }
    }
}

async fn insert(
    hand: &Hand<'_>,
    rows: &Arc<dyn Rows>,
    how: &Copy,
    tell: &(dyn Fn(&Step<'_>) + Sync),
) -> Result<Taken, LoadError> {
    tell(&Step::Doing(&how.sql));
    let what = format!("inserting rows into {}", rows.name());
    let run = hand.session.client().execute(&how.sql, &[]);
    let rows = hand.until_stopped(&what, run).await?;
    Ok(Taken { rows, bytes: 0 })
}

async fn parts(
    hand: &Hand<'_>,
    rows: &Arc<dyn Rows>,
    how: &Copy,
    jobs: usize,
    tell: &(dyn Fn(&Step<'_>) + Sync),
) -> Result<Taken, LoadError> {
    let what = format!("copying rows into {}", rows.name());
    let mut taken = Taken::default();
    if rows.rows() == 0 {
        return Ok(taken);
    }
    let failed = |error| LoadError::of(&what, &error);
    let mut pump = Pump::start(rows, jobs)?;
    let mut next = pump.next().await?;
    let mut made = 0;
    while next.is_some() {
        let sink: CopyInSink<Bytes> = hand
            .session
            .client()
            .copy_in(&how.sql)
            .await
            .map_err(failed)?;
        let mut sink = pin!(sink);
        sink.send(Bytes::from_static(HEADER))
            .await
            .map_err(failed)?;
        let mut part = 0;
        while let Some((bytes, count)) = next {
            part += bytes.len() as u64;
            made += count;
            sink.send(Bytes::from(bytes)).await.map_err(failed)?;
            tell(&Step::Rows {
                table: rows.name(),
                done: made,
                total: rows.rows(),
                bytes: taken.bytes + part,
            });
            next = pump.next().await?;
            if part >= PART && !how.whole {
                break;
            }
        }
        sink.send(Bytes::from_static(TRAILER))
            .await
            .map_err(failed)?;
        taken.rows += sink.finish().await.map_err(failed)?;
        taken.bytes += part;
    }
    Ok(taken)
}
