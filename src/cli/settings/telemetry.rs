//! The settings of traces: those variables of OpenTelemetry's specification that Ostler knows.

use ostler::telemetry::TelemetrySettings;

use crate::cli::{
    config::Config,
    settings::setting::{Setting, SettingType, set},
    show,
    value::{self, telemetry as otel},
};

fn of(config: &mut Config) -> &mut TelemetrySettings {
    &mut config.runtime.telemetry
}

pub(super) static SETTINGS: &[Setting] = &[
    Setting {
        key: "otel.sdk_disabled",
        variable: "OTEL_SDK_DISABLED",
        flag: "otel-sdk-disabled",
        kind: SettingType::Switch,
        help: "Disables the export, regardless of the other settings",
        put: |config, text| set(&mut of(config).disabled, value::switch(text)),
        show: |config| config.runtime.telemetry.disabled.to_string(),
    },
    Setting {
        key: "otel.traces_exporter",
        variable: "OTEL_TRACES_EXPORTER",
        flag: "otel-traces-exporter",
        kind: SettingType::Text,
        help: "Exporter of spans: otlp or none",
        put: |config, text| set(&mut of(config).exporter, value::one_of(text, otel::EXPORTERS)),
        show: |config| value::name_of(config.runtime.telemetry.exporter, otel::EXPORTERS),
    },
    Setting {
        key: "otel.exporter_otlp_endpoint",
        variable: "OTEL_EXPORTER_OTLP_ENDPOINT",
        flag: "otel-exporter-otlp-endpoint",
        kind: SettingType::Text,
        help: "URL of a collector; traces go to v1/traces below it; without one, nothing is exported",
        put: |config, text| set(&mut of(config).endpoint, otel::url(text).map(Some)),
        show: |config| show::text(config.runtime.telemetry.endpoint.as_deref()),
    },
    Setting {
        key: "otel.exporter_otlp_traces_endpoint",
        variable: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        flag: "otel-exporter-otlp-traces-endpoint",
        kind: SettingType::Text,
        help: "URL of the traces endpoint, used as it is; overrides the general endpoint",
        put: |config, text| set(&mut of(config).traces_endpoint, otel::url(text).map(Some)),
        show: |config| show::text(config.runtime.telemetry.traces_endpoint.as_deref()),
    },
    Setting {
        key: "otel.exporter_otlp_headers",
        variable: "OTEL_EXPORTER_OTLP_HEADERS",
        flag: "otel-exporter-otlp-headers",
        kind: SettingType::Text,
        help: "Headers of requests to the collector, as name=value,…; keep keys out of flags",
        put: |config, text| set(&mut of(config).headers, otel::headers(text)),
        show: |config| otel::show_headers(&config.runtime.telemetry.headers),
    },
    Setting {
        key: "otel.exporter_otlp_traces_headers",
        variable: "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
        flag: "otel-exporter-otlp-traces-headers",
        kind: SettingType::Text,
        help: "Headers of requests with traces; overrides the general ones",
        put: |config, text| set(&mut of(config).traces_headers, otel::headers(text)),
        show: |config| otel::show_headers(&config.runtime.telemetry.traces_headers),
    },
    Setting {
        key: "otel.exporter_otlp_protocol",
        variable: "OTEL_EXPORTER_OTLP_PROTOCOL",
        flag: "otel-exporter-otlp-protocol",
        kind: SettingType::Text,
        help: "Protocol of the export: only http/protobuf",
        put: |_, text| otel::protocol(text),
        show: |_| otel::PROTOCOL.to_owned(),
    },
    Setting {
        key: "otel.exporter_otlp_traces_protocol",
        variable: "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        flag: "otel-exporter-otlp-traces-protocol",
        kind: SettingType::Text,
        help: "Protocol of the export of traces; overrides the general one",
        put: |_, text| otel::protocol(text),
        show: |_| otel::PROTOCOL.to_owned(),
    },
    Setting {
        key: "otel.exporter_otlp_timeout",
        variable: "OTEL_EXPORTER_OTLP_TIMEOUT",
        flag: "otel-exporter-otlp-timeout",
        kind: SettingType::Whole,
        help: "Timeout of an export, in milliseconds",
        put: |config, text| set(&mut of(config).timeout, value::milliseconds(text)),
        show: |config| show::milliseconds(config.runtime.telemetry.timeout),
    },
    Setting {
        key: "otel.bsp_schedule_delay",
        variable: "OTEL_BSP_SCHEDULE_DELAY",
        flag: "otel-bsp-schedule-delay",
        kind: SettingType::Whole,
        help: "Delay between two exports of a batch, in milliseconds",
        put: |config, text| set(&mut of(config).delay, value::milliseconds(text)),
        show: |config| show::milliseconds(config.runtime.telemetry.delay),
    },
    Setting {
        key: "otel.bsp_max_queue_size",
        variable: "OTEL_BSP_MAX_QUEUE_SIZE",
        flag: "otel-bsp-max-queue-size",
        kind: SettingType::Whole,
        help: "Length of the queue of spans; spans beyond it are dropped and counted",
        put: |config, text| set(&mut of(config).queue, value::whole(text, 1..=1_000_000)),
        show: |config| config.runtime.telemetry.queue.to_string(),
    },
    Setting {
        key: "otel.traces_sampler",
        variable: "OTEL_TRACES_SAMPLER",
        flag: "otel-traces-sampler",
        kind: SettingType::Text,
        help: "Sampler: always_on, always_off, traceidratio, or one of these after parentbased_, where callers decide first",
        put: |config, text| {
            let before = of(config).sampler;
            set(&mut of(config).sampler, otel::sampler(text, before))
        },
        show: |config| otel::show_sampler(config.runtime.telemetry.sampler),
    },
    Setting {
        key: "otel.traces_sampler_arg",
        variable: "OTEL_TRACES_SAMPLER_ARG",
        flag: "otel-traces-sampler-arg",
        kind: SettingType::Text,
        help: "Sampling probability of traceidratio, from 0 to 1",
        put: |config, text| set(&mut of(config).sampler.ratio, otel::ratio(text)),
        show: |config| config.runtime.telemetry.sampler.ratio.to_string(),
    },
    Setting {
        key: "otel.service_name",
        variable: "OTEL_SERVICE_NAME",
        flag: "otel-service-name",
        kind: SettingType::Text,
        help: "Service name in traces",
        put: |config, text| set(&mut of(config).service_name, value::text(text).map(Some)),
        show: |config| config.runtime.telemetry.service_name.clone().unwrap_or_else(|| "ostler".to_owned()),
    },
    Setting {
        key: "otel.resource_attributes",
        variable: "OTEL_RESOURCE_ATTRIBUTES",
        flag: "otel-resource-attributes",
        kind: SettingType::Text,
        help: "Further resource attributes, as name=value,…",
        put: |config, text| set(&mut of(config).resource, otel::pairs(text)),
        show: |config| show::list(&otel::show_pairs(&config.runtime.telemetry.resource), "none"),
    },
];
