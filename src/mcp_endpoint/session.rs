//! [`McpSession`]: state kept for a client of the older era between its requests.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard};
use tokio::{sync::Notify, task::AbortHandle, time::Instant};
use uuid::Uuid;

use super::{
    json_rpc_id::JsonRpcId,
    stream::{EventId, MessageStream, StreamReader},
};
use crate::{
    Runtime,
    bridge::{self, ClientRequests, ClientSender, Conversation, ServerScope, SessionSubscriptions},
    mcp::McpClient,
    model::{Timestamp, UserId},
};

/// Time after which an idle session is let go of; its row stays.
const SESSION_IDLE_TIMEOUT: Duration = Duration::from_secs(60 * 60);
/// Interval at which the row of a session in use says so: rows of an account that were used last are kept, however many
/// short sessions it begins.
const ROW_UPDATE_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// Requests in flight of one session.
const REQUESTS_PER_SESSION_MAX: usize = 256;
/// Streams kept for clients that may come back to them, beside those that go on.
const ENDED_STREAMS_MAX: usize = 16;
/// Their bytes.
const ENDED_STREAMS_BYTES_MAX: usize = 2 << 20;

/// A client of the older era, from `initialize` on.
pub(super) struct McpSession {
    /// Its id, which cannot be guessed.
    pub id: Uuid,
    /// Its user: the credentials of others do not find it.
    pub user: UserId,
    /// The scope it began with.
    pub scope: ServerScope,
    /// The revision agreed on.
    pub version: String,
    /// Requests to the client that await a response.
    pub client_requests: Arc<ClientRequests>,
    /// The client's declarations, as servers are sent them.
    pub client: Arc<Mutex<Arc<McpClient>>>,
    /// Its resource subscriptions.
    pub watches: Arc<SessionSubscriptions>,
    in_flight: Mutex<HashMap<JsonRpcId, Arc<Notify>>>,
    streams: Mutex<Streams>,
    next_stream_pair: AtomicU64,
    used: Mutex<Instant>,
    kept: Mutex<Instant>,
    began: Instant,
}

#[derive(Default)]
struct Streams {
    of_requests: VecDeque<Arc<MessageStream>>,
    standalone: Option<Standalone>,
    has_ended: bool,
}

/// The stream that is about no request, and the task that writes it.
struct Standalone {
    stream: Arc<MessageStream>,
    writer: AbortHandle,
}

/// A request in flight; dropping it frees its id.
pub(super) struct InFlightRequest {
    session: Arc<McpSession>,
    id: JsonRpcId,
    cancelled: Arc<Notify>,
}

impl McpSession {
    /// The session of a client that was answered `initialize` in this conversation.
    pub(super) fn new(conversation: &Conversation, version: String) -> Self {
        let (client, watches) = (Arc::clone(&conversation.client), Arc::clone(&conversation.watches));
        Self::of(conversation.who.user_id, conversation.scope, version, client, watches, 1)
    }

    /// A session that another process, or an hour of idleness, has ended in memory alone; `subscriptions` are the
    /// resources that it is subscribed to.
    pub(super) fn resumed(
        user: UserId,
        scope: ServerScope,
        version: String,
        client: McpClient,
        subscriptions: Vec<String>,
    ) -> Self {
        let watches = subscriptions.into_iter().map(|uri| (uri, None)).collect();
        let client = Arc::new(Mutex::new(Arc::new(client)));
        // Past every stream there was before, so that no `Last-Event-ID` of then is taken for one of now.
        let first_stream_pair = Timestamp::unix_nanos_now() / 1_000_000;
        Self::of(user, scope, version, client, Arc::new(Mutex::new(watches)), first_stream_pair)
    }

    fn of(
        user: UserId,
        scope: ServerScope,
        version: String,
        client: Arc<Mutex<Arc<McpClient>>>,
        watches: Arc<SessionSubscriptions>,
        first_stream_pair: u64,
    ) -> Self {
        let id = lock(&client).session;
        Self {
            id,
            user,
            scope,
            version,
            client_requests: Arc::default(),
            client,
            watches,
            in_flight: Mutex::default(),
            streams: Mutex::default(),
            next_stream_pair: AtomicU64::new(first_stream_pair),
            used: Mutex::new(Instant::now()),
            kept: Mutex::new(Instant::now()),
            began: Instant::now(),
        }
    }

    /// Notes that it is in use.
    pub(super) fn touch(&self) {
        *lock(&self.used) = Instant::now();
    }

