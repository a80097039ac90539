//! An OpenTelemetry collector that keeps the spans it is sent, as the official types of the protocol read them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use prost::Message;

use super::{
    Setup, eventually,
    upstream::{Seen, Then, Upstream, ok},
    wire::Wire,
};

/// A span that arrived; ids as they are written in hexadecimal.
#[derive(Clone, Debug)]
pub struct Got {
    pub name: String,
    pub kind: SpanKind,
    pub trace: String,
    pub id: String,
    pub parent: String,
    pub links: Vec<String>,
    pub is_error: bool,
    pub start: u64,
    pub end: u64,
    pub attributes: BTreeMap<String, String>,
    pub resource: BTreeMap<String, String>,
}

impl Got {
    /// What is said of it by this name; nothing is empty.
    pub fn says(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    /// Claims that this is said of it.
    #[track_caller]
    pub fn has(&self, said: &[(&str, &str)]) -> &Self {
        for (name, value) in said {
            assert_eq!(self.says(name), *value, "{name} of {self:#?}");
        }
        self
    }

    /// Claims that it was made within another one.
    #[track_caller]
    pub fn is_in(&self, parent: &Self) -> &Self {
        assert_eq!((&self.trace, &self.parent), (&parent.trace, &parent.id), "{self:#?}\nis not in\n{parent:#?}");
        assert!(self.start >= parent.start, "{self:#?}\nbegan before\n{parent:#?}");
        self
    }

    /// As others refer to it.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-01", self.trace, self.id)
    }
}

/// A collector; it stops listening when the test lets go of it.
pub struct Collector {
    pub upstream: Upstream,
    spans: Arc<Mutex<Vec<Got>>>,
}

impl Collector {
    pub fn start() -> Self {
        Self::answering(|_, wire| {
            wire.send(ok(""));
            Then::Keep
        })
    }

    /// One that answers its requests, which are counted from 1, like this.
    pub fn answering(answer: impl Fn(usize, &mut Wire) -> Then + Send + Sync + 'static) -> Self {
        let spans = Arc::<Mutex<Vec<Got>>>::default();
        let (kept, count) = (Arc::clone(&spans), AtomicUsize::new(0));
        let upstream = Upstream::start(move |seen: &Seen, wire: &mut Wire| {
            let (body, _) = wire.body_of(&seen.headers);
            let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
            kept.lock().unwrap().extend(spans_of(request));
            answer(count.fetch_add(1, Ordering::SeqCst) + 1, wire)
        });
        Self { upstream, spans }
    }

    /// The settings of an Ostler that sends here, at once.
    pub fn setup(&self) -> Setup {
        Setup::new()
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://127.0.0.1:{}", self.upstream.port()))
            .env("OTEL_BSP_SCHEDULE_DELAY", "10")
    }

    /// Every span that arrived, in order.
    pub fn spans(&self) -> Vec<Got> {
        self.spans.lock().unwrap().clone()
    }

    /// Waits for a span of this name and kind.
    #[track_caller]
    pub fn span(&self, name: &str, kind: SpanKind) -> Got {
        self.span_where(&format!("{kind:?} {name}"), |one| one.name == name && one.kind == kind)
    }

    #[track_caller]
    pub fn span_where(&self, what: &str, wanted: impl Fn(&Got) -> bool) -> Got {
        let names = || self.spans().into_iter().map(|one| format!("{:?} {}", one.kind, one.name)).collect::<Vec<_>>();
        let mut tries = 0;
        eventually(what, || {
            tries += 1;
            if tries % 300 == 0 {
                eprintln!("no {what} among {:?}", names());
            }
            self.spans().into_iter().find(&wanted)
        })
    }
}

fn spans_of(request: ExportTraceServiceRequest) -> Vec<Got> {
    let mut all = Vec::new();
    for group in request.resource_spans {
        let resource = said(group.resource.unwrap().attributes);
        let spans = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
        all.extend(spans.map(|span| got(span, resource.clone())));
    }
    all
}

fn got(span: Span, resource: BTreeMap<String, String>) -> Got {
    Got {
        kind: span.kind(),
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        links: span.links.iter().map(|link| hex(&link.span_id)).collect(),
        is_error: span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error),
        start: span.start_time_unix_nano,
        end: span.end_time_unix_nano,
        name: span.name,
        attributes: said(span.attributes),
        resource,
    }
}

fn said(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value| match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(_)
        | Value::DoubleValue(_)
        | Value::ArrayValue(_)
        | Value::KvlistValue(_)
        | Value::BytesValue(_)
        | Value::StringValueStrindex(_) => panic!("{value:?}"),
    };
    attributes.into_iter().map(|one| (one.key, text(one.value.unwrap().value.unwrap()))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
