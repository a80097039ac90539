//! The settings of how long and how much of the record is kept.

use ostler::policy::retention::Retention;

use crate::cli::{
    config::Config,
    settings::setting::{Setting, SettingType, set},
    show, value,
};

fn of(config: &mut Config) -> &mut Retention {
    &mut config.runtime.retention
}

pub(super) static SETTINGS: &[Setting] = &[
    Setting {
        key: "keep_calls",
        variable: "OSTLER_KEEP_CALLS",
        flag: "keep-calls",
        kind: SettingType::Text,
        help: "Retention of recorded calls, such as 30d or 12h; off: bounded by bytes only",
        put: |config, text| set(&mut of(config).calls_age, value::age(text)),
        show: |config| show::age(config.runtime.retention.calls_age),
    },
    Setting {
        key: "calls_bytes",
        variable: "OSTLER_CALLS_BYTES",
        flag: "calls-bytes",
        kind: SettingType::Whole,
        help: "Budget of recorded calls in bytes, all accounts; beyond it the account with most loses its oldest",
        put: |config, text| set(&mut of(config).calls_bytes, value::whole(text, value::RECORD_BYTES)),
        show: |config| config.runtime.retention.calls_bytes.to_string(),
    },
    Setting {
        key: "calls_bytes_per_user",
        variable: "OSTLER_CALLS_BYTES_PER_USER",
        flag: "calls-bytes-per-user",
        kind: SettingType::Whole,
        help: "Budget of one account's recorded calls in bytes; beyond it its oldest are removed",
        put: |config, text| set(&mut of(config).calls_bytes_per_user, value::whole(text, value::RECORD_BYTES)),
        show: |config| config.runtime.retention.calls_bytes_per_user.to_string(),
    },
    Setting {
        key: "keep_audit",
        variable: "OSTLER_KEEP_AUDIT",
        flag: "keep-audit",
        kind: SettingType::Text,
        help: "Retention of the audit log, such as 365d; off: bounded by bytes only",
        put: |config, text| set(&mut of(config).audit_age, value::age(text)),
        show: |config| show::age(config.runtime.retention.audit_age),
    },
    Setting {
        key: "audit_bytes",
        variable: "OSTLER_AUDIT_BYTES",
        flag: "audit-bytes",
        kind: SettingType::Whole,
        help: "Budget of the audit log in bytes; beyond it its oldest entries are removed",
        put: |config, text| set(&mut of(config).audit_bytes, value::whole(text, value::RECORD_BYTES)),
        show: |config| config.runtime.retention.audit_bytes.to_string(),
    },
    Setting {
        key: "audit_head_file",
        variable: "OSTLER_AUDIT_HEAD_FILE",
        flag: "audit-head-file",
        kind: SettingType::Text,
        help: "File to which the head of the audit log is appended as it grows, where servers cannot write",
        put: |config, text| set(&mut config.runtime.audit_head_file, value::path(text).map(Some)),
        show: |config| config.runtime.audit_head_file.as_deref().map_or_else(|| "none".to_owned(), show::path),
    },
    Setting {
        key: "audit_syslog",
        variable: "OSTLER_AUDIT_SYSLOG",
        flag: "audit-syslog",
        kind: SettingType::Text,
        help: "Syslog server that is sent the head of the audit log: unix:/dev/log, udp:HOST:PORT or tcp:HOST:PORT",
        put: |config, text| set(&mut config.runtime.audit_receivers.syslog, text.parse().map(Some)),
        show: |config| {
            let syslog = config.runtime.audit_receivers.syslog.as_ref();
            syslog.map_or_else(|| "none".to_owned(), ToString::to_string)
        },
    },
    Setting {
        key: "audit_webhook",
        variable: "OSTLER_AUDIT_WEBHOOK",
        flag: "audit-webhook",
        kind: SettingType::Text,
        help: "URL that is sent the head of the audit log, by POST of JSON; keep one with a token out of flags",
        put: |config, text| set(&mut config.runtime.audit_receivers.webhook, value::webhook(text).map(Some)),
        show: |config| show::secret(config.runtime.audit_receivers.webhook.as_ref()),
    },
    Setting {
        key: "audit_webhook_key_file",
        variable: "OSTLER_AUDIT_WEBHOOK_KEY_FILE",
        flag: "audit-webhook-key-file",
        kind: SettingType::Text,
        help: "File with the key that signs what is sent to the webhook",
        put: |config, text| set(&mut config.runtime.audit_receivers.webhook_key_file, value::path(text).map(Some)),
        show: |config| {
            let file = config.runtime.audit_receivers.webhook_key_file.as_deref();
            file.map_or_else(|| "none".to_owned(), show::path)
        },
    },
    Setting {
        key: "keep_payload",
        variable: "OSTLER_KEEP_PAYLOAD",
        flag: "keep-payload",
        kind: SettingType::Whole,
        help: "Bytes recorded of a call's arguments, and of its result; of longer ones the beginning",
        put: |config, text| set(&mut of(config).payload_bytes, value::whole(text, 1024..=1 << 20)),
        show: |config| config.runtime.retention.payload_bytes.to_string(),
    },
];
