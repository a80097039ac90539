//! The exporter: takes spans from the queue and sends them, in batches (OTLP 1.x over HTTP, as protobuf).

use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{InstrumentationScope, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;
use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};

use crate::{
    model::Timestamp,
    outbound,
    policy::retry_after,
    telemetry::{
        attribute::attribute, collector_remark::CollectorRemark, export_counters::ExportCounters,
        settings::TelemetrySettings,
    },
};

/// Spans in a batch, the default of OpenTelemetry's batch processor.
const BATCH_SPANS_MAX: usize = 512;
/// Attempts to send a batch that the collector could accept later.
const ATTEMPTS_MAX: u32 = 5;
/// Pause after the first attempt, doubled after each other one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause that a collector may ask for, as spans queue meanwhile.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// The longest response that is read: it holds a number and a message.
const RESPONSE_BYTES_MAX: usize = 64 << 10;

/// Answered once everything is sent.
type Flush = oneshot::Sender<()>;

/// Takes spans from the queue, and sends them in batches.
pub(super) struct Exporter {
    spans: mpsc::Receiver<Span>,
    flushes: mpsc::Receiver<Flush>,
    counters: ExportCounters,
    resource: Resource,
    delay: Duration,
    batch: Vec<Span>,
    /// True where the last batch was lost, which is logged once.
    failing: bool,
    /// True where the collector had something to say about the last batch it took, which is logged once.
    is_remarked: bool,
}

impl Exporter {
    pub(super) fn new(
        settings: &TelemetrySettings,
        spans: mpsc::Receiver<Span>,
        flushes: mpsc::Receiver<Flush>,
        counters: ExportCounters,
    ) -> Self {
        let attributes =
            settings.resource().into_iter().map(|(name, value)| attribute(&name, Value::StringValue(value)));
        let resource = Resource { attributes: attributes.collect(), ..Resource::default() };
        Self {
            spans,
            flushes,
            counters,
            resource,
            delay: settings.delay,
            batch: Vec::new(),
            failing: false,
            is_remarked: false,
        }
    }

