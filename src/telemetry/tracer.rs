//! [`Tracer`]: makes spans, and owns the thread that exports them.

use std::{sync::Arc, time::Duration};

use actix::Arbiter;
use opentelemetry_proto::tonic::trace::v1 as proto;
use tokio::sync::{mpsc, oneshot};

use crate::{
    outbound::{self, Reachable},
    policy::trace_sampling::TraceSampler,
    telemetry::{
        clock::SpanClock,
        export::{ExportSender, Exporter},
        export_counters::ExportCounters,
        settings::TelemetrySettings,
    },
};

/// Deadline of the last export, as a collector that is down may not hold up the end of the program.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes spans; cheap to clone. Its thread ends with the last clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracer(pub(super) Option<Arc<TracerInner>>);

#[derive(Debug)]
pub(super) struct TracerInner {
    pub(super) sampler: TraceSampler,
    pub(super) clock: SpanClock,
    queue: mpsc::Sender<proto::Span>,
    flushes: mpsc::Sender<oneshot::Sender<()>>,
    export_counters: ExportCounters,
}

impl Tracer {
    /// Exports spans to the collector that `settings` name; makes none where they name no collector.
    pub(crate) fn start(settings: &TelemetrySettings) -> Self {
        let Some(url) = settings.url() else { return Self::default() };
        let (queue, spans) = mpsc::channel(settings.queue);
        let (flushes, flushed) = mpsc::channel(1);
        let export_counters = ExportCounters::default();
        let exporter = Exporter::new(settings, spans, flushed, export_counters.clone());
        let sender = ExportSender::new(settings, url.clone());
        Arbiter::new().spawn_fn(move || {
            actix::spawn(async move {
                match outbound::client(&url, Reachable::Any) {
                    Ok(client) => exporter.run(&sender.with(client)).await,
                    Err(why) => log::error!(why; "traces cannot be exported"),
                }
                Arbiter::current().stop();
            });
        });
        Self(Some(Arc::new(TracerInner {
            sampler: settings.sampler,
            clock: SpanClock::new(),
            queue,
            flushes,
            export_counters,
        })))
    }

    /// Returns true where spans are made.
    #[must_use]
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Spans by the result of their export; `None` where none are made.
    #[must_use]
    pub(crate) fn export_counters(&self) -> Option<&ExportCounters> {
        self.0.as_deref().map(|inner| &inner.export_counters)
    }

    /// Exports the spans that have ended; waits for that at most 5 s.
    pub(crate) async fn flush(&self) {
        let Some(inner) = self.0.as_deref() else { return };
        let (done, flushed) = oneshot::channel();
        let asked = async {
            if inner.flushes.send(done).await.is_ok() {
                // An exporter that is gone has nothing left.
                let _ = flushed.await;
            }
        };
        if tokio::time::timeout(FLUSH_TIMEOUT, asked).await.is_err() {
            log::warn!("the collector did not take the last spans in time");
        }
    }
}

impl TracerInner {
    pub(super) fn put(&self, span: proto::Span) {
        if self.queue.try_send(span).is_err() && self.export_counters.overflowed.inc() == 0 {
            log::warn!("spans end faster than the collector takes them; some are left out, and counted in /metrics");
        }
    }
}