    /// True once an interval, where its row is to say that it is in use.
    pub(super) fn is_row_due(&self) -> bool {
        let mut kept = lock(&self.kept);
        let is_due = kept.elapsed() > ROW_UPDATE_INTERVAL;
        if is_due {
            *kept = Instant::now();
        }
        is_due
    }

    /// The time it was used last; `None` while a request is in flight or the standalone stream is read.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        (!self.is_listened_to() && lock(&self.in_flight).is_empty()).then(|| *lock(&self.used))
    }

    /// True once it has been idle for too long.
    pub(super) fn is_stale(&self) -> bool {
        self.idle_since().is_some_and(|since| since.elapsed() > SESSION_IDLE_TIMEOUT)
    }

    /// Registers a request; `None` where its id is in use, or too many are in flight.
    pub(super) fn begin(self: &Arc<Self>, id: JsonRpcId) -> Option<InFlightRequest> {
        let mut in_flight = lock(&self.in_flight);
        if in_flight.len() >= REQUESTS_PER_SESSION_MAX {
            return None;
        }
        let cancelled = match in_flight.entry(id.clone()) {
            Entry::Occupied(_) => return None,
            Entry::Vacant(vacant) => Arc::clone(vacant.insert(Arc::default())),
        };
        Some(InFlightRequest { session: Arc::clone(self), id, cancelled })
    }

    /// Gives up a request, as its client wants.
    pub(super) fn cancel(&self, id: &JsonRpcId) {
        if let Some(request) = lock(&self.in_flight).get(id) {
            request.notify_one();
        }
    }

    /// A stream for a request; not found by anybody before [`McpSession::keep`].
    pub(super) fn stream(&self) -> Arc<MessageStream> {
        MessageStream::new(self.next_stream_pair())
    }

    /// An even number that no stream has yet; the odd one after it is free, too.
    fn next_stream_pair(&self) -> u64 {
        self.next_stream_pair.fetch_add(1, Ordering::Relaxed).wrapping_mul(2)
    }

    /// Keeps a request's stream, so that its reader may come back to it.
    pub(super) fn keep(&self, stream: &Arc<MessageStream>) {
        let (mut count, mut bytes) = (0_usize, 0_usize);
        let mut streams = lock(&self.streams);
        streams.of_requests.push_front(Arc::clone(stream));
        // The newest come first, so the oldest of those that ended go first.
        streams.of_requests.retain(|one| {
            if !one.has_ended() {
                return true;
            }
            (count, bytes) = (count.saturating_add(1), bytes.saturating_add(one.bytes()));
            count <= ENDED_STREAMS_MAX && bytes <= ENDED_STREAMS_BYTES_MAX
        });
    }

    /// Reads a kept stream from where its reader left it; and whether it is the standalone one.
    pub(super) fn resume(&self, at: EventId) -> Option<(StreamReader, bool)> {
        let streams = lock(&self.streams);
        // One that has ended is not the one that goes on: who comes back to it needs another.
        let standalone = streams.standalone.iter().filter(|one| !one.stream.has_ended()).map(|one| (&one.stream, true));
        let mut all = standalone.chain(streams.of_requests.iter().map(|stream| (stream, false)));
        let (stream, is_standalone) = all.find(|(stream, _)| stream.number == at.stream)?;
        Some((stream.read_after(at.event), is_standalone))
    }

    /// True while the standalone stream is read.
    pub(super) fn is_listened_to(&self) -> bool {
        lock(&self.streams).standalone.as_ref().is_some_and(|one| one.stream.is_read())
    }

    /// Opens another standalone stream; a reader of the one before reads no more. `None` where the session has ended.
    pub(super) fn listen(&self, conversation: Arc<Conversation>) -> Option<StreamReader> {
        let stream = MessageStream::new(self.next_stream_pair() | 1);
        let reader = stream.read_after(0);
        let sender = ClientSender::new(stream.clone(), Some(Arc::clone(&self.client_requests)));
        let standalone = bridge::run_standalone_stream(conversation, sender);
        let mut streams = lock(&self.streams);
        if streams.has_ended {
            return None;
        }
        let ending = Arc::clone(&stream);
        let writer = tokio::spawn(async move {
            standalone.await;
            ending.end();
        });
        let before = streams.standalone.replace(Standalone { stream, writer: writer.abort_handle() });
        drop(streams);
        before.inspect(Standalone::end);
        Some(reader)
    }

    /// Ends the session: requests in flight are cancelled, and every stream ends.
    pub(super) fn end(&self, runtime: &Runtime) {
        for request in lock(&self.in_flight).values() {
            request.notify_one();
        }
        let mut streams = lock(&self.streams);
        streams.has_ended = true;
        let (standalone, of_requests) = (streams.standalone.take(), std::mem::take(&mut streams.of_requests));
        drop(streams);
        runtime.telemetry().metrics().server_session_ended(&self.version, self.began.elapsed());
        standalone.inspect(Standalone::end);
        of_requests.iter().for_each(|stream| stream.end());
        lock(&self.watches).clear();
        runtime.end_session(self.id);
    }
}

