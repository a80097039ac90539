//! [`Span`]: one operation within a trace.

use opentelemetry_proto::tonic::{
    common::v1::any_value::Value,
    trace::v1::{self as proto, span::Link, status::StatusCode},
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    model::{SAMPLED, TraceContext},
    policy::payload,
    telemetry::{attribute::attribute, clock::nanos, span_kind::SpanKind, tracer::Tracer},
};

/// Length of an attribute's text, which callers choose; longer ones are cut.
const ATTRIBUTE_BYTES_MAX: usize = 512;

/// One operation within a trace; nothing where no spans are made. Dropped before it was [ended](Span::end), it was
/// cancelled.
#[derive(Debug, Default)]
pub(crate) struct Span(Option<Box<Open>>);

#[derive(Debug)]
struct Open {
    tracer: Tracer,
    context: TraceContext,
    began: Instant,
    /// `None` where the trace is not recorded.
    record: Option<proto::Span>,
}

impl Tracer {
    /// Begins a span, the first of a trace where it has no parent. `name` is called only where the span is recorded.
    #[must_use]
    pub(crate) fn span(&self, kind: SpanKind, parent: Option<TraceContext>, name: impl FnOnce() -> String) -> Span {
        let Some(inner) = self.0.as_deref() else { return Span(None) };
        let trace_id = parent.map_or_else(|| random().max(1), |parent| parent.trace_id);
        let sampled = inner.sampler.samples(parent, trace_id);
        let others = parent.map_or(0, |parent| parent.flags & !SAMPLED);
        let flags = others | if sampled { SAMPLED } else { 0 };
        let context = TraceContext { trace_id, span_id: new_span_id(), flags };
        let (began, start) = inner.clock.now();
        let record = sampled.then(|| proto::Span {
            trace_id: trace_id.to_be_bytes().to_vec(),
            span_id: context.span_id.to_be_bytes().to_vec(),
            parent_span_id: parent.map(|parent| parent.span_id.to_be_bytes().to_vec()).unwrap_or_default(),
            flags: flags.into(),
            name: cut(&name()).to_owned(),
            kind: kind.as_proto().into(),
            start_time_unix_nano: start,
            ..proto::Span::default()
        });
        Span(Some(Box::new(Open { tracer: self.clone(), context, began, record })))
    }
}

impl Span {
    /// The context to propagate; `None` where no spans are made.
    #[must_use]
    pub(crate) fn context(&self) -> Option<TraceContext> {
        self.0.as_ref().map(|open| open.context)
    }

    /// Returns true where attributes are recorded.
    #[must_use]
    pub(crate) fn is_recorded(&self) -> bool {
        self.0.as_ref().is_some_and(|open| open.record.is_some())
    }

    /// Sets an attribute.
    pub(crate) fn text(&mut self, name: &'static str, value: &str) {
        if let Some(record) = self.record() {
            set(record, name, Value::StringValue(cut(value).to_owned()));
        }
    }

    /// Sets an attribute that is a number.
    pub(crate) fn number(&mut self, name: &'static str, value: impl Into<i64>) {
        if let Some(record) = self.record() {
            set(record, name, Value::IntValue(value.into()));
        }
    }

    /// Sets its status to error, and `error.type` to `kind`: a word or a code out of few.
    pub(crate) fn fail(&mut self, kind: &str) {
        self.text("error.type", kind);
        if let Some(record) = self.record() {
            record.status = Some(proto::Status { code: StatusCode::Error.into(), ..proto::Status::default() });
        }
    }

    /// Links it to another span, which is not its parent.
    pub(crate) fn link(&mut self, other: TraceContext) {
        if let Some(record) = self.record() {
            record.links.push(Link {
                trace_id: other.trace_id.to_be_bytes().to_vec(),
                span_id: other.span_id.to_be_bytes().to_vec(),
                flags: other.flags.into(),
                ..Link::default()
            });
        }
    }

    /// Moves its beginning to `moment`.
    pub(crate) fn began_at(&mut self, moment: Instant) {
        let Some(open) = &mut self.0 else { return };
        let began = std::mem::replace(&mut open.began, moment);
        if let Some(record) = &mut open.record {
            let start = record.start_time_unix_nano.saturating_add(nanos(began, moment));
            record.start_time_unix_nano = start.saturating_sub(nanos(moment, began));
        }
    }

    /// Takes the context of another span, which is not exported: others have propagated it already.
    pub(crate) fn known_as(&mut self, context: Option<TraceContext>) {
        if let (Some(open), Some(context)) = (&mut self.0, context) {
            open.context = context;
            if let Some(record) = &mut open.record {
                record.span_id = context.span_id.to_be_bytes().to_vec();
            }
        }
    }

    /// Gives its context to another span, which [takes it](Span::known_as).
    pub(crate) fn give_name(&mut self) -> Option<TraceContext> {
        let given = self.context()?;
        self.known_as(Some(TraceContext { span_id: new_span_id(), ..given }));
        Some(given)
    }

    /// Ends it now.
    pub(crate) fn end(self) {
        self.end_at(Instant::now());
    }

    /// Ends it at `moment`.
    pub(crate) fn end_at(mut self, moment: Instant) {
        self.send(moment);
    }

    fn record(&mut self) -> Option<&mut proto::Span> {
        self.0.as_mut()?.record.as_mut()
    }

    fn send(&mut self, ended: Instant) {
        let Some(open) = self.0.take() else { return };
        if let (Some(mut record), Some(tracer)) = (open.record, open.tracer.0.as_deref()) {
            let lasted = nanos(open.began, ended);
            record.end_time_unix_nano = record.start_time_unix_nano.saturating_add(lasted);
            tracer.put(record);
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if self.0.is_some() {
            self.fail("cancelled");
            self.send(Instant::now());
        }
    }
}

impl SpanKind {
    fn as_proto(self) -> proto::span::SpanKind {
        match self {
            Self::Server => proto::span::SpanKind::Server,
            Self::Client => proto::span::SpanKind::Client,
            Self::Internal => proto::span::SpanKind::Internal,
        }
    }
}

/// Sets an attribute, replacing one of its name.
fn set(record: &mut proto::Span, name: &str, value: Value) {
    record.attributes.retain(|one| one.key != name);
    record.attributes.push(attribute(name, value));
}

fn cut(text: &str) -> &str {
    payload::beginning(text, ATTRIBUTE_BYTES_MAX)
}

/// A number whose bits are all random: those of an identifier are not, but lie elsewhere in the other one.
fn random() -> u128 {
    Uuid::new_v4().as_u128() ^ Uuid::new_v4().as_u128().rotate_left(29)
}

fn new_span_id() -> u64 {
    Uuid::from_u128(random()).as_u64_pair().1.max(1)
}
