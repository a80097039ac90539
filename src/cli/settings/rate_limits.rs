//! The settings of how often one user may do something.

use crate::cli::{
    settings::setting::{Setting, SettingType, set},
    show, value,
};

pub(super) static SETTINGS: &[Setting] = &[
    Setting {
        key: "rate_limit.server_create",
        variable: "RATE_LIMIT_SERVER_CREATE",
        flag: "rate-limit-server-create",
        kind: SettingType::Text,
        help: "Servers that one user may create, such as 5/300s, or off",
        put: |config, text| set(&mut config.runtime.limits.server_create, value::limit(text)),
        show: |config| show::limit(config.runtime.limits.server_create),
    },
    Setting {
        key: "rate_limit.tool_execute",
        variable: "RATE_LIMIT_TOOL_EXECUTE",
        flag: "rate-limit-tool-execute",
        kind: SettingType::Text,
        help: "Tools that one user may call, such as 20/60s, or off",
        put: |config, text| set(&mut config.runtime.limits.tool_execute, value::limit(text)),
        show: |config| show::limit(config.runtime.limits.tool_execute),
    },
    Setting {
        key: "rate_limit.api",
        variable: "RATE_LIMIT_API",
        flag: "rate-limit-api",
        kind: SettingType::Text,
        help: "API requests that one user may make, such as 100/60s, or off",
        put: |config, text| set(&mut config.runtime.limits.api, value::limit(text)),
        show: |config| show::limit(config.runtime.limits.api),
    },
    Setting {
        key: "rate_limit.change",
        variable: "RATE_LIMIT_CHANGE",
        flag: "rate-limit-change",
        kind: SettingType::Text,
        help: "Changes that one user may make, such as 1000/24h, or off",
        put: |config, text| set(&mut config.runtime.limits.change, value::limit(text)),
        show: |config| show::limit(config.runtime.limits.change),
    },
];
