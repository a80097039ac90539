//! Traces for an OpenTelemetry collector: spans, and the one thread that sends them.
//!
//! A [`Span`] that ends goes into a bounded queue and never waits; what does not fit is counted. `export` takes it from
//! there, in batches, over OTLP. Where nothing is exported, a span is nothing, and costs a look at whether it is.

mod attribute;
mod clock;
mod export;
mod figures;
mod settings;
mod span;
mod tracer;

pub use figures::Figures;
pub use settings::{Export, Settings};
pub use span::{Kind, Span};
pub use tracer::Tracer;
