//! What the machine allows: a handler that does nothing, and a row made durable.

use std::{fs::File, io::Write, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use actix_web::{App, HttpResponse, HttpServer, dev::ServerHandle, rt::spawn, web};
use bytes::BytesMut;
use ostler::{
    model::{CallId, ServerId, Timestamp, ToolCall, UserId},
    store::{Connection, Store, calls},
};
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::{Outcome, table::Sample};

/// A handler that answers with what it was sent, padded to the length of a real answer.
pub struct Bare {
    pub address: SocketAddr,
    handle: ServerHandle,
}

impl Bare {
    /// Serves on threads of its own, as many as Ostler has.
    pub fn serve(workers: usize, length: usize) -> Outcome<Self> {
        let app = move || App::new().app_data(web::Data::new(length)).default_service(web::to(answer));
        let server = HttpServer::new(app).workers(workers).tcp_nodelay(true).disable_signals();
        let server = server.bind(("127.0.0.1", 0))?;
        let address = *server.addrs().first().ok_or("no address")?;
        let server = server.run();
        let handle = server.handle();
        spawn(server);
        Ok(Self { address, handle })
    }

    pub async fn stop(self) {
        self.handle.stop(false).await;
    }
}

async fn answer(body: web::Bytes, length: web::Data<usize>) -> HttpResponse {
    let mut padded = BytesMut::with_capacity(**length);
    padded.extend_from_slice(&body);
    padded.resize(body.len().max(**length), b' ');
    HttpResponse::Ok().content_type("application/json").body(padded.freeze())
}

/// A file whose every block of 4 KiB is synchronised.
pub struct Blocks(File);

impl Blocks {
    pub fn create(folder: &Path) -> Outcome<Self> {
        Ok(Self(File::create(folder.join("blocks"))?))
    }

    pub fn run(&mut self, span: Duration) -> Outcome<Sample> {
        repeat(span, || {
            self.0.write_all(&[7; 4096])?;
            Ok(self.0.sync_data()?)
        })
    }
}

/// A call of a tool that answered.
pub fn call(server_id: ServerId, user_id: UserId, parameters: Arc<RawValue>, response: Arc<RawValue>) -> ToolCall {
    ToolCall {
        id: CallId::new(),
        server_id,
        user_id,
        tool_name: "echo".into(),
        parameters: Some(parameters),
        parameters_excerpt: None,
        response: Some(response),
        response_excerpt: None,
        success: true,
        error_message: None,
        execution_time: 1,
        created_at: Timestamp::now(),
        waited: 0,
        trace_id: None,
    }
}

/// A table of calls, every row of which is a transaction.
pub struct Rows {
    db: Connection,
}

impl Rows {
    /// Opens an empty database with Ostler's own schema and settings.
    pub fn open(url: &str) -> Outcome<Self> {
        let store = Store::open(&url.parse()?)?;
        store.migrate()?;
        Ok(Self { db: store.writer()? })
    }

    pub fn run(&mut self, span: Duration, answer: &str) -> Outcome<Sample> {
        let json = |text: &str| RawValue::from_string(text.to_owned()).map(Arc::<RawValue>::from);
        let (parameters, response) = (json(r#"{"text":"0000-00000000000"}"#)?, json(answer)?);
        let mut row = call(ServerId::new(), UserId::new(), parameters, response);
        repeat(span, || {
            row.id = CallId::new();
            Ok(calls::insert(&mut self.db, std::slice::from_ref(&row))?)
        })
    }
}

fn repeat(span: Duration, mut work: impl FnMut() -> Outcome<()>) -> Outcome<Sample> {
    let start = Instant::now();
    let (mut before, mut taken) = (start, Vec::new());
    while before - start < span {
        work()?;
        let after = Instant::now();
        taken.push(after - before);
        before = after;
    }
    Ok(Sample::of(taken, before - start))
}
