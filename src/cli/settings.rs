//! The table of settings: for each its key in the file, its environment variable, its flag, its meaning and its parser.
//!
//! One scheme names all three: a key is the variable in lower case without `OSTLER_`, where `MCP_`, `GATEWAY_` and
//! `RATE_LIMIT_` are tables of the file, and a flag is the key with dashes. So it is with the `OTEL_` variables of
//! OpenTelemetry's specification (`telemetry`).

mod catalogue;
mod limits;
mod rate_limits;
mod retention;
mod secrets;
mod setting;
mod telemetry;

use ostler::model::{LauncherUse, LoadBalancing, Role, SandboxLevel, Serve};

use crate::cli::{show, value};

pub(crate) use setting::{Setting, SettingType};

use setting::set;

/// The one setting that others move: see [`crate::cli::sources`].
pub(crate) const DATABASE_URL: &str = "database_url";

/// The setting with this key.
pub(crate) fn by_key(key: &str) -> Option<&'static Setting> {
    all().find(|setting| setting.key == key)
}

/// The setting with this environment variable.
pub(crate) fn by_variable(name: &str) -> Option<&'static Setting> {
    all().find(|setting| setting.variable == name)
}

/// Every setting, in the order in which help and `check-config` show them.
pub(crate) fn all() -> impl Iterator<Item = &'static Setting> {
    SETTINGS
        .iter()
        .chain(limits::SETTINGS)
        .chain(catalogue::SETTINGS)
        .chain(rate_limits::SETTINGS)
        .chain(retention::SETTINGS)
        .chain(secrets::SETTINGS)
        .chain(telemetry::SETTINGS)
}

