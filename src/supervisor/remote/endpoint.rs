//! [`Endpoint`]: state of a connection to a remote server, and the requests made to it.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use awc::{
    ClientRequest, ClientResponse,
    error::{ConnectError, SendRequestError},
    http::{
        Method, Uri,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use tokio::{
    sync::{mpsc, oneshot},
    task::AbortHandle,
    time::timeout,
};

use crate::{
    mcp::{LineShare, ParamHeader},
    outbound::{self, Reachable},
    policy::{
        consent::{Challenge, is_challenged, resource_places},
        shortage::Shortage,
    },
    supervisor::{
        launch::RemoteTarget,
        remote::{
            authority::{Renewal, TokenProvider},
            failure::RemoteFailure,
            outgoing::Outgoing,
            remote_event::RemoteEvent,
        },
    },
};

/// Media type of a stream of events.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// The header that names a session.
pub(super) const SESSION_HEADER: &str = "Mcp-Session-Id";

/// Time to find out whether a server that refused a greeting wants consent.
const RESOURCE_METADATA_TIMEOUT: Duration = Duration::from_secs(5);

/// One remote server.
pub(super) struct Endpoint {
    client: awc::Client,
    reachable: Reachable,
    pub url: Uri,
    headers: HeaderMap,
    /// Source of tokens, unless the owner's headers hold one.
    tokens: Option<Arc<dyn TokenProvider>>,
    events: mpsc::Sender<RemoteEvent>,
    closer: RefCell<Option<oneshot::Sender<String>>>,
    /// The session of the legacy era.
    session: RefCell<Option<String>>,
    /// The revision agreed on in the legacy era.
    pub version: RefCell<Option<String>>,
    /// URL for messages in HTTP+SSE (2024-11-05).
    pub message_url: RefCell<Option<Uri>>,
    /// Headers that tools want for their arguments, by the names of the tools.
    pub params: RefCell<HashMap<String, Rc<[ParamHeader]>>>,
    /// Memory for its unfinished messages.
    pub lines: LineShare,
    /// Requests without an answer.
    pub in_flight: RefCell<HashMap<String, RemoteRequest>>,
    next_number: Cell<u64>,
}

/// A request without an answer.
pub(super) struct RemoteRequest {
    number: u64,
    pub task: AbortHandle,
    /// True when closing its stream cancels it, as in the modern era.
    pub modern: bool,
}

impl Endpoint {
    /// The endpoint, and the receiver of the reason for its end.
    pub(super) fn new(
        target: &RemoteTarget,
        lines: LineShare,
        events: mpsc::Sender<RemoteEvent>,
    ) -> Result<(Rc<Self>, oneshot::Receiver<String>), String> {
        let url: Uri = target.remote.url.parse().map_err(|_| "its URL cannot be read".to_owned())?;
        if !matches!(url.scheme_str(), Some("http" | "https")) || url.host().is_none() {
            return Err("its URL is not one of http or https".into());
        }
        let reachable = if target.private_addresses { Reachable::Any } else { Reachable::Public };
        let client = outbound::client(&target.remote.url, reachable)?;
        let mut headers = HeaderMap::new();
        for (name, value) in &target.remote.headers {
            let read = HeaderName::try_from(name.as_str()).ok().zip(HeaderValue::from_str(value).ok());
            let (name, value) = read.ok_or_else(|| format!("its header {name} cannot be sent"))?;
            headers.append(name, value);
        }
        let tokens = target.authority.tokens().filter(|_| !headers.contains_key(header::AUTHORIZATION));
        let (closer, closed) = oneshot::channel();
        let endpoint = Self {
            client,
            reachable,
            url,
            headers,
            tokens,
            events,
            closer: RefCell::new(Some(closer)),
            session: RefCell::default(),
            version: RefCell::default(),
            message_url: RefCell::default(),
            params: RefCell::default(),
            lines,
            in_flight: RefCell::default(),
            next_number: Cell::default(),
        };
        Ok((Rc::new(endpoint), closed))
    }

    /// Passes on what came; false once the receiver is gone.
    pub(super) async fn emit(&self, event: RemoteEvent) -> bool {
        self.events.send(event).await.is_ok()
    }

    /// Ends the connection as a whole.
    pub(super) fn close(&self, reason: &str) {
        if let Some(closer) = self.closer.take() {
            // The task that drives it has ended already where it no longer receives this.
            let _ = closer.send(reason.to_owned());
        }
    }

    /// True when there is a session of the legacy era.
    pub(super) fn has_session(&self) -> bool {
        self.session.borrow().is_some()
    }

    /// Takes over the session that an answer to `initialize` names.
    pub(super) fn take_session(&self, answer: &HeaderMap) {
        let session = answer.get(SESSION_HEADER).and_then(|session| session.to_str().ok());
        *self.session.borrow_mut() = session.map(ToOwned::to_owned);
    }

    /// Records a request in flight.
    pub(super) fn add_request(&self, id: &RawValue, task: AbortHandle, modern: bool) -> u64 {
        let number = self.next_number.get();
        self.next_number.set(number.wrapping_add(1));
        self.in_flight.borrow_mut().insert(id.get().to_owned(), RemoteRequest { number, task, modern });
        number
    }

    /// Forgets a request that has its answer, unless its id stands for another one by now.
    pub(super) fn remove_request(&self, id: &RawValue, number: u64) {
        let mut in_flight = self.in_flight.borrow_mut();
        if in_flight.get(id.get()).is_some_and(|request| request.number == number) {
            in_flight.remove(id.get());
        }
    }

    /// Posts a message; answers with the head of what came back. Where a token was refused, once more with another.
    pub(super) async fn post(&self, message: &Outgoing) -> Result<ClientResponse, RemoteFailure> {
        let token = self.token().await;
        let mut answer = self.post_with(message, token.as_deref()).await?;
        if answer.status() == 401
            && let (Some(tokens), Some(spent)) = (&self.tokens, &token)
        {
            match tokens.renewed(spent).await {
                Renewal::Token(other) => answer = self.post_with(message, Some(&other)).await?,
                Renewal::Later(why) => {
                    return Err(RemoteFailure::Unreachable(format!("its token could not be renewed: {why}")));
                }
                Renewal::Refused => {}
            }
        }
        if let (Some(tokens), Some(_)) = (&self.tokens, self.unauthorized(&answer)) {
            tokens.challenged(Challenge::read(challenges(&answer)));
        }
        Ok(answer)
    }

    async fn post_with(&self, message: &Outgoing, token: Option<&str>) -> Result<ClientResponse, RemoteFailure> {
        let message_url = self.message_url.borrow().clone();
        let url = message_url.as_ref().unwrap_or(&self.url);
        let params = message.name.as_ref().and_then(|name| self.params.borrow().get(name).cloned());
        let mut request = self.request(Method::POST, url, token);
        if message.modern.is_none() && message.method != "initialize" {
            request = self.in_session(request);
        }
        for (name, value) in message.headers_from_body(params.as_deref().unwrap_or_default()) {
            request = request.insert_header((name, value));
        }
        let request = request
            .insert_header((header::CONTENT_TYPE, "application/json"))
            .insert_header((header::ACCEPT, format!("application/json, {EVENT_STREAM}")));
        let body =
            message.line.strip_suffix(b"\n").map_or_else(|| message.line.clone(), |line| message.line.slice_ref(line));
        request.send_body(body).await.map_err(failure)
    }

    /// Asks for a stream of events, after the event of this id where one is given.
    pub(super) async fn get(&self, last_event: Option<&str>) -> Result<ClientResponse, RemoteFailure> {
        let token = self.token().await;
        let mut request = self.in_session(self.request(Method::GET, &self.url, token.as_deref()));
        if let Some(id) = last_event {
            request = request.insert_header(("Last-Event-ID", id));
        }
        request.insert_header((header::ACCEPT, EVENT_STREAM)).send().await.map_err(failure)
    }

    /// Ends the session at the server, where there is one.
    pub(super) async fn delete(&self) {
        if self.has_session() {
            let token = self.token().await;
            // The response makes no difference: this side is gone.
            let _ = self.in_session(self.request(Method::DELETE, &self.url, token.as_deref())).send().await;
        }
    }

    /// The failure that an error response stands for if consent is missing; `None` where it has another reason.
    pub(super) fn unauthorized(&self, answer: &ClientResponse) -> Option<RemoteFailure> {
        let status = answer.status().as_u16();
        let wanting = self.tokens.is_some() && is_challenged(status, challenges(answer));
        wanting.then_some(if status == 401 { RemoteFailure::Unauthorized } else { RemoteFailure::InsufficientScope })
    }

    /// True when a server that refused a greeting without a token, though not as one that wants a token should (401),
    /// says where such tokens are made (RFC 9728).
    pub(super) async fn wants_consent(&self) -> bool {
        #[derive(Deserialize)]
        struct ResourceMetadata {
            #[serde(rename = "authorization_servers")]
            _authorization_servers: IgnoredAny,
        }
        if self.tokens.is_none() || self.token().await.is_some() {
            return false;
        }
        let found = async {
            for place in resource_places(&self.url.to_string()) {
                if outbound::fetch::<ResourceMetadata>(&place, self.reachable).await.is_ok() {
                    return true;
                }
            }
            false
        };
        timeout(RESOURCE_METADATA_TIMEOUT, found).await.unwrap_or(false)
    }

    async fn token(&self) -> Option<Arc<str>> {
        match &self.tokens {
            Some(tokens) => tokens.current().await,
            None => None,
        }
    }

    fn in_session(&self, mut request: ClientRequest) -> ClientRequest {
        if let Some(session) = self.session.borrow().as_deref() {
            request = request.insert_header((SESSION_HEADER, session));
        }
        if let Some(version) = self.version.borrow().as_deref() {
            request = request.insert_header(("MCP-Protocol-Version", version));
        }
        request
    }

    fn request(&self, method: Method, url: &Uri, token: Option<&str>) -> ClientRequest {
        let agent = concat!("ostler/", env!("CARGO_PKG_VERSION"));
        let mut request = self.client.request(method, url).insert_header((header::USER_AGENT, agent));
        if let Some(token) = token {
            request = request.insert_header((header::AUTHORIZATION, format!("Bearer {token}")));
        }
        self.headers.iter().fold(request, |request, header| request.append_header(header))
    }
}

fn challenges(answer: &ClientResponse) -> impl Iterator<Item = &str> {
    answer.headers().get_all(header::WWW_AUTHENTICATE).filter_map(|value| value.to_str().ok())
}

/// True when a response is a stream of events.
pub(super) fn is_stream(answer: &ClientResponse) -> bool {
    media_type(answer).eq_ignore_ascii_case(EVENT_STREAM)
}

/// Media type of a response's body.
pub(super) fn media_type(answer: &ClientResponse) -> &str {
    let value = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.and_then(|value| value.split(';').next()).unwrap_or_default().trim()
}

fn failure(error: SendRequestError) -> RemoteFailure {
    if let Some(distrust) = outbound::distrust(&error) {
        return RemoteFailure::Unreachable(distrust);
    }
    let SendRequestError::Connect(why) = error else { return RemoteFailure::Broken(error.to_string()) };
    if matches!(why, ConnectError::Disconnected) {
        return RemoteFailure::Broken("it closed the connection".into());
    }
    if matches!(why, ConnectError::Timeout) {
        return RemoteFailure::Unreachable("it took too long to connect".into());
    }
    if let ConnectError::Io(why) = &why
        && let Some(shortage) = Shortage::of(why)
    {
        return RemoteFailure::Unreachable(shortage.to_string());
    }
    let ConnectError::Resolver(why) = why else { return RemoteFailure::Unreachable(why.to_string()) };
    RemoteFailure::Unreachable(why.to_string())
}
