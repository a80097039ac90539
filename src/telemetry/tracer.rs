//! [`Tracer`]: where spans begin, and the thread behind it.

use std::{sync::Arc, time::Duration};

use actix::Arbiter;
use opentelemetry_proto::tonic::trace::v1 as proto;
use tokio::sync::{mpsc, oneshot};

use crate::{
    policy::sampling::Sampler,
    telemetry::{
        clock::Clock,
        export::{Exporter, Sender},
        figures::Figures,
        settings::Settings,
    },
};

/// How long the end of a program waits for what is left.
const LAST: Duration = Duration::from_secs(5);

/// Where spans begin; cheap to clone. The thread behind it ends with the last one.
#[derive(Clone, Debug, Default)]
pub struct Tracer(pub(super) Option<Arc<Inner>>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) sampler: Sampler,
    pub(super) clock: Clock,
    queue: mpsc::Sender<proto::Span>,
    flushes: mpsc::Sender<oneshot::Sender<()>>,
    figures: Figures,
}

impl Tracer {
    /// Spans go where `settings` say, by the client that `connect` makes on their thread; nowhere where they name no place.
    pub fn start(
        settings: &Settings,
        connect: impl FnOnce(&str) -> Result<awc::Client, String> + Send + 'static,
    ) -> Self {
        let Some(url) = settings.url() else { return Self::default() };
        let (queue, spans) = mpsc::channel(settings.queue);
        let (flushes, flushed) = mpsc::channel(1);
        let figures = Figures::default();
        let exporter = Exporter::new(settings, spans, flushed, figures.clone());
        let sender = Sender::new(settings, url.clone());
        Arbiter::new().spawn_fn(move || {
            actix::spawn(async move {
                match connect(&url) {
                    Ok(client) => exporter.run(&sender.with(client)).await,
                    Err(why) => log::error!(why; "traces cannot be exported"),
                }
                Arbiter::current().stop();
            });
        });
        Self(Some(Arc::new(Inner { sampler: settings.sampler, clock: Clock::new(), queue, flushes, figures })))
    }

    /// Whether spans are made.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// What became of spans so far; `None` where none are made.
    #[must_use]
    pub fn figures(&self) -> Option<&Figures> {
        self.0.as_deref().map(|inner| &inner.figures)
    }

    /// Waits until what has ended is sent, at most five seconds.
    pub async fn flush(&self) {
        let Some(inner) = self.0.as_deref() else { return };
        let (done, flushed) = oneshot::channel();
        let asked = async {
            if inner.flushes.send(done).await.is_ok() {
                // An exporter that is gone has nothing left.
                let _ = flushed.await;
            }
        };
        if tokio::time::timeout(LAST, asked).await.is_err() {
            log::warn!("the collector did not take the last spans in time");
        }
    }
}

impl Inner {
    pub(super) fn put(&self, span: proto::Span) {
        if self.queue.try_send(span).is_err() && self.figures.overflowed.inc() == 0 {
            log::warn!("spans end faster than the collector takes them; some are left out, and counted in /metrics");
        }
    }
}