static SETTINGS: &[Setting] = &[
    Setting {
        key: "host",
        variable: "OSTLER_HOST",
        flag: "host",
        kind: SettingType::Text,
        help: "IP address to listen on",
        put: |config, text| set(&mut config.http.host, value::address(text)),
        show: |config| config.http.host.to_string(),
    },
    Setting {
        key: "port",
        variable: "OSTLER_PORT",
        flag: "port",
        kind: SettingType::Whole,
        help: "Port to listen on; 0 picks a free one",
        put: |config, text| set(&mut config.http.port, value::whole(text, 0..=65_535)),
        show: |config| config.http.port.to_string(),
    },
    Setting {
        key: "workers",
        variable: "OSTLER_WORKERS",
        flag: "workers",
        kind: SettingType::Whole,
        help: "HTTP worker threads",
        put: |config, text| set(&mut config.http.workers, value::whole(text, 1..=1024).map(Some)),
        show: |config| config.http.workers.map_or_else(|| "one per core".to_owned(), |workers| workers.to_string()),
    },
    Setting {
        key: DATABASE_URL,
        variable: "DATABASE_URL",
        flag: "database-url",
        kind: SettingType::Text,
        help: "Database: sqlite://FILE or postgres://…; keep a password out of flags, which every process list shows",
        put: |config, text| set(&mut config.runtime.database, text.parse()),
        show: |config| config.runtime.database.to_string(),
    },
    Setting {
        key: "data_dir",
        variable: "OSTLER_DATA_DIR",
        flag: "data-dir",
        kind: SettingType::Text,
        help: "Folder of the database, the keys and the first-admin file",
        put: |config, text| set(&mut config.runtime.data_dir, value::path(text)),
        show: |config| show::path(&config.runtime.data_dir),
    },
    Setting {
        key: "servers_user",
        variable: "OSTLER_SERVERS_USER",
        flag: "servers-user",
        kind: SettingType::Text,
        help: "User that contained servers run as, where Ostler runs as root; by default Ostler's own",
        put: |config, text| set(&mut config.runtime.servers_user, Ok::<_, String>(Some(text.to_owned()))),
        show: |config| config.runtime.servers_user.clone().unwrap_or_else(|| "Ostler's own".to_owned()),
    },
    Setting {
        key: "admin_email",
        variable: "OSTLER_ADMIN_EMAIL",
        flag: "admin-email",
        kind: SettingType::Text,
        help: "Address of the first admin; used only while no user exists",
        put: |config, text| set(&mut config.runtime.admin_email, value::email(text)),
        show: |config| config.runtime.admin_email.clone(),
    },
    Setting {
        key: "admin_password",
        variable: "OSTLER_ADMIN_PASSWORD",
        flag: "admin-password",
        kind: SettingType::Text,
        help: "Password of the first admin, random by default; keep it out of flags, which every process list shows",
        put: |config, text| set(&mut config.runtime.admin_password, value::password(text).map(Some)),
        show: |config| show::secret(config.runtime.admin_password.as_ref()),
    },
    Setting {
        key: "secret_key",
        variable: "OSTLER_SECRET_KEY",
        flag: "secret-key",
        kind: SettingType::Text,
        help: "Key that signs tokens and encrypts secrets at rest; by default generated and stored in the data folder; keep it out of flags",
        put: |config, text| set(&mut config.runtime.secret_key, value::secret_key(text).map(Some)),
        show: |config| show::secret(config.runtime.secret_key.as_ref()),
    },
    Setting {
        key: "allowed_hosts",
        variable: "OSTLER_ALLOWED_HOSTS",
        flag: "allowed-hosts",
        kind: SettingType::List,
        help: "Host names accepted in the Host header, besides loopback ones",
        put: |config, text| set(&mut config.http.allowed_hosts, value::list(text, value::host_name)),
        show: |config| show::list(&config.http.allowed_hosts, "loopback names only"),
    },
    Setting {
        key: "allowed_origins",
        variable: "OSTLER_ALLOWED_ORIGINS",
        flag: "allowed-origins",
        kind: SettingType::List,
        help: "Origins of web pages that may call, besides Ostler's own",
        put: |config, text| set(&mut config.http.allowed_origins, value::list(text, value::origin)),
        show: |config| show::list(&config.http.allowed_origins, "our own only"),
    },
    Setting {
        key: "trusted_proxies",
        variable: "OSTLER_TRUSTED_PROXIES",
        flag: "trusted-proxies",
        kind: SettingType::List,
        help: "IP addresses and networks of the proxies whose Forwarded and X-Forwarded-… are trusted",
        put: |config, text| set(&mut config.http.trusted_proxies, value::list(text, value::network)),
        show: |config| show::networks(&config.http.trusted_proxies),
    },
    Setting {
        key: "oauth_issuer",
        variable: "OSTLER_OAUTH_ISSUER",
        flag: "oauth-issuer",
        kind: SettingType::Text,
        help: "URL of an OAuth issuer whose access tokens are accepted",
        put: |config, text| set(&mut config.runtime.oauth.issuer, value::issuer(text).map(Some)),
        show: |config| show::text(config.runtime.oauth.issuer.as_deref()),
    },
    Setting {
        key: "public_url",
        variable: "OSTLER_PUBLIC_URL",
        flag: "public-url",
        kind: SettingType::Text,
        help: "Public URL of Ostler, to which browsers return from an OAuth authorization",
        put: |config, text| set(&mut config.runtime.oauth.public_url, value::issuer(text).map(Some)),
        show: |config| show::text(config.runtime.oauth.public_url.as_deref()),
    },
    Setting {
        key: "client_metadata_url",
        variable: "OSTLER_CLIENT_METADATA_URL",
        flag: "client-metadata-url",
        kind: SettingType::Text,
        help: "OAuth client id, a URL; by default /oauth/client.json below an https public URL",
        put: |config, text| set(&mut config.runtime.oauth.client_metadata_url, value::issuer(text).map(Some)),
        show: |config| show::text(config.runtime.oauth.client_metadata_url.as_deref()),
    },
    Setting {
        key: "oauth_audience",
        variable: "OSTLER_OAUTH_AUDIENCE",
        flag: "oauth-audience",
        kind: SettingType::Text,
        help: "Audience that tokens of the issuer must have: best the URL of /mcp that clients use; by default the one listened on",
        put: |config, text| set(&mut config.runtime.oauth.audience, value::text(text).map(Some)),
        show: |config| show::text(config.runtime.oauth.audience.as_deref()),
    },
    Setting {
        key: "oauth_role_claim",
        variable: "OSTLER_OAUTH_ROLE_CLAIM",
        flag: "oauth-role-claim",
        kind: SettingType::Text,
        help: "Claim of a token with roles; dots enter objects, as in realm_access.roles",
        put: |config, text| set(&mut config.runtime.oauth.role_claim, value::text(text)),
        show: |config| config.runtime.oauth.role_claim.clone(),
    },
    Setting {
        key: "oauth_default_role",
        variable: "OSTLER_OAUTH_DEFAULT_ROLE",
        flag: "oauth-default-role",
        kind: SettingType::Text,
        help: "Role of token holders without an account or a role in the token: admin, developer, executor or viewer; without it they are refused",
        put: |config, text| set(&mut config.runtime.oauth.default_role, value::one_of(text, &Role::ALL).map(Some)),
        show: |config| {
            config.runtime.oauth.default_role.map_or("none".to_owned(), |role| value::name_of(role, &Role::ALL))
        },
    },
    Setting {
        key: "serve",
        variable: "OSTLER_SERVE",
        flag: "serve",
        kind: SettingType::Text,
        help: "Parts to run: all, gateway or mcp",
        put: |config, text| set(&mut config.runtime.serve, value::one_of(text, &Serve::ALL)),
        show: |config| value::name_of(config.runtime.serve, &Serve::ALL),
    },
    Setting {
        key: "mcp.servers_dir",
        variable: "MCP_SERVERS_DIR",
        flag: "mcp-servers-dir",
        kind: SettingType::Text,
        help: "Folder of the servers' own folders, each one's home and working directory",
        put: |config, text| set(&mut config.runtime.servers_dir, value::path(text)),
        show: |config| show::path(&config.runtime.servers_dir),
    },
    Setting {
        key: "mcp.health_check_interval",
        variable: "MCP_HEALTH_CHECK_INTERVAL",
        flag: "mcp-health-check-interval",
        kind: SettingType::Whole,
        help: "Milliseconds between health ticks",
        put: |config, text| set(&mut config.runtime.health_check_interval, value::milliseconds(text)),
        show: |config| show::milliseconds(config.runtime.health_check_interval),
    },
    Setting {
        key: "mcp.auto_restart",
        variable: "MCP_AUTO_RESTART",
        flag: "mcp-auto-restart",
        kind: SettingType::Switch,
        help: "Restarts a server after an unexpected exit",
        put: |config, text| set(&mut config.runtime.restart.auto_restart, value::switch(text)),
        show: |config| config.runtime.restart.auto_restart.to_string(),
    },
    Setting {
        key: "mcp.max_retries",
        variable: "MCP_MAX_RETRIES",
        flag: "mcp-max-retries",
        kind: SettingType::Whole,
        help: "Consecutive failed restarts before ERROR; 0: unlimited",
        put: |config, text| set(&mut config.runtime.restart.max_retries, value::whole(text, 0..=1_000_000)),
        show: |config| config.runtime.restart.max_retries.to_string(),
    },
    Setting {
        key: "mcp.start_timeout_ms",
        variable: "MCP_START_TIMEOUT_MS",
        flag: "mcp-start-timeout-ms",
        kind: SettingType::Whole,
        help: "Milliseconds that a server may take to become ready, unless it names its own; launchers such as npx get three times that",
        put: |config, text| set(&mut config.runtime.start_timeout, value::milliseconds(text)),
        show: |config| show::milliseconds(config.runtime.start_timeout),
    },
    Setting {
        key: "mcp.call_timeout_ms",
        variable: "MCP_CALL_TIMEOUT_MS",
        flag: "mcp-call-timeout-ms",
        kind: SettingType::Whole,
        help: "Default deadline of a tool call, in milliseconds",
        put: |config, text| set(&mut config.runtime.call_timeout, value::milliseconds(text)),
        show: |config| show::milliseconds(config.runtime.call_timeout),
    },
    Setting {
        key: "mcp.allowed_commands",
        variable: "MCP_ALLOWED_COMMANDS",
        flag: "mcp-allowed-commands",
        kind: SettingType::List,
        help: "Command lines that callers without mcp:manage may register: patterns such as `npx -y @scope/name*` or `/opt/mcp/*`, after the variables that they may set, such as `TZ=`; a single * allows all",
        put: |config, text| set(&mut config.runtime.servers.allowed_commands, text.parse()),
        show: |config| config.runtime.servers.allowed_commands.to_string(),
    },
    Setting {
        key: "mcp.allowed_variables",
        variable: "MCP_ALLOWED_VARIABLES",
        flag: "mcp-allowed-variables",
        kind: SettingType::List,
        help: "Variables that servers may be given though they can make programs run other code, such as PYTHONPATH",
        put: |config, text| set(&mut config.runtime.servers.allowed_variables, text.parse()),
        show: |config| config.runtime.servers.allowed_variables.to_string(),
    },
    Setting {
        key: "mcp.sandbox",
        variable: "MCP_SANDBOX",
        flag: "mcp-sandbox",
        kind: SettingType::Text,
        help: "Containment of servers that name none: none, standard or strict",
        put: |config, text| set(&mut config.runtime.servers.sandbox, value::one_of(text, &SandboxLevel::ALL)),
        show: |config| value::name_of(config.runtime.servers.sandbox, &SandboxLevel::ALL),
    },
    Setting {
        key: "mcp.launchers",
        variable: "MCP_LAUNCHERS",
        flag: "mcp-launchers",
        kind: SettingType::Text,
        help: "npx, uvx and the like: keep (run them), replace (install their packages once, run the programs directly), or follow (replace, and update)",
        put: |config, text| set(&mut config.runtime.servers.launchers, value::one_of(text, &LauncherUse::ALL)),
        show: |config| value::name_of(config.runtime.servers.launchers, &LauncherUse::ALL),
    },
    Setting {
        key: "mcp.install_scripts",
        variable: "MCP_INSTALL_SCRIPTS",
        flag: "mcp-install-scripts",
        kind: SettingType::List,
        help: "Packages of npm whose install scripts are run when they are installed: names with commas between",
        put: |config, text| set(&mut config.runtime.servers.install_scripts, value::list(text, value::npm_package)),
        show: |config| config.runtime.servers.install_scripts.join(","),
    },
    Setting {
        key: "mcp.package_update_interval",
        variable: "MCP_PACKAGE_UPDATE_INTERVAL",
        flag: "mcp-package-update-interval",
        kind: SettingType::Whole,
        help: "Milliseconds between looks for newer versions of packages that servers follow",
        put: |config, text| set(&mut config.runtime.servers.package_update_interval, value::milliseconds(text)),
        show: |config| show::milliseconds(config.runtime.servers.package_update_interval),
    },
    Setting {
        key: "mcp.log_bytes",
        variable: "MCP_LOG_BYTES",
        flag: "mcp-log-bytes",
        kind: SettingType::Whole,
        help: "Budget of all servers' timelines (standard error, events, calls) on disk, in bytes; 0: none",
        put: |config, text| set(&mut config.runtime.log_bytes, value::log_bytes(text)),
        show: |config| config.runtime.log_bytes.to_string(),
    },
    Setting {
        key: "mcp.private_addresses",
        variable: "MCP_PRIVATE_ADDRESSES",
        flag: "mcp-private-addresses",
        kind: SettingType::Switch,
        help: "Allows remote servers at addresses that are not public: private networks, this machine",
        put: |config, text| set(&mut config.runtime.private_addresses, value::switch(text)),
        show: |config| config.runtime.private_addresses.to_string(),
    },
    Setting {
        key: "gateway.health_check_interval",
        variable: "GATEWAY_HEALTH_CHECK_INTERVAL",
        flag: "gateway-health-check-interval",
        kind: SettingType::Whole,
        help: "Milliseconds between health checks of a service's instances",
        put: |config, text| set(&mut config.runtime.gateway.health_check_interval, value::milliseconds(text)),
        show: |config| show::milliseconds(config.runtime.gateway.health_check_interval),
    },
    Setting {
        key: "gateway.timeout_ms",
        variable: "GATEWAY_TIMEOUT_MS",
        flag: "gateway-timeout-ms",
        kind: SettingType::Whole,
        help: "Default timeout of a service's instances, in milliseconds",
        put: |config, text| set(&mut config.runtime.gateway.timeout, value::milliseconds(text)),
        show: |config| show::milliseconds(config.runtime.gateway.timeout),
    },
    Setting {
        key: "gateway.load_balancing",
        variable: "GATEWAY_LOAD_BALANCING",
        flag: "gateway-load-balancing",
        kind: SettingType::Text,
        help: "Default load balancing of services: round-robin, least-connections or weighted",
        put: |config, text| set(&mut config.runtime.gateway.load_balancing, value::one_of(text, &LoadBalancing::ALL)),
        show: |config| value::name_of(config.runtime.gateway.load_balancing, &LoadBalancing::ALL),
    },
    Setting {
        key: "log",
        variable: "RUST_LOG",
        flag: "log",
        kind: SettingType::Text,
        help: "Log level: off, error, warn, info, debug or trace, also per module as in info,ostler::store=debug",
        put: |config, text| set(&mut config.log.filter, value::log_filter(text)),
        show: |config| config.log.filter.clone(),
    },
    Setting {
        key: "log_format",
        variable: "OSTLER_LOG_FORMAT",
        flag: "log-format",
        kind: SettingType::Text,
        help: "Log format: text or json",
        put: |config, text| set(&mut config.log.format, value::one_of(text, value::LOG_FORMAT)),
        show: |config| value::name_of(config.log.format, value::LOG_FORMAT),
    },
];
