//! sqlx's pool behind the permits, with connect and recycle timed.
//!
//! sqlx has no way to cancel a statement: the connection of an abandoned one is closed, and the server finds
//! out when it wants to answer. What is still at work when a replay ends is cancelled then.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use futures_util::TryStreamExt as _;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{
    PgArgumentBuffer, PgArguments, PgConnectOptions, PgDatabaseError, PgPoolOptions, PgTypeInfo,
    PgValueFormat,
};
use sqlx::{
    Arguments as _, AssertSqlSafe, Either, Encode, Executor as _, PgPool, Postgres, Row as _,
    TypeInfo as _, ValueRef as _,
};
use tokio::sync::{Mutex, Semaphore};
use tokio_postgres::types::{FromSql as _, ToSql as _, Type};

use crate::pg::{Connector, Host};
use crate::workload::{RawValue, Value};

use super::{
    AcquireError, Control, Execute, ExecuteError, Kept, Meter, PoolError, Protocol, Query, Source,
    Traffic, sqlx_tls,
};

/// How long all connections may take to say good-bye (ours).
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// sqlx waits inside an acquire only if its size is reached, which the permits prevent; this ends an acquire
/// whose connection cannot be made (the permits' own timeout ends it earlier).
const OWN_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(600);

thread_local! {
    /// Set by sqlx's hook when the acquire that is being polled made a new connection.
    static CONNECTED: Cell<bool> = const { Cell::new(false) };
}

/// sqlx's pool with its default way of recycling: a ping before a connection is handed out, and another when
/// it comes back.
#[derive(Debug)]
pub struct SqlxSource {
    pool: PgPool,
    meter: Meter,
}

impl SqlxSource {
    /// A pool of `pool_size` connections as `connector` makes them; connect and recycle times go to `meter`.
    ///
    /// # Errors
    /// The configuration has something that sqlx cannot be given.
    pub fn new(connector: &Connector, pool_size: u32, meter: Meter) -> Result<Self, PoolError> {
        let options = connect_options(connector).map_err(|reason| PoolError::Build {
            pool_size,
            reason: reason.to_owned(),
        })?;
        let pool = PgPoolOptions::new()
            .max_connections(pool_size)
            .acquire_timeout(OWN_ACQUIRE_TIMEOUT)
            .after_connect(|_, _| {
                CONNECTED.set(true);
                Box::pin(async { Ok(()) })
            })
            .connect_lazy_with(options);
        Ok(Self { pool, meter })
    }
}

fn connect_options(connector: &Connector) -> Result<PgConnectOptions, &'static str> {
    let conninfo = connector.conninfo();
    let [host] = conninfo.hosts() else {
        return Err("sqlx takes one host");
    };
    let mut options = PgConnectOptions::new_without_pgpass();
    options = match host {
        Host::Tcp { name, addr, port } => match addr {
            Some(addr) => options.host(&addr.to_string()).port(*port),
            None => options.host(name).port(*port),
        },
        Host::Unix { folder, port } => options.socket(folder).port(*port),
    };
    options = sqlx_tls::encrypted(options, host, conninfo.tls())?;
    options = options
        .username(conninfo.user())
        .database(conninfo.dbname())
        .application_name(connector.application_name());
    if let Some(password) = conninfo.password() {
        options = options.password(password.reveal());
    }
    if let Some(startup) = connector.options() {
        options = options.options(settings(&startup)?);
    }
    Ok(options)
}

/// The settings of a startup packet's `options`; sqlx takes them one by one.
fn settings(options: &str) -> Result<Vec<(String, String)>, &'static str> {
    const UNKNOWN: &str = "sqlx takes `options` of the form `-c name=value` only";
    let mut words = options.split_whitespace();
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        let pair = match word {
            "-c" => words.next().ok_or(UNKNOWN)?,
            _ => word
                .strip_prefix("-c")
                .or_else(|| word.strip_prefix("--"))
                .ok_or(UNKNOWN)?,
        };
        let (name, value) = pair.split_once('=').ok_or(UNKNOWN)?;
        found.push((name.to_owned(), value.to_owned()));
    }
    Ok(found)
}

impl Source for SqlxSource {
    type Connection = SqlxConnection;

    async fn get(&self, _: usize) -> Result<SqlxConnection, AcquireError> {
        let start = Instant::now();
        let mut acquire = pin!(self.pool.acquire());
        let (acquired, is_new) = poll_fn(|cx| {
            CONNECTED.set(false);
            acquire
                .as_mut()
                .poll(cx)
                .map(|acquired| (acquired, CONNECTED.get()))
        })
        .await;
        let connection = acquired.map_err(|error| acquire_error(&error))?;
        if is_new {
            self.meter.connected(start);
        } else {
            self.meter.recycled(start);
        }
        Ok(SqlxConnection {
            connection: Mutex::new(connection),
            meter: self.meter.clone(),
        })
    }

    fn give_back(connection: SqlxConnection, permits: &Arc<Semaphore>) {
        let start = Instant::now();
        let SqlxConnection { connection, meter } = connection;
        let returned = connection.into_inner().return_to_pool();
        let permits = Arc::clone(permits);
        // sqlx takes a connection back in a task of its own, after a ping; nobody can have it before.
        tokio::spawn(async move {
            returned.await;
            meter.returned(start);
            permits.add_permits(1);
        });
    }

    async fn discard(&self, connection: SqlxConnection) {
        // Dropping a detached connection closes its socket.
        drop(connection.connection.into_inner().detach());
    }

    fn size(&self) -> u32 {
        self.pool.size()
    }

