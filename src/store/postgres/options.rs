//! [`PostgresOptions`]: what an address of PostgreSQL says, by libpq's names and with its environment variables.

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf, time::Duration};

use tokio_postgres::config::ChannelBinding;

use super::{address, host::Host, passfile};

/// Options that are taken, and the environment variables that stand in for them.
const OPTIONS: [(&str, &str); 23] = [
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("passfile", "PGPASSFILE"),
    ("dbname", "PGDATABASE"),
    ("options", "PGOPTIONS"),
    ("application_name", "PGAPPNAME"),
    ("fallback_application_name", ""),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS"),
    ("tcp_user_timeout", ""),
    ("keepalives", ""),
    ("keepalives_idle", ""),
    ("keepalives_interval", ""),
    ("keepalives_count", ""),
];

/// Others that change nothing with these values.
const OPTIONS_WITHOUT_EFFECT: [(&str, &str); 6] = [
    ("gssencmode", "disable"),
    ("gssencmode", "prefer"),
    ("sslcompression", "0"),
    ("sslsni", "1"),
    ("sslnegotiation", "postgres"),
    ("client_encoding", "UTF8"),
];

/// Options of connections, by an address and the environment.
pub(super) struct PostgresOptions {
    pub(super) hosts: Vec<Host>,
    pub(super) user: Option<String>,
    pub(super) database: Option<String>,
    pub(super) password: Option<String>,
    pub(super) passfile: Option<PathBuf>,
    pub(super) settings: Option<String>,
    pub(super) application_name: String,
    pub(super) encryption: Encryption,
    pub(super) channel_binding: ChannelBinding,
    pub(super) timeout: Option<Duration>,
    /// `None` where the address does not say.
    pub(super) target: Option<SessionTarget>,
    pub(super) balanced: bool,
    pub(super) tcp: Tcp,
}

/// Encryption that is required, and proof of the server with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SslRequirement {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Encryption of connections.
pub(super) struct Encryption {
    pub(super) mode: SslRequirement,
    /// A file of certificates, or `system`.
    pub(super) roots: Option<String>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

/// Kind of server that a connection must lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SessionTarget {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

/// Settings of a TCP connection.
pub(super) struct Tcp {
    pub(super) keepalives: bool,
    pub(super) idle: Option<Duration>,
    pub(super) interval: Option<Duration>,
    pub(super) count: Option<u32>,
    pub(super) user_timeout: Option<u32>,
}

/// Checks that an address can be read; `Err` names every fault, and no value.
pub(in crate::store) fn check(url: &str) -> Result<(), String> {
    PostgresOptions::read(url).map(drop)
}

/// Reads options one after the other and notes what is wrong, by name only: a value may be part of a password.
struct OptionReader {
    values: BTreeMap<String, String>,
    faults: Vec<String>,
}

impl PostgresOptions {
    /// Reads an address and this process's environment. `Err` names every fault, and no value.
    pub(super) fn read(url: &str) -> Result<Self, String> {
        Self::read_with(url, |name| std::env::var(name).ok())
    }

    fn read_with(url: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let mut reader = OptionReader { values: BTreeMap::new(), faults: Vec::new() };
        for (name, value) in address::options(url)? {
            reader.take(name, value);
        }
        for (name, variable) in OPTIONS.iter().filter(|(_, variable)| !variable.is_empty()) {
            if let Some(value) = environment(variable).filter(|_| !reader.values.contains_key(*name)) {
                reader.values.insert((*name).into(), value);
            }
        }
        let options = reader.options(&environment);
        if reader.faults.is_empty() { Ok(options) } else { Err(reader.faults.join("; ")) }
    }

    /// The password for this host: the one that is given, or the one in the password file.
    pub(super) fn password_for(&self, host: &Host) -> Option<String> {
        let from_file =
            || passfile::find(self.passfile.as_deref()?, host, self.database.as_deref(), self.user.as_deref());
        self.password.clone().or_else(from_file)
    }
}

impl OptionReader {
    fn take(&mut self, name: String, value: String) {
        let has_no_effect = |(known, harmless): &(&str, &str)| name == *known && value.eq_ignore_ascii_case(harmless);
        if name == "ssl" && value == "true" {
            self.values.insert("sslmode".into(), "require".into());
        } else if OPTIONS.iter().any(|(known, _)| *known == name) {
            self.values.insert(name, value);
        } else if !OPTIONS_WITHOUT_EFFECT.iter().any(has_no_effect) {
            self.faults.push(format!("the option `{name}` is not taken, or not with this value"));
        }
    }