impl Standalone {
    fn end(&self) {
        self.writer.abort();
        self.stream.end();
    }
}

impl InFlightRequest {
    /// The requests of its session to the client.
    pub(super) fn client_requests(&self) -> Arc<ClientRequests> {
        Arc::clone(&self.session.client_requests)
    }

    /// Completes when the client gives the request up, or has done so.
    pub(super) async fn cancelled(&self) {
        self.cancelled.notified().await;
    }
}

impl Drop for InFlightRequest {
    fn drop(&mut self) {
        lock(&self.session.in_flight).remove(&self.id);
        self.session.touch();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::{
        mcp::{Era, LATEST_LEGACY},
        mcp_endpoint::stream::EventBody,
    };

    /// A session of `user` with every server.
    pub(crate) fn session(user: UserId) -> Arc<McpSession> {
        let capabilities = Arc::from(RawValue::from_string("{}".into()).unwrap());
        let client = McpClient { session: Uuid::new_v4(), era: Era::Legacy, capabilities, info: None, log_level: None };
        let client = Arc::new(Mutex::new(Arc::new(client)));
        let scope = ServerScope::All { search: false };
        Arc::new(McpSession::of(user, scope, LATEST_LEGACY.into(), client, Arc::default(), 1))
    }

    fn id(number: u64) -> JsonRpcId {
        JsonRpcId::parse(&RawValue::from_string(number.to_string()).unwrap()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_is_stale_after_an_hour_in_which_nothing_was_under_way() {
        let session = session(UserId::new());
        let request = session.begin(id(1)).unwrap();
        tokio::time::advance(SESSION_IDLE_TIMEOUT * 2).await;
        assert!(!session.is_stale());
        drop(request);
        assert!(!session.is_stale());
        tokio::time::advance(SESSION_IDLE_TIMEOUT + Duration::from_secs(1)).await;
        assert!(session.is_stale());
        session.touch();
        assert!(!session.is_stale());
    }

    #[tokio::test]
    async fn a_request_is_cancelled_by_its_id_which_is_free_again_when_it_has_ended() {
        let session = session(UserId::new());
        let (first, second) = (session.begin(id(1)).unwrap(), session.begin(id(2)).unwrap());
        assert!(session.begin(id(1)).is_none());
        session.cancel(&id(2));
        session.cancel(&id(3));
        tokio::select! {
            biased;
            () = first.cancelled() => panic!("the wrong one"),
            () = second.cancelled() => {}
        }
        drop(first);
        assert!(session.begin(id(1)).is_some());
    }

    #[tokio::test]
    async fn no_more_requests_are_under_way_than_may_be() {
        let session = session(UserId::new());
        let most = u64::try_from(REQUESTS_PER_SESSION_MAX).unwrap();
        let mut all: Vec<_> = (0..most).map(|number| session.begin(id(number)).unwrap()).collect();
        assert!(session.begin(id(most)).is_none());
        all.pop();
        assert!(session.begin(id(most)).is_some());
    }

    #[tokio::test]
    async fn streams_that_ended_are_kept_within_bounds_and_open_ones_all() {
        let session = session(UserId::new());
        let open = session.stream();
        session.keep(&open);
        let ended: Vec<_> = (0..ENDED_STREAMS_MAX * 2).map(|_| session.stream()).collect();
        for stream in &ended {
            stream.push(EventBody::Message("x".into())).await;
            stream.end();
            session.keep(stream);
        }
        let is_kept = |stream: &MessageStream| session.resume(EventId { stream: stream.number, event: 0 }).is_some();
        assert!(is_kept(&open));
        assert_eq!(ended.iter().filter(|stream| is_kept(stream)).count(), ENDED_STREAMS_MAX);
        assert!(is_kept(ended.last().unwrap()));
        let long = session.stream();
        long.push(EventBody::Message("x".repeat(ENDED_STREAMS_BYTES_MAX + 1).into())).await;
        session.keep(&long);
        long.end();
        session.keep(&session.stream());
        assert!(!is_kept(&long));
    }
}
