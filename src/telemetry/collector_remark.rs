//! [`CollectorRemark`]: what a collector has to say about spans that it took (OTLP, partial success).

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

/// Characters of a collector's message that are kept.
const MESSAGE_CHARS_MAX: usize = 500;

/// A collector's remark about the spans of a batch; mostly there is none.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct CollectorRemark {
    /// Spans that it did not keep, as it says.
    pub(crate) rejected: u64,
    /// Its reason, or a warning where it kept all; empty where it has neither.
    pub(crate) message: String,
}

impl CollectorRemark {
    /// Reads the body of a response. One that cannot be read rejects no span.
    pub(crate) fn read(body: Bytes) -> Self {
        let response = ExportTraceServiceResponse::decode(body).unwrap_or_default();
        let partial = response.partial_success.unwrap_or_default();
        Self {
            rejected: u64::try_from(partial.rejected_spans).unwrap_or(0),
            message: partial.error_message.chars().take(MESSAGE_CHARS_MAX).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;

    use super::*;

    fn response(rejected_spans: i64, error_message: String) -> Vec<u8> {
        let partial_success = Some(ExportTracePartialSuccess { rejected_spans, error_message });
        ExportTraceServiceResponse { partial_success }.encode_to_vec()
    }

    proptest::proptest! {
        #[test]
        fn a_remark_is_read_as_it_was_made(rejected: i64, message: String) {
            let read = CollectorRemark::read(response(rejected, message.clone()).into());
            proptest::prop_assert_eq!(read.rejected, u64::try_from(rejected).unwrap_or(0));
            proptest::prop_assert!(message.starts_with(&read.message));
        }

        #[test]
        fn a_response_of_any_bytes_is_read(body: Vec<u8>, at: proptest::sample::Index, byte: u8) {
            proptest::prop_assert!(CollectorRemark::read(body.into()).message.chars().count() <= MESSAGE_CHARS_MAX);
            let mut near = response(7, "two of them are too old".into());
            let at = at.index(near.len());
            near[at] = byte;
            let _ = CollectorRemark::read(near.into());
        }
    }

    #[test]
    fn a_long_message_is_cut_and_an_empty_body_has_none() {
        let read = CollectorRemark::read(response(0, "\u{e4}".repeat(600)).into());
        assert_eq!(read.message, "\u{e4}".repeat(MESSAGE_CHARS_MAX));
        assert_eq!(CollectorRemark::read(Bytes::new()), CollectorRemark::default());
    }
}