    fn options(&mut self, environment: &impl Fn(&str) -> Option<String>) -> PostgresOptions {
        let timeout = self.number("connect_timeout").unwrap_or(3);
        let home = environment("HOME").map(PathBuf::from);
        let application_name = self.text("application_name").or_else(|| self.text("fallback_application_name"));
        PostgresOptions {
            hosts: self.hosts(),
            user: self.text("user"),
            database: self.text("dbname"),
            password: self.text("password"),
            passfile: self.text("passfile").map(PathBuf::from).or_else(|| Some(home?.join(".pgpass"))),
            settings: self.text("options"),
            application_name: application_name.unwrap_or_else(|| "ostler".into()),
            encryption: self.encryption(environment),
            channel_binding: self.one_of("channel_binding", ChannelBinding::Prefer, &CHANNEL_BINDINGS),
            // As in libpq: nothing below 2 s, and for ever with 0.
            timeout: (timeout > 0).then(|| Duration::from_secs(timeout.max(2))),
            target: self
                .values
                .contains_key("target_session_attrs")
                .then(|| self.one_of("target_session_attrs", SessionTarget::Any, &TARGETS)),
            balanced: self.one_of("load_balance_hosts", false, &[("disable", false), ("random", true)]),
            tcp: self.tcp(),
        }
    }

    fn encryption(&mut self, environment: &impl Fn(&str) -> Option<String>) -> Encryption {
        let folder = environment("HOME").map(|home| PathBuf::from(home).join(".postgresql"));
        let usual = |name: &str| folder.as_ref().map(|folder| folder.join(name)).filter(|file| file.exists());
        let roots = self.text("sslrootcert");
        let roots = roots.or_else(|| usual("root.crt")?.into_os_string().into_string().ok());
        let is_system = roots.as_deref() == Some("system");
        let default = if is_system { SslRequirement::VerifyFull } else { SslRequirement::Prefer };
        let mode = self.one_of("sslmode", default, &MODES);
        if is_system && mode != SslRequirement::VerifyFull {
            self.faults.push("`sslrootcert=system` takes no `sslmode` but `verify-full`".into());
        }
        if matches!(mode, SslRequirement::VerifyCa | SslRequirement::VerifyFull) && roots.is_none() {
            self.faults.push("this `sslmode` needs `sslrootcert`: a file of certificates, or `system`".into());
        }
        let file = |name| self.text(name).map(PathBuf::from);
        let certificate = file("sslcert").or_else(|| usual("postgresql.crt"));
        let key = file("sslkey").or_else(|| usual("postgresql.key"));
        Encryption { mode, roots, certificate, key }
    }

    fn tcp(&mut self) -> Tcp {
        let seconds = |number: Option<u64>| number.filter(|seconds| *seconds > 0).map(Duration::from_secs);
        let user_timeout = self.number("tcp_user_timeout").unwrap_or(5000);
        Tcp {
            keepalives: self.number("keepalives") != Some(0),
            idle: seconds(self.number("keepalives_idle").or(Some(10))),
            interval: seconds(self.number("keepalives_interval")),
            count: self
                .number("keepalives_count")
                .and_then(|count| u32::try_from(count).ok())
                .filter(|count| *count > 0),
            user_timeout: u32::try_from(user_timeout).ok().filter(|timeout| *timeout > 0),
        }
    }

    /// The hosts, whose names, addresses and ports are lists that go together.
    fn hosts(&mut self) -> Vec<Host> {
        let list =
            |name: &str| self.values.get(name).map(|text| text.split(',').map(str::to_owned).collect::<Vec<_>>());
        let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
        let count = names.as_ref().or(addresses.as_ref()).map_or(1, Vec::len);
        let fits = |list: &Option<Vec<String>>, alone: bool| {
            list.as_ref().is_none_or(|list| list.len() == count || alone && list.len() == 1)
        };
        if !fits(&addresses, false) || !fits(&ports, true) {
            self.faults.push("`host`, `hostaddr` and `port` name different numbers of hosts".into());
            return Vec::new();
        }
        let at = |list: &Option<Vec<String>>, index: usize| {
            let list = list.as_ref()?;
            list.get(index).or(list.first()).filter(|text| !text.is_empty()).cloned()
        };
        let host = |index| {
            let address = at(&addresses, index)
                .map(|text| text.parse::<IpAddr>().map_err(|_| "`hostaddr` must be an IP address"));
            let port =
                at(&ports, index).map(|text| text.parse::<u16>().map_err(|_| "`port` must be a number up to 65535"));
            let (address, port) = (address.transpose()?, port.transpose()?.unwrap_or(5432));
            let name = at(&names, index).or_else(|| Some(address?.to_string())).unwrap_or_else(|| socket_folder(port));
            if name.starts_with('@') {
                Err("sockets without a file are not taken")
            } else {
                Ok(Host { name, address, port })
            }
        };
        let hosts: Result<Vec<_>, &str> = (0..count).map(host).collect();
        hosts.unwrap_or_else(|fault| {
            self.faults.push(fault.into());
            Vec::new()
        })
    }

    fn text(&self, name: &str) -> Option<String> {
        self.values.get(name).filter(|text| !text.is_empty()).cloned()
    }

    fn number(&mut self, name: &str) -> Option<u64> {
        // Negative numbers mean the same as 0 in libpq.
        let number = self.text(name)?.trim().parse::<i64>();
        if number.is_err() {
            self.faults.push(format!("`{name}` must be a number"));
        }
        number.ok().map(|number| u64::try_from(number).unwrap_or(0))
    }