    fn idle(&self) -> u32 {
        u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX)
    }

    async fn close(&self) {
        // Whoever does not end in time is closed with the pool.
        let _ = tokio::time::timeout(CLOSE_LIMIT, self.pool.close()).await;
    }
}

/// A connection of [`SqlxSource`].
#[derive(Debug)]
pub struct SqlxConnection {
    connection: Mutex<PoolConnection<Postgres>>,
    meter: Meter,
}

impl Execute for SqlxConnection {
    async fn execute<'v>(
        &self,
        query: &Query,
        params: impl ExactSizeIterator<Item = &'v Value> + Clone,
        kept: &mut Kept<'_>,
        _: Traffic,
    ) -> Result<u64, ExecuteError> {
        let mut arguments = PgArguments::default();
        for (value, ty) in params.zip(&query.types) {
            let argument = Argument::new(value, ty)?;
            let added = arguments.add(argument);
            added.map_err(|_| ExecuteError::Conversion)?;
        }
        let statement = sqlx::query_with(AssertSqlSafe(Arc::clone(&query.sql)), arguments)
            .persistent(query.protocol == Protocol::Prepared);
        let mut connection = self.connection.lock().await;
        let mut answers = connection.fetch_many(statement);
        let (mut count, mut affected) = (0, 0);
        while let Some(answer) = answers.try_next().await.map_err(|e| execute_error(&e))? {
            match answer {
                Either::Left(done) => affected = done.rows_affected(),
                Either::Right(row) => {
                    count += 1;
                    for (column, values) in kept.columns.iter().zip(kept.values.iter_mut()) {
                        values.push(column_value(&row, *column)?);
                    }
                }
            }
        }
        // A tag without a count, such as that of EXPLAIN, is taken for 0.
        Ok(affected.max(count))
    }

    async fn control(&self, control: Control, _: Traffic) -> Result<(), ExecuteError> {
        let mut connection = self.connection.lock().await;
        let sent = connection.execute(control.sql()).await;
        sent.map(|_| ()).map_err(|error| execute_error(&error))
    }
}

/// A value in the binary form of its parameter's type.
struct Argument {
    oid: u32,
    bytes: Option<BytesMut>,
}

impl Argument {
    fn new(value: &Value, ty: &Type) -> Result<Self, ExecuteError> {
        let mut bytes = BytesMut::new();
        // sqlx sends every parameter in binary form.
        if matches!(value.encode_format(ty), tokio_postgres::types::Format::Text) {
            return Err(ExecuteError::Conversion);
        }
        let null = value.to_sql(ty, &mut bytes);
        let null = null.map_err(|_| ExecuteError::Conversion)?;
        Ok(Self {
            oid: ty.oid(),
            bytes: matches!(null, tokio_postgres::types::IsNull::No).then_some(bytes),
        })
    }
}

impl sqlx::Type<Postgres> for Argument {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(Type::UNKNOWN.oid()))
    }
}

impl Encode<'_, Postgres> for Argument {
    fn encode_by_ref(&self, out: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(match &self.bytes {
            Some(bytes) => {
                out.extend_from_slice(bytes);
                IsNull::No
            }
            None => IsNull::Yes,
        })
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(Oid(self.oid)))
    }
}

fn column_value(row: &sqlx::postgres::PgRow, column: usize) -> Result<Value, ExecuteError> {
    let raw = row
        .try_get_raw(column)
        .map_err(|_| ExecuteError::Conversion)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let oid = raw.type_info().oid().map_or(0, |oid| oid.0);
    let ty = Type::from_oid(oid).unwrap_or(Type::UNKNOWN);
    if raw.format() != PgValueFormat::Binary || raw.type_info().is_null() {
        return Err(ExecuteError::Conversion);
    }
    let bytes = raw.as_bytes().map_err(|_| ExecuteError::Conversion)?;
    RawValue::from_sql(&ty, bytes)
        .map(|RawValue(value)| value)
        .map_err(|_| ExecuteError::Conversion)
}

fn sqlstate(error: &sqlx::Error) -> Option<&str> {
    let database = error.as_database_error()?;
    Some(database.try_downcast_ref::<PgDatabaseError>()?.code())
}

fn execute_error(error: &sqlx::Error) -> ExecuteError {
    if let Some(state) = sqlstate(error) {
        return ExecuteError::Sql(state.into());
    }
    match error {
        sqlx::Error::Encode(_) | sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => {
            ExecuteError::Conversion
        }
        _ => ExecuteError::ConnectionLost,
    }
}

fn acquire_error(error: &sqlx::Error) -> AcquireError {
    if let Some(state) = sqlstate(error) {
        return AcquireError::Connect(state.to_owned());
    }
    match error {
        sqlx::Error::Io(io) => AcquireError::Connect(io.kind().to_string()),
        sqlx::Error::PoolTimedOut => AcquireError::TimedOut {
            timeout: OWN_ACQUIRE_TIMEOUT,
        },
        sqlx::Error::PoolClosed => AcquireError::Closed,
        _ => AcquireError::Connect("failed".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::Conninfo;

    #[test]
    fn settings_of_the_startup_packet_are_taken_apart() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            settings("-c default_transaction_read_only=on --work_mem=1MB -cx=y"),
            Ok(vec![
                pair("default_transaction_read_only", "on"),
                pair("work_mem", "1MB"),
                pair("x", "y")
            ])
        );
        assert!(settings("-d 5").is_err());
    }

    #[test]
    fn the_password_stays_out_of_what_is_printed() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let _entered = runtime.enter();
        let conninfo = Conninfo::parse("host=h user=u password=canary", &|_| None).unwrap();
        let source = SqlxSource::new(&Connector::new(conninfo), 1, Meter::default()).unwrap();
        assert!(!format!("{source:?}").contains("canary"));
    }
}
