//! TLS to PostgreSQL: every `sslmode` means what it means in libpq.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::Path,
    process::Command,
};

use super::*;
use crate::support::{self, folder::Folder, postgres::Server};

/// An authority, certificates of a server called `localhost` and of a role called `certified`, and another authority.
const CERTIFICATES: &str = r#"set -e
for ca in ca other; do
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=$ca -keyout $ca.key -out $ca.crt
done
sign() {
    openssl req -newkey rsa:2048 -nodes -subj /CN=$1 -keyout $1.key -out $1.csr
    printf "subjectAltName=DNS:$1\nbasicConstraints=CA:FALSE\n" > $1.ext
    openssl x509 -req -in $1.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile $1.ext -out $1.crt
}
sign localhost; sign certified"#;

/// Who may come, and how; nobody without encryption.
const RULES: &str = "local all all trust\nhostssl all certified 127.0.0.1/32 cert\n\
                     hostssl all scram 127.0.0.1/32 scram-sha-256\nhostssl all all 127.0.0.1/32 trust\n";

/// A server that listens on the loopback, and the files that prove who is who.
struct Encrypted {
    server: Server,
    port: u16,
    files: Folder,
}

impl Encrypted {
    fn start(encrypts: bool) -> Option<Self> {
        let files = Folder::new();
        let made = Command::new("sh").args(["-c", CERTIFICATES]).current_dir(files.path()).output().unwrap();
        if !made.status.success() {
            support::absent("openssl is not installed");
            return None;
        }
        let mut server = Server::start()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = server.folder().join("data");
        for name in ["localhost.crt", "localhost.key", "ca.crt"] {
            give(&files.path().join(name), &data.join(name));
        }
        let rules = if encrypts { RULES } else { "local all all trust\nhost all all 127.0.0.1/32 trust\n" };
        fs::write(data.join("pg_hba.conf"), rules).unwrap();
        let url = server.database();
        for (setting, value) in [
            ("listen_addresses", "127.0.0.1"),
            ("port", &port.to_string()),
            ("ssl", if encrypts { "on" } else { "off" }),
            ("ssl_cert_file", "localhost.crt"),
            ("ssl_key_file", "localhost.key"),
            ("ssl_ca_file", "ca.crt"),
        ] {
            run(&url, &format!("ALTER SYSTEM SET {setting} = '{value}'"));
        }
        run(&url, "CREATE ROLE certified SUPERUSER LOGIN; CREATE ROLE scram SUPERUSER LOGIN PASSWORD 'secret'");
        server.stop();
        server.start_again();
        Some(Self { server, port, files })
    }

    fn file(&self, name: &str) -> String {
        self.files.path().join(name).to_str().unwrap().to_owned()
    }

    #[track_caller]
    fn lets_in(&self, who: &str, host: &str, options: &str) {
        let url = self.url(who, host, options);
        open(&url).unwrap_or_else(|reason| panic!("{url}: {reason}"));
    }

    #[track_caller]
    fn refuses(&self, who: &str, host: &str, options: &str, reason: &str) {
        let url = self.url(who, host, options);
        let refusal = open(&url).err().unwrap_or_else(|| panic!("{url}: it was let in"));
        assert!(refusal.contains(reason), "{url}: {refusal}");
    }

    fn url(&self, who: &str, host: &str, options: &str) -> String {
        let Self { port, files, .. } = self;
        let options = options.replace("{}", files.path().to_str().unwrap());
        format!("postgres://{who}@{host}:{port}/postgres?{options}")
    }
}

/// Copies a file to where the server reads it as its own.
fn give(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o600)).unwrap();
    let owner = fs::metadata(to.parent().unwrap()).unwrap();
    chown(to, Some(owner.uid()), Some(owner.gid())).unwrap();
}

#[test]
fn each_mode_of_encryption_asks_for_the_proof_it_names() {
    let Some(server) = Encrypted::start(true) else { return };
    for mode in ["allow", "prefer", "require"] {
        server.lets_in("postgres", "127.0.0.1", &format!("sslmode={mode}"));
    }
    server.lets_in("postgres", "127.0.0.1", "");
    server.refuses("postgres", "127.0.0.1", "sslmode=disable", "it refuses the login");

    let (good, other) = ("sslrootcert={}/ca.crt", "sslrootcert={}/other.crt");
    server.lets_in("postgres", "127.0.0.1", &format!("sslmode=verify-ca&{good}"));
    server.lets_in("postgres", "localhost", &format!("sslmode=verify-full&{good}"));
    server.refuses("postgres", "127.0.0.1", &format!("sslmode=verify-full&{good}"), "not valid for name");
    for mode in ["require", "verify-ca", "verify-full"] {
        server.refuses("postgres", "localhost", &format!("sslmode={mode}&{other}"), "UnknownIssuer");
    }
    // The server's own certificate may be named instead of its authority's.
    server.lets_in("postgres", "localhost", "sslmode=verify-full&sslrootcert={}/localhost.crt");
    server.refuses("postgres", "localhost", "sslmode=verify-full&sslrootcert={}/none.crt", "none.crt");
}

#[test]
fn certificates_of_clients_and_bound_channels_are_proof_to_the_server() {
    let Some(server) = Encrypted::start(true) else { return };
    let own = "sslmode=require&sslcert={}/certified.crt&sslkey={}/certified.key";
    server.lets_in("certified", "127.0.0.1", own);
    server.refuses("certified", "127.0.0.1", "sslmode=require", "it refuses the login");
    for binding in ["disable", "prefer", "require"] {
        server.lets_in("scram:secret", "127.0.0.1", &format!("sslmode=require&channel_binding={binding}"));
    }
    server.refuses("scram:wrong", "127.0.0.1", "sslmode=require", "it refuses the login");
    server.refuses("postgres", "127.0.0.1", "sslmode=require&channel_binding=require", "channel binding");

    let file = server.file("passwords");
    fs::write(&file, format!("127.0.0.1:{}:*:scram:secret\n", server.port)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    server.lets_in("scram", "127.0.0.1", "sslmode=require&passfile={}/passwords");
}

#[test]
fn a_server_that_does_not_encrypt_is_taken_only_where_that_is_allowed() {
    let Some(server) = Encrypted::start(false) else { return };
    for mode in ["disable", "allow", "prefer"] {
        server.lets_in("postgres", "127.0.0.1", &format!("sslmode={mode}"));
    }
    server.refuses("postgres", "127.0.0.1", "sslmode=require", "does not support TLS");
    let socket = server.server.folder().to_str().unwrap();
    let percent = socket.replace('/', "%2F");
    for host in [
        format!("postgres://postgres@{percent}:{}/postgres", server.port),
        format!("postgres:///postgres?user=postgres&host={socket}&port={}", server.port),
    ] {
        open(&format!("{host}{}sslmode=require", if host.contains('?') { "&" } else { "?" })).unwrap();
    }
}