    fn one_of<T: Copy>(&mut self, name: &str, default: T, known: &[(&str, T)]) -> T {
        let Some(text) = self.text(name) else { return default };
        let found = known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
            self.faults.push(format!("`{name}` must be one of {}", words.join(", ")));
        }
        found.unwrap_or(default)
    }
}

const CHANNEL_BINDINGS: [(&str, ChannelBinding); 3] =
    [("disable", ChannelBinding::Disable), ("prefer", ChannelBinding::Prefer), ("require", ChannelBinding::Require)];

const TARGETS: [(&str, SessionTarget); 6] = [
    ("any", SessionTarget::Any),
    ("read-write", SessionTarget::ReadWrite),
    ("read-only", SessionTarget::ReadOnly),
    ("primary", SessionTarget::Primary),
    ("standby", SessionTarget::Standby),
    ("prefer-standby", SessionTarget::PreferStandby),
];

const MODES: [(&str, SslRequirement); 6] = [
    ("disable", SslRequirement::Disable),
    ("allow", SslRequirement::Allow),
    ("prefer", SslRequirement::Prefer),
    ("require", SslRequirement::Require),
    ("verify-ca", SslRequirement::VerifyCa),
    ("verify-full", SslRequirement::VerifyFull),
];

/// The folder that servers make their sockets in: Debian's, or else PostgreSQL's own.
fn socket_folder(port: u16) -> String {
    let debian = "/var/run/postgresql";
    let folder = if PathBuf::from(format!("{debian}/.s.PGSQL.{port}")).exists() { debian } else { "/tmp" };
    folder.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> PostgresOptions {
        PostgresOptions::read_with(url, |_| None).unwrap()
    }

    fn faults(url: &str) -> String {
        PostgresOptions::read_with(url, |_| None).err().unwrap()
    }

    #[test]
    fn hosts_are_lists_of_names_addresses_and_ports() {
        let hosts = |url: &str| -> Vec<_> { read(url).hosts.into_iter().map(|host| (host.name, host.port)).collect() };
        let named = |names: &[(&str, u16)]| -> Vec<_> {
            names.iter().map(|(name, port)| ((*name).to_owned(), *port)).collect()
        };
        assert_eq!(hosts("postgres://a,b:2,[::1]:3/d"), named(&[("a", 5432), ("b", 2), ("::1", 3)]));
        assert_eq!(hosts("postgres://u@/d?host=a,/run/x&port=7"), named(&[("a", 7), ("/run/x", 7)]));
        assert_eq!(hosts("postgres://%2Frun%2Fx/d"), named(&[("/run/x", 5432)]));
        assert_eq!(hosts("postgres:///d?hostaddr=127.0.0.1"), named(&[("127.0.0.1", 5432)]));
        assert!(faults("postgres://a,b/d?hostaddr=127.0.0.1").contains("different numbers"));
    }

    #[test]
    fn every_fault_is_named_and_no_value() {
        let faults = faults("postgres://h/d?sslmode=tls&service=s3cret&connect_timeout=s3cret&sslcrl=s3cret");
        for name in ["sslmode", "verify-full", "service", "connect_timeout", "sslcrl"] {
            assert!(faults.contains(name), "{name}: {faults}");
        }
        assert!(!faults.contains("s3cret"), "{faults}");
    }

    #[test]
    fn a_question_mark_without_options_and_options_without_effect_are_taken() {
        let options = read("postgres://u:p%40ss@h/db?");
        assert_eq!((options.database.as_deref(), options.password.as_deref()), (Some("db"), Some("p@ss")));
        assert_eq!(options.timeout, Some(Duration::from_secs(3)));
        assert_eq!(read("postgres://h/d?gssencmode=disable&connect_timeout=1").timeout, Some(Duration::from_secs(2)));
        assert_eq!(read("postgres://h/d?connect_timeout=0").timeout, None);
    }

    #[test]
    fn what_the_address_does_not_say_the_environment_does() {
        let environment = |name: &str| match name {
            "PGUSER" => Some("env".to_owned()),
            "PGSSLMODE" => Some("disable".to_owned()),
            _ => None,
        };
        let options = PostgresOptions::read_with("postgres://h/d", environment).unwrap();
        assert_eq!((options.user.as_deref(), options.encryption.mode), (Some("env"), SslRequirement::Disable));
        let options = PostgresOptions::read_with("postgres://u@h/d?sslmode=require", environment).unwrap();
        assert_eq!((options.user.as_deref(), options.encryption.mode), (Some("u"), SslRequirement::Require));
    }

    #[test]
    fn proof_is_not_asked_for_without_somebody_to_trust() {
        assert!(faults("postgres://h/d?sslmode=verify-full").contains("sslrootcert"));
        assert!(faults("postgres://h/d?sslmode=require&sslrootcert=system").contains("verify-full"));
        assert_eq!(read("postgres://h/d?sslrootcert=system").encryption.mode, SslRequirement::VerifyFull);
    }
}
