//! [`PostgresSession`]: diesel's connection to PostgreSQL. It blocks the thread that uses it, and keeps what diesel's
//! own drops: the SQLSTATE of each error.
//!
//! The socket needs no runtime: the caller polls the protocol and waits for the descriptor itself, so nothing crosses a
//! thread and every wait has an end. A server that is due to answer and is silent for too long is given up, and another
//! connection is made, perhaps to another host. No text of a server is looked at.

use std::{any::TypeId, collections::HashMap, time::Duration};

use diesel::{
    Connection, ConnectionError, ConnectionResult, QueryResult, RunQueryDsl,
    connection::{
        AnsiTransactionManager, CacheSize, ConnectionSealed, DefaultLoadingMode, Instrumentation, LoadConnection,
        SimpleConnection, TransactionManager,
    },
    expression::QueryMetadata,
    migration::{CREATE_MIGRATIONS_TABLE, MigrationConnection},
    pg::{FailedToLookupTypeError, Pg, PgMetadataCacheKey, PgMetadataLookup, PgQueryBuilder, PgTypeMetadata},
    query_builder::{Query, QueryBuilder, QueryFragment, QueryId, bind_collector::RawBytesBindCollector},
    r2d2::R2D2Connection,
    result::Error as DieselError,
};
use tokio_postgres::{
    Client, Error, Statement,
    types::{IsNull, ToSql, Type, private::BytesMut},
};

use crate::store::access_mode::AccessMode;

use super::{
    connect::{self, PostgresLink},
    options::{PostgresOptions, SessionTarget},
    report,
    row::{Row, RowCursor},
};

/// Silence after which a server is given up: a read is by then, and a commit can still be made elsewhere before its
/// caller gives up.
const READ_IDLE_TIMEOUT: Duration = Duration::from_secs(5);
const WRITE_IDLE_TIMEOUT: Duration = Duration::from_secs(7);

/// Silence after which a server that is asked for a sign of life is given up.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection to PostgreSQL. A server that is silent for too long is given up, and the connection with it.
pub struct PostgresSession {
    link: Box<PostgresLink>,
    transaction: AnsiTransactionManager,
    /// Statements that are prepared once, by their type or by their text.
    by_type: HashMap<TypeId, Statement>,
    by_text: HashMap<String, Statement>,
    instrumentation: Option<Box<dyn Instrumentation>>,
}

/// A value as diesel wrote it, and its type.
#[derive(Debug)]
struct Bind(Option<Vec<u8>>);

/// A query that is ready to be sent.
struct Prepared {
    how: How,
    binds: Vec<(Bind, Type)>,
}

enum How {
    Cached(Statement),
    Once(String),
}

impl PostgresSession {
    /// Connects, making no settings. Of several hosts it takes one that takes writes, unless the address says else:
    /// another may lag behind.
    pub(in crate::store) fn open(url: &str, access: AccessMode) -> ConnectionResult<Self> {
        let options = PostgresOptions::read(url).map_err(ConnectionError::InvalidConnectionUrl)?;
        let default = if options.hosts.len() > 1 { SessionTarget::ReadWrite } else { SessionTarget::Any };
        let silence = match access {
            AccessMode::Read => READ_IDLE_TIMEOUT,
            AccessMode::Write => WRITE_IDLE_TIMEOUT,
        };
        Self::connect(&options, options.target.unwrap_or(default), silence)
    }

    /// Connects to a server that is `target`, and gives it up where it is silent for `idle_timeout` while an answer
    /// is due.
    fn connect(options: &PostgresOptions, target: SessionTarget, idle_timeout: Duration) -> ConnectionResult<Self> {
        let link = connect::connect(options, target).map_err(|lost| ConnectionError::BadConnection(lost.0))?;
        let mut session = Self {
            link: Box::new(link),
            transaction: AnsiTransactionManager::default(),
            by_type: HashMap::new(),
            by_text: HashMap::new(),
            instrumentation: None,
        };
        session.set_idle_timeout(Some(idle_timeout));
        Ok(session)
    }

    /// Sets the silence, while an answer is due, after which the server is given up; `None` for never.
    pub(crate) fn set_idle_timeout(&mut self, idle_timeout: Option<Duration>) {
        self.link.idle_timeout = idle_timeout;
    }