    /// Sends spans until the last tracer is dropped.
    pub(super) async fn run(mut self, sender: &ExportSender<awc::Client>) {
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
                // The caller may have given up.
                let _ = flush.send(());
            }
        }
    }

    /// Sends the batch, with retries where that may help; a flush meanwhile leaves one more attempt.
    async fn export(&mut self, sender: &ExportSender<awc::Client>) -> Option<Flush> {
        let (body, count) = self.take_batch();
        let (mut pause, mut flush) = (FIRST_PAUSE, None);
        for _ in 1..ATTEMPTS_MAX {
            let failure = match sender.send(body.clone()).await {
                Ok(remark) => {
                    self.sent(count, remark);
                    return None;
                }
                Err(failure) => failure,
            };
            let Some(least) = failure.retry_after else {
                self.lost(count, &failure.why);
                return None;
            };
            tokio::select! {
                biased;
                requested = self.flushes.recv() => flush = requested,
                () = sleep(least.max(pause).min(PAUSE_MAX)) => {}
            }
            if flush.is_some() {
                break;
            }
            pause *= 2;
        }
        self.send_once(sender, body, count).await;
        flush
    }

    /// Sends everything in the queue, until a batch fails.
    async fn drain(&mut self, sender: &ExportSender<awc::Client>) {
        loop {
            while self.batch.len() < BATCH_SPANS_MAX
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

    async fn send_once(&mut self, sender: &ExportSender<awc::Client>, body: Bytes, count: u64) -> bool {
        let sent = sender.send(body).await;
        let is_sent = sent.is_ok();
        match sent {
            Ok(remark) => self.sent(count, remark),
            Err(failure) => self.lost(count, &failure.why),
        }
        is_sent
    }

    /// Encodes the batch, and counts its spans.
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

    /// Counts spans that the collector took, and those it rejected. What it says about them is logged once until it has
    /// nothing to say.
    fn sent(&mut self, count: u64, remark: CollectorRemark) {
        let CollectorRemark { rejected, message } = remark;
        let rejected = rejected.min(count);
        self.counters.exported.inc_by(count - rejected);
        self.counters.failed.inc_by(rejected);
        if std::mem::take(&mut self.failing) {
            log::info!("the collector takes spans again");
        }
        // Zero spans with a message are a warning (OTLP, partial success).
        let is_remarked = rejected > 0 || !message.is_empty();
        if is_remarked && !self.is_remarked {
            log::warn!(rejected, message; "the collector has a remark; rejected spans are counted in /metrics");
        }
        self.is_remarked = is_remarked;
    }

    /// Counts lost spans; logged once until the collector accepts spans again.
    fn lost(&mut self, count: u64, why: &str) {
        self.counters.failed.inc_by(count);
        if !std::mem::replace(&mut self.failing, true) {
            log::warn!(spans = count, why; "the collector does not take spans; what is lost is counted in /metrics");
        }
    }
}

/// Fills the batch: returns `delay` after its first span, or once it is full. Loses none where it is dropped.
async fn gather(spans: &mut mpsc::Receiver<Span>, batch: &mut Vec<Span>, delay: Duration) {
    if batch.is_empty() && spans.recv_many(batch, BATCH_SPANS_MAX).await == 0 {
        // The last tracer is gone; the end of the other channel ends `run`.
        return std::future::pending().await;
    }
    let more = async { while batch.len() < BATCH_SPANS_MAX && spans.recv_many(batch, BATCH_SPANS_MAX).await > 0 {} };
    // A batch that is not full is sent all the same.
    let _ = timeout(delay, more).await;
}

/// Sends batches to the collector.
pub(super) struct ExportSender<Client = ()> {
    client: Client,
    url: String,
    headers: Vec<(String, String)>,
    timeout: Duration,
}

/// A batch was not accepted.
struct ExportFailure {
    why: String,
    /// The least pause before another attempt; `None` where that is of no use.
    retry_after: Option<Duration>,
}

impl ExportSender {
    pub(super) fn new(settings: &TelemetrySettings, url: String) -> Self {
        Self { client: (), url, headers: settings.headers().to_vec(), timeout: settings.timeout }
    }

    /// Adds the client, which exists on the exporter's thread only.
    pub(super) fn with(self, client: awc::Client) -> ExportSender<awc::Client> {
        let Self { url, headers, timeout, .. } = self;
        ExportSender { client, url, headers, timeout }
    }
}

impl ExportSender<awc::Client> {
    /// Sends a batch; returns what the collector says about the spans it took.
    async fn send(&self, body: Bytes) -> Result<CollectorRemark, ExportFailure> {
        let late = |_| ExportFailure { why: "it did not answer in time".into(), retry_after: Some(Duration::ZERO) };
        timeout(self.timeout, self.post(body)).await.map_err(late)?
    }

    async fn post(&self, body: Bytes) -> Result<CollectorRemark, ExportFailure> {
        let mut request = self.client.post(&self.url).insert_header(("Content-Type", "application/x-protobuf"));
        for (name, value) in &self.headers {
            request = request.insert_header((name.as_str(), value.as_str()));
        }
        let sent = request.send_body(body).await;
        let mut answer =
            sent.map_err(|error| ExportFailure { why: outbound::reason(&error), retry_after: Some(Duration::ZERO) })?;
        let status = answer.status().as_u16();
        if !answer.status().is_success() {
            let value = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
            let asked = value.and_then(|value| retry_after::parse(value, Timestamp::now()));
            let retry_after = matches!(status, 429 | 502 | 503 | 504).then(|| asked.unwrap_or_default());
            return Err(ExportFailure { why: format!("it answered {status}"), retry_after });
        }
        Ok(CollectorRemark::read(answer.body().limit(RESPONSE_BYTES_MAX).await.unwrap_or_default()))
    }
}
