//! Configuration: four sources in order, every fault of all of them at once, and nothing started while there is one.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// An empty folder to run the program in, removed afterwards.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("config-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(self, text: &str) -> Self {
        std::fs::write(self.0.join("ostler.toml"), text).unwrap();
        self
    }

    /// Runs the program with this environment and these words.
    fn run(&self, environment: &[(&str, &str)], words: &str) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ostler"));
        command.env_clear().envs(environment.iter().copied()).args(words.split_whitespace()).current_dir(&self.0);
        Ran(command.output().unwrap())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Ran(Output);

impl Ran {
    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.0.status.code(), Some(code), "{}{}", self.out(), self.err());
        self
    }

    fn out(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    fn err(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// Claims that `key` has this value from this origin in the table of `check-config`.
    #[track_caller]
    fn shows(&self, key: &str, value: &str, origin: &str) {
        let table = self.out();
        let row = table.lines().find(|line| line.split_whitespace().next() == Some(key));
        let row = row.unwrap_or_else(|| panic!("no {key} in\n{table}"));
        let rest = row[key.len()..].trim();
        assert!(rest.starts_with(value) && rest.ends_with(origin), "{row}");
    }
}

#[test]
fn every_fault_of_every_source_is_listed_at_once_with_its_key_and_origin() {
    let file = "port = \"3010\"\nprot = 1\nlog_format = \"xml\"\nmcp = 5\n\n[gateway]\nload_balancing = \"random\"\n[nobody]\nx = 1\n";
    let place = Place::new().file(file);
    let environment = [
        ("MCP_MAX_RETRIES", "many"),
        ("MCP_MAX_RETRY", "3"),
        ("OSTLER_DATABASE_URL", "sqlite://x"),
        ("DATABASE_URL", "mysql://x"),
        ("RATE_LIMIT_API", "lots"),
        ("OSTLER_SECRET_KEY", "hunter2"),
    ];
    let ran = place.run(&environment, "serve --config ostler.toml --mcp-auto-restart perhaps").exits(64);
    let expected = [
        "13 faults",
        "port (ostler.toml:1): must be an integer; found a string",
        "prot (ostler.toml:2): is no setting of Ostler (did you mean port?)",
        "log_format (ostler.toml:3): \"xml\" is none of text, json",
        "mcp (ostler.toml:4): must be a table",
        "gateway.load_balancing (ostler.toml:7): \"random\" is none of round-robin, least-connections, weighted",
        "nobody (ostler.toml:8): is no setting",
        "mcp.max_retries (environment variable MCP_MAX_RETRIES): \"many\" is no whole number",
        "environment variable MCP_MAX_RETRY: is no setting of Ostler (did you mean MCP_MAX_RETRIES?)",
        "environment variable OSTLER_DATABASE_URL: is no setting of Ostler (did you mean DATABASE_URL?)",
        "database_url (environment variable DATABASE_URL): expected sqlite://",
        "rate_limit.api (environment variable RATE_LIMIT_API): must",
        "secret_key (environment variable OSTLER_SECRET_KEY): must be at least 32 bytes",
        "mcp.auto_restart (flag --mcp-auto-restart): \"perhaps\" is neither true nor false",
    ];
    for line in expected {
        assert!(ran.err().contains(line), "no {line:?} in\n{}", ran.err());
    }
    assert!(!ran.err().contains("hunter2"), "a secret was repeated");
    assert_eq!(ran.out(), "", "it must not listen");
    assert_eq!(std::fs::read_dir(&place.0).unwrap().count(), 1, "it must not make files");
}

#[test]
fn a_key_that_serve_would_refuse_is_refused_by_check_config() {
    for weak in ["hunter2", "changeme-changeme-changeme-changeme", "your-super-secret-jwt-key-change-in-production"] {
        for command in ["check-config", "serve", "migrate"] {
            let ran = Place::new().run(&[("OSTLER_SECRET_KEY", weak)], command).exits(64);
            assert!(ran.err().contains("secret_key (environment variable OSTLER_SECRET_KEY)"), "{}", ran.err());
            assert!(!ran.err().contains(weak), "a secret was repeated");
        }
    }
}

#[test]
fn the_file_beats_defaults_the_environment_beats_the_file_and_flags_beat_all() {
    let place = Place::new()
        .file("port = 1\nworkers = 1\nallowed_hosts = [\"a.example\", \"b.example\"]\n[mcp]\nmax_retries = 1\n");
    let environment = [("OSTLER_PORT", "2"), ("OSTLER_WORKERS", "2")];
    let ran = place.run(&environment, "check-config --config ostler.toml --port 3").exits(0);
    ran.shows("port", "3", "flag --port");
    ran.shows("workers", "2", "environment variable OSTLER_WORKERS");
    ran.shows("mcp.max_retries", "1", "ostler.toml:5");
    ran.shows("allowed_hosts", "a.example,b.example", "ostler.toml:3");
    ran.shows("host", "127.0.0.1", "default");
}

/// Every setting, each with another value than its default.
const EVERYTHING: &str = r#"
host = "::1"
port = 0
workers = 3
database_url = "postgres://ann:s3cret@db/x"
data_dir = "d"
servers_user = "mcp"
admin_email = "ann@example.org"
admin_password = "correct horse battery"
secret_key = "Zm9ydHktdHdvIGhvcnNlcyBpbiB0aGUgc3RhYmxl"
allowed_hosts = "a.example, b.example"
allowed_origins = ["https://team.example"]
trusted_proxies = ["10.0.0.1"]
oauth_issuer = "https://id.example/a"
oauth_audience = "https://ostler.example/mcp"
oauth_role_claim = "groups"
oauth_default_role = "viewer"
public_url = "https://ostler.example"
client_metadata_url = "https://team.example/ostler.json"
serve = "gateway"
log = "warn,ostler=debug"
log_format = "json"
keep_calls = "12h"
calls_bytes = 2097152
calls_bytes_per_user = 1048576
keep_audit = "off"
audit_bytes = 2097152
audit_head_file = "/var/log/ostler-heads"
keep_payload = 1024
audit_syslog = "udp:10.0.0.1:514"
audit_webhook = "https://hooks.example/s3cret"
audit_webhook_key_file = "/etc/ostler/hook.key"
secret_folders = ["/run/secrets/", "/etc/tokens"]
secret_variables = ["GITHUB_TOKEN"]
secret_commands = ["vault=/usr/bin/vault kv get", "pass=/usr/bin/pass"]
[mcp]
servers_dir = "s"
health_check_interval = 1000
auto_restart = false
max_retries = 0
call_timeout_ms = 1000
start_timeout_ms = 1000
allowed_commands = ["npx -y @scope/name*", "/opt/mcp/*"]
private_addresses = true
log_bytes = 1048576
allowed_variables = ["PYTHONPATH", "BROWSER"]
sandbox = "none"
launchers = "replace"
install_scripts = ["sqlite3", "@scope/native"]
package_update_interval = 3600000
catalogues = ["company=/etc/ostler/catalogue/", "team=https://catalogue.team.example/v0.1/servers"]
catalogue_tokens = ["team=s3cret"]
published_as = "team@example.org"
memory_mb = 1000
processes = 100
cpu_percent = 150
open_files = 2000
disk_mb = 3000
[gateway]
health_check_interval = 1000
timeout_ms = 1000
load_balancing = "weighted"
[rate_limit]
server_create = "off"
tool_execute = "10/1m"
api = "1000/500ms"
change = "100/1h"
[otel]
sdk_disabled = true
traces_exporter = "none"
exporter_otlp_endpoint = "https://otel.example"
exporter_otlp_traces_endpoint = "https://otel.example/traces"
exporter_otlp_headers = "api-key=s3cret"
exporter_otlp_traces_headers = "api-key=s3cret,x=y"
exporter_otlp_protocol = "http/protobuf"
exporter_otlp_traces_protocol = "http/protobuf"
exporter_otlp_timeout = 1000
bsp_schedule_delay = 1000
bsp_max_queue_size = 100
traces_sampler = "parentbased_traceidratio"
traces_sampler_arg = "0.1"
service_name = "inn"
resource_attributes = "deployment.environment.name=test"
"#;

#[test]
fn every_setting_can_be_set_in_the_file() {
    let ran = Place::new().file(EVERYTHING).run(&[], "check-config --config ostler.toml").exits(0);
    let unset: Vec<_> = ran.out().lines().filter(|line| line.ends_with("default")).map(str::to_owned).collect();
    assert!(unset.is_empty(), "{unset:#?}");
    ran.shows("mcp.allowed_commands", "npx -y @scope/name*,/opt/mcp/*", "ostler.toml:43");
    ran.shows("rate_limit.tool_execute", "10/60s", "ostler.toml:65");
    ran.shows("otel.exporter_otlp_traces_headers", "api-key=***,x=***", "ostler.toml:74");
    ran.shows("secret_folders", "/run/secrets,/etc/tokens", "ostler.toml:33");
    ran.shows("secret_commands", "pass=/usr/bin/pass,vault=/usr/bin/vault kv get", "ostler.toml:35");
    ran.shows("mcp.catalogue_tokens", "team=***", "ostler.toml:52");
    ran.shows("mcp.catalogues", "company=/etc/ostler/catalogue,team=https://catalogue.team.example", "ostler.toml:51");
    ran.shows("audit_webhook", "set", "ostler.toml:31");
    ran.shows("secret_key", "set", "ostler.toml:10");
    for secret in ["s3cret", "horse", "Zm9"] {
        assert!(!ran.out().contains(secret), "{}", ran.out());
    }
}

#[test]
fn what_an_issuers_tokens_are_for_is_told_where_the_address_does_not() {
    let issuer = ("OSTLER_OAUTH_ISSUER", "https://id.example");
    let ran = Place::new().run(&[issuer, ("OSTLER_PORT", "4000")], "check-config").exits(0);
    ran.shows("oauth_audience", "http://127.0.0.1:4000/mcp", "default");
    for address in [("OSTLER_PORT", "0"), ("OSTLER_HOST", "0.0.0.0")] {
        let ran = Place::new().run(&[issuer, address], "check-config").exits(64);
        assert!(ran.err().contains("oauth_audience"), "{}", ran.err());
    }
    let ran = Place::new().run(&[("OSTLER_OAUTH_ISSUER", "http://id.example")], "check-config").exits(64);
    assert!(ran.err().contains("must be the https URL"), "{}", ran.err());
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_a_fault_with_its_name() {
    let ran = Place::new().run(&[], "check-config --config ostler.toml").exits(64);
    assert!(ran.err().contains("ostler.toml: cannot be read"), "{}", ran.err());
    let broken = Place::new().file("port = 1\nhost = \"unclosed\n").run(&[], "check-config --config ostler.toml");
    assert!(broken.exits(64).err().contains("ostler.toml:2"));
}

#[test]
fn the_database_moves_with_the_data_folder() {
    let ran = Place::new().run(&[("OSTLER_DATA_DIR", "/srv/ostler")], "check-config").exits(0);
    ran.shows("database_url", "sqlite:///srv/ostler/ostler.db", "default");
    let ran = Place::new().run(&[], "check-config --data-dir d --database-url sqlite://elsewhere.db").exits(0);
    ran.shows("database_url", "sqlite://elsewhere.db", "flag --database-url");
}

#[test]
fn other_programs_variables_and_switches_of_tests_are_left_alone() {
    let environment =
        [("OSTLER_REQUIRE_ALL_TESTS", "1"), ("OSTLER_TEST_POSTGRES_URL", "x"), ("PORT", "x"), ("LOG", "x")];
    Place::new().run(&environment, "check-config").exits(0);
}

#[test]
fn bad_usage_exits_64_and_help_exits_0() {
    let place = Place::new();
    for words in ["--prot 1", "serv", "serve --port", "check-config extra", "demo-server --era soon"] {
        assert_eq!(place.run(&[], words).exits(64).out(), "", "{words}");
    }
    for words in ["--help", "--version", "serve --help", "migrate --help", "check-config --help", "demo-server --help"]
    {
        assert_ne!(place.run(&[], words).exits(0).out(), "", "{words}");
    }
    let migrate = place.run(&[], "migrate --help").exits(0);
    assert!(migrate.out().contains("--database-url") && !migrate.out().contains("--rate-limit"), "{}", migrate.out());
    place.run(&[], "migrate --rate-limit-api off").exits(0);
}

#[test]
fn migrate_names_what_it_did_and_does_it_once() {
    let place = Place::new();
    let first = place.run(&[], "migrate").exits(0);
    assert!(!first.out().trim().is_empty());
    assert_eq!(place.run(&[], "migrate").exits(0).out(), "");
}
