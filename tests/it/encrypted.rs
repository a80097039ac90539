//! Servers over HTTPS: who they are must be certain.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::support::{real::has_program, *};

/// Where the body of an answer ends.
#[derive(Clone, Copy)]
enum End {
    /// At its length.
    Length,
    /// With the connection (RFC 9112, section 6.3).
    Close,
    /// Likewise, but the connection of a tool call breaks off: without the alert that says it was meant to end.
    Cut,
}

/// An authority that nobody knows yet, and a certificate of localhost by it.
struct Authority(PathBuf);

impl Authority {
    fn make(folder: &Path, name: &str) -> Self {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let config = format!(
            "[req]\nprompt=no\ndistinguished_name=name\n[name]\nCN={name}\n\
             [authority]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n\
             [server]\nbasicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:localhost\n"
        );
        std::fs::write(folder.join("openssl.cnf"), config).unwrap();
        let made = Self(folder);
        made.sign("authority", &[]);
        made.sign("server", &["-CA", "authority.pem", "-CAkey", "authority.key"]);
        made
    }

    /// Makes a key and its certificate, by itself or by another.
    fn sign(&self, what: &str, by: &[&str]) {
        let (key, certificate) = (format!("{what}.key"), format!("{what}.pem"));
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-config", "openssl.cnf", "-extensions", what, "-days", "2", "-nodes"]);
        command.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", &key, "-out", &certificate]);
        let name = format!("/CN={what} of {}", self.0.file_name().unwrap().display());
        let said = command.args(["-subj", &name]).args(by).current_dir(&self.0).output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    }

    /// The file to trust it by.
    fn file(&self) -> String {
        self.0.join("authority.pem").to_str().unwrap().to_owned()
    }

    /// Serves MCP at a port of this machine for as long as the test runs.
    fn serve(&self, end: End) -> u16 {
        let chain = vec![CertificateDer::from_pem_file(self.0.join("server.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(self.0.join("server.key")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = Arc::new(config.with_single_cert(chain, key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let tls = ServerConnection::new(config.clone()).unwrap();
                // It ends with its client.
                std::thread::spawn(move || drop(converse(StreamOwned::new(tls, stream), end)));
            }
        });
        port
    }
}

/// Answers request after request on one connection.
fn converse(stream: StreamOwned<ServerConnection, TcpStream>, end: End) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line)? > 2 {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        if line.is_empty() {
            return Ok(());
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let message: Value = serde_json::from_slice(&body).unwrap_or_default();
        let answer = answer(&message);
        let (status, body) = answer.map_or(("202 Accepted", String::new()), |answer| ("200 OK", answer.to_string()));
        let measure = match end {
            End::Length => format!("Content-Length: {}", body.len()),
            End::Close | End::Cut => "Connection: close".to_owned(),
        };
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{measure}\r\n\r\n");
        let stream = reader.get_mut();
        stream.write_all(format!("{head}{body}").as_bytes())?;
        let is_cut = matches!(end, End::Cut) && message["method"] == "tools/call";
        if matches!(end, End::Close | End::Cut) && !is_cut {
            stream.conn.send_close_notify();
        }
        stream.flush()?;
        if !matches!(end, End::Length) {
            return Ok(());
        }
    }
}

/// What a small server of the older era says; nothing to what wants no answer.
fn answer(message: &Value) -> Option<Value> {
    let id = message.get("id")?;
    let result = match message["method"].as_str()? {
        "initialize" => json!({"protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
            "serverInfo": {"name": "far", "version": "1"}}),
        "tools/list" => json!({"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]}),
        "tools/call" => {
            json!({"content": [{"type": "text", "text": message["params"]["arguments"]["message"]}]})
        }
        "ping" => json!({}),
        _ => return Some(json!({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "no such method"}})),
    };
    Some(json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

/// An Ostler that trusts an authority of its own, and a server at localhost with a certificate by one of that name.
fn scene(trusted: &str, signing: &str, end: End) -> Option<(Ostler, Server)> {
    has_program("openssl")?;
    let setup = Setup::new().env("MCP_PRIVATE_ADDRESSES", "true").env("MCP_AUTO_RESTART", "false");
    let trusted = Authority::make(&setup.home, trusted);
    let signing =
        if trusted.0.ends_with(signing) { Authority(trusted.0.clone()) } else { Authority::make(&setup.home, signing) };
    let ostler = setup.env("SSL_CERT_FILE", &trusted.file()).spawn();
    let url = format!("https://localhost:{}/mcp", signing.serve(end));
    let id = ostler.admin().post("/api/mcp", json!({"name": "far", "url": url})).is(201).string("/id");
    let server = ostler.admin().server(&id);
    Some((ostler, server))
}

#[test]
fn a_server_over_https_is_called_where_its_authority_is_trusted() {
    let Some((_ostler, server)) = scene("known", "known", End::Length) else { return };
    server.becomes_healthwise("HEALTHY");
    assert_eq!(server.call("echo", json!({"message": "oats"})).is(200).said(), "oats");
}

#[test]
fn a_server_whose_authority_nobody_trusts_is_not_spoken_to_and_its_output_says_why() {
    let Some((_ostler, server)) = scene("known", "unknown", End::Length) else { return };
    server.becomes_healthwise("ERROR");
    for said in [server.details().string("/runtimeStatus/lastExit/reason"), server.output()] {
        assert!(said.contains("its certificate is not trusted") && said.contains("SSL_CERT_FILE"), "{said}");
    }
}

#[test]
fn an_answer_over_https_may_end_with_its_connection() {
    let Some((_ostler, server)) = scene("known", "known", End::Close) else { return };
    server.becomes_healthwise("HEALTHY");
    assert_eq!(server.call("echo", json!({"message": "oats"})).is(200).said(), "oats");
}

#[test]
fn an_answer_over_https_that_broke_off_is_not_taken_for_a_whole_one() {
    let Some((_ostler, server)) = scene("known", "known", End::Cut) else { return };
    server.becomes_healthwise("HEALTHY");
    let problem = server.call("echo", json!({"message": "oats"})).is(503);
    assert!(problem.text().contains("close_notify"), "{}", problem.text());
}