    /// A parameter that the server sent when it was connected to, such as `server_encoding`.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.link.parameter(name)
    }

    /// The number of the server process behind it at this moment.
    pub(super) fn backend(&mut self) -> QueryResult<Option<String>> {
        let answer = self.ask(async |client| client.simple_query("SELECT pg_catalog.pg_backend_pid()").await)?;
        Ok(connect::first_row(answer).and_then(|row| row.get(0).map(str::to_owned)))
    }

    /// Asks, and keeps diesel's idea of the transaction true: after an error only a rollback helps.
    fn ask<T>(&mut self, ask: impl AsyncFnOnce(&Client) -> Result<T, Error>) -> QueryResult<T> {
        let answer = self.link.run(ask);
        let status = AnsiTransactionManager::transaction_manager_status_mut(self);
        match answer {
            Ok(answer) => {
                status.set_requires_rollback_maybe_up_to_top_level(answer.is_err());
                answer.map_err(|error| report::for_diesel(&error))
            }
            Err(lost) => {
                status.set_in_error();
                Err(report::lost(lost))
            }
        }
    }

    fn prepare<T: QueryFragment<Pg> + QueryId>(&mut self, source: &T) -> QueryResult<Prepared> {
        let mut collector = RawBytesBindCollector::<Pg>::new();
        source.collect_binds(&mut collector, &mut BuiltIn, &Pg)?;
        let types: Vec<_> = collector.metadata.iter().map(type_of).collect::<QueryResult<_>>()?;
        let how = self.statement(source, &types)?;
        Ok(Prepared { how, binds: collector.binds.into_iter().map(Bind).zip(types).collect() })
    }

    fn statement<T: QueryFragment<Pg> + QueryId>(&mut self, source: &T, types: &[Type]) -> QueryResult<How> {
        let id = T::query_id();
        if let Some(known) = id.and_then(|id| self.by_type.get(&id)) {
            return Ok(How::Cached(known.clone()));
        }
        let mut builder = PgQueryBuilder::default();
        source.to_sql(&mut builder, &Pg)?;
        let text = builder.finish();
        if !source.is_safe_to_cache_prepared(&Pg)? {
            return Ok(How::Once(text));
        }
        if let Some(known) = self.by_text.get(&text).filter(|known| id.is_none() && known.params() == types) {
            return Ok(How::Cached(known.clone()));
        }
        let statement = self.ask(async |client| client.prepare_typed(&text, types).await)?;
        match id {
            Some(id) => drop(self.by_type.insert(id, statement.clone())),
            None => drop(self.by_text.insert(text, statement.clone())),
        }
        Ok(How::Cached(statement))
    }
}

impl Prepared {
    fn params(&self) -> impl ExactSizeIterator<Item = &(dyn ToSql + Sync)> {
        self.binds.iter().map(|(bind, _)| -> &(dyn ToSql + Sync) { bind })
    }

    fn typed(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.params().zip(self.binds.iter().map(|(_, kind)| kind.clone())).collect()
    }
}

/// Only types that PostgreSQL has built in are used, and diesel knows their numbers.
struct BuiltIn;

impl PgMetadataLookup for BuiltIn {
    fn lookup_type(&mut self, name: &str, schema: Option<&str>) -> PgTypeMetadata {
        let key = PgMetadataCacheKey::new(schema.map(|schema| schema.to_owned().into()), name.to_owned().into());
        PgTypeMetadata::from_result(Err(FailedToLookupTypeError::new(key)))
    }
}

fn type_of(metadata: &PgTypeMetadata) -> QueryResult<Type> {
    let number = metadata.oid().map_err(|cause| DieselError::SerializationError(Box::new(cause)))?;
    Type::from_oid(number).ok_or_else(|| DieselError::SerializationError(format!("type {number} is unknown").into()))
}

impl ToSql for Bind {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let Some(bytes) = &self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(bytes);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

impl SimpleConnection for PostgresSession {
    fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        self.ask(async |client| client.batch_execute(query).await)
    }
}

impl ConnectionSealed for PostgresSession {}

impl Connection for PostgresSession {
    type Backend = Pg;
    type TransactionManager = AnsiTransactionManager;

    fn establish(url: &str) -> ConnectionResult<Self> {
        let options = PostgresOptions::read(url).map_err(ConnectionError::InvalidConnectionUrl)?;
        Self::connect(&options, options.target.unwrap_or(SessionTarget::Any), PING_TIMEOUT)
    }

    fn execute_returning_count<T: QueryFragment<Pg> + QueryId>(&mut self, source: &T) -> QueryResult<usize> {
        let query = self.prepare(source)?;
        let rows = self.ask(async |client| match &query.how {
            How::Cached(statement) => client.execute_raw(statement, query.params()).await,
            How::Once(text) => client.execute_typed(text, &query.typed()).await,
        })?;
        usize::try_from(rows).map_err(|cause| DieselError::DeserializationError(Box::new(cause)))
    }

    fn transaction_state(&mut self) -> &mut AnsiTransactionManager {
        &mut self.transaction
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        &mut self.instrumentation
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.instrumentation = Some(Box::new(instrumentation));
    }

    fn set_prepared_statement_cache_size(&mut self, _: CacheSize) {}
}

impl LoadConnection<DefaultLoadingMode> for PostgresSession {
    type Cursor<'conn, 'query> = RowCursor;
    type Row<'conn, 'query> = Row;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> QueryResult<RowCursor>
    where
        T: Query + QueryFragment<Pg> + QueryId + 'query,
        Pg: QueryMetadata<T::SqlType>,
    {
        let query = self.prepare(&source)?;
        let rows = self.ask(async |client| match &query.how {
            How::Cached(statement) => client.query(statement, &query.params().collect::<Vec<_>>()).await,
            How::Once(text) => client.query_typed(text, &query.typed()).await,
        })?;
        Ok(RowCursor::new(rows))
    }
}

impl MigrationConnection for PostgresSession {
    /// Asks for the right to make tables only where there is one to make.
    fn setup(&mut self) -> QueryResult<usize> {
        use diesel::{dsl::sql, select, sql_types::Bool};

        let is_there = sql::<Bool>("to_regclass('__diesel_schema_migrations') IS NOT NULL");
        if select(is_there).get_result(self)? {
            Ok(0)
        } else {
            diesel::sql_query(CREATE_MIGRATIONS_TABLE).execute(self)
        }
    }
}

impl R2D2Connection for PostgresSession {
    fn ping(&mut self) -> QueryResult<()> {
        let idle_timeout = self.link.idle_timeout.replace(PING_TIMEOUT);
        let alive = self.ask(async |client| client.check_connection().await);
        self.link.idle_timeout = idle_timeout;
        alive
    }

    fn is_broken(&mut self) -> bool {
        self.link.is_lost() || AnsiTransactionManager::is_broken_transaction_manager(self)
    }
}
