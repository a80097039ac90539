//! The exporter: takes spans from the queue and sends them, in batches (OTLP 1.x over HTTP, as protobuf).

use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{InstrumentationScope, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;
use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};

use crate::telemetry::{attribute::attribute, figures::Figures, settings::Settings};

/// Spans sent together.
const BATCH: usize = 512;
/// How often a batch is sent that the collector could take later.
const TRIES: u32 = 5;
/// How long is waited after the first of them; after each other one, twice as long.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest pause that a collector may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The longest answer that is read.
const LONGEST_ANSWER: usize = 64 << 10;

/// Who waits until everything is sent.
type Flush = oneshot::Sender<()>;

/// What goes on on the thread of traces.
pub(super) struct Exporter {
    spans: mpsc::Receiver<Span>,
    flushes: mpsc::Receiver<Flush>,
    figures: Figures,
    resource: Resource,
    delay: Duration,
    batch: Vec<Span>,
    /// Whether the last batch was lost, as was said then.
    failing: bool,
}

impl Exporter {
    pub fn new(
        settings: &Settings,
        spans: mpsc::Receiver<Span>,
        flushes: mpsc::Receiver<Flush>,
        figures: Figures,
    ) -> Self {
        let said = settings.resource().into_iter().map(|(name, value)| attribute(&name, Value::StringValue(value)));
        let resource = Resource { attributes: said.collect(), ..Resource::default() };
        Self { spans, flushes, figures, resource, delay: settings.delay, batch: Vec::new(), failing: false }
    }

    /// Sends spans until nobody makes any more.
    pub async fn run(mut self, sender: &Sender<awc::Client>) {
        loop {
            let flush = tokio::select! {
                biased;
                flush = self.flushes.recv() => match flush {
                    Some(flush) => Some(flush),
                    None => return,
                },
                () = gather(&mut self.spans, &mut self.batch, self.delay) => self.export(sender).await,
            };
            if let Some(flush) = flush {
                self.drain(sender).await;
                // Whoever waited may have given up.
                let _ = flush.send(());
            }
        }
    }

    /// Sends the batch, again where that may help. Where somebody wants everything sent meanwhile, only once more.
    async fn export(&mut self, sender: &Sender<awc::Client>) -> Option<Flush> {
        let (body, count) = self.take_batch();
        let (mut pause, mut flush) = (PAUSE, None);
        for _ in 1..TRIES {
            let failure = match sender.send(body.clone()).await {
                Ok(rejected) => {
                    self.sent(count, rejected);
                    return None;
                }
                Err(failure) => failure,
            };
            let Some(asked) = failure.again else {
                self.lost(count, &failure.why);
                return None;
            };
            tokio::select! {
                biased;
                wanted = self.flushes.recv() => flush = wanted,
                () = sleep(asked.max(pause).min(LONGEST_PAUSE)) => {}
            }
            if flush.is_some() {
                break;
            }
            pause *= 2;
        }
        self.send_once(sender, body, count).await;
        flush
    }

    /// Sends everything that waits, as long as it is taken.
    async fn drain(&mut self, sender: &Sender<awc::Client>) {
        loop {
            while self.batch.len() < BATCH
                && let Ok(span) = self.spans.try_recv()
            {
                self.batch.push(span);
            }
            if self.batch.is_empty() {
                return;
            }
            let (body, count) = self.take_batch();
            if !self.send_once(sender, body, count).await {
                return;
            }
        }
    }

    async fn send_once(&mut self, sender: &Sender<awc::Client>, body: Bytes, count: u64) -> bool {
        let sent = sender.send(body).await;
        match &sent {
            Ok(rejected) => self.sent(count, *rejected),
            Err(failure) => self.lost(count, &failure.why),
        }
        sent.is_ok()
    }

    /// The batch as it is sent, and how many spans it has.
    fn take_batch(&mut self) -> (Bytes, u64) {
        let spans = std::mem::take(&mut self.batch);
        let count = spans.len().try_into().unwrap_or(u64::MAX);
        let scope = InstrumentationScope {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
        let resource_spans =
            vec![ResourceSpans { resource: Some(self.resource.clone()), scope_spans, ..ResourceSpans::default() }];
        (ExportTraceServiceRequest { resource_spans }.encode_to_vec().into(), count)
    }

    fn sent(&mut self, count: u64, rejected: u64) {
        self.figures.exported.inc_by(count.saturating_sub(rejected));
        if rejected > 0 {
            return self.lost(rejected, "it took the others");
        }
        if std::mem::take(&mut self.failing) {
            log::info!("the collector takes spans again");
        }
    }

    /// Said once, until the collector takes spans again.
    fn lost(&mut self, count: u64, why: &str) {
        self.figures.failed.inc_by(count);
        if !std::mem::replace(&mut self.failing, true) {
            log::warn!(spans = count, why; "the collector does not take spans; what is lost is counted in /metrics");
        }
    }
}

/// Waits for spans: from the first on, until there are enough or it has waited for long enough. Forgets none where it is
/// dropped.
async fn gather(spans: &mut mpsc::Receiver<Span>, batch: &mut Vec<Span>, delay: Duration) {
    if batch.is_empty() && spans.recv_many(batch, BATCH).await == 0 {
        // Nobody makes any more, as the end of the other channel says.
        return std::future::pending().await;
    }
    let more = async { while batch.len() < BATCH && spans.recv_many(batch, BATCH).await > 0 {} };
    // Late is as good as enough.
    let _ = timeout(delay, more).await;
}

/// Who carries batches to the collector.
pub(super) struct Sender<Client = ()> {
    client: Client,
    url: String,
    headers: Vec<(String, String)>,
    timeout: Duration,
}

/// Why a batch was not taken.
struct Failure {
    why: String,
    /// After which pause it may be, if ever.
    again: Option<Duration>,
}

impl Sender {
    pub fn new(settings: &Settings, url: String) -> Self {
        Self { client: (), url, headers: settings.headers().to_vec(), timeout: settings.timeout }
    }

    /// The same, with which to send.
    pub fn with(self, client: awc::Client) -> Sender<awc::Client> {
        let Self { url, headers, timeout, .. } = self;
        Sender { client, url, headers, timeout }
    }
}

impl Sender<awc::Client> {
    /// Sends a batch; answers how many of its spans the collector did not want.
    async fn send(&self, body: Bytes) -> Result<u64, Failure> {
        let late = |_| Failure { why: "it did not answer in time".into(), again: Some(Duration::ZERO) };
        timeout(self.timeout, self.post(body)).await.map_err(late)?
    }

    async fn post(&self, body: Bytes) -> Result<u64, Failure> {
        let mut request = self.client.post(&self.url).insert_header(("Content-Type", "application/x-protobuf"));
        for (name, value) in &self.headers {
            request = request.insert_header((name.as_str(), value.as_str()));
        }
        let sent = request.send_body(body).await;
        let mut answer = sent.map_err(|error| Failure { why: error.to_string(), again: Some(Duration::ZERO) })?;
        let status = answer.status().as_u16();
        if !answer.status().is_success() {
            let asked = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
            let again = matches!(status, 429 | 502 | 503 | 504).then(|| Duration::from_secs(asked.unwrap_or(0)));
            return Err(Failure { why: format!("it answered {status}"), again });
        }
        // What cannot be read says of no span that it was not taken.
        let said = answer.body().limit(LONGEST_ANSWER).await.unwrap_or_default();
        let said = ExportTraceServiceResponse::decode(said).unwrap_or_default();
        Ok(said.partial_success.and_then(|partial| u64::try_from(partial.rejected_spans).ok()).unwrap_or(0))
    }
}
