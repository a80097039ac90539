//! A small blocking HTTP/1.1 client: one connection per request, every byte under the test's control.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

use super::{Answer, contract, seconds};

/// A request about to be sent.
pub struct Ask {
    to: SocketAddr,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Ask {
    pub fn new(to: SocketAddr, method: &str, path: &str) -> Self {
        Self { to, method: method.into(), path: path.into(), headers: Vec::new(), body: None }
    }

    /// Sets a header; an empty value leaves the header out altogether.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn json(self, body: &serde_json::Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// A body as it is, byte for byte.
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self.header("Content-Type", content_type)
    }

    /// Sends it and reads the whole answer.
    #[track_caller]
    pub fn send(self) -> Answer {
        let what = format!("{} {}", self.method, self.path);
        self.try_send().unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// As [`Ask::send`], where Ostler may have gone away.
    #[track_caller]
    pub fn try_send(self) -> std::io::Result<Answer> {
        let (method, path) = (self.method.clone(), self.path.clone());
        let answer = self.open()?.finish(&format!("{method} {path}"))?;
        contract::check(&method, &path, &answer);
        Ok(answer)
    }

    /// Sends it and leaves the answer unread; dropping the exchange closes the connection.
    pub fn open(self) -> std::io::Result<Exchange> {
        let mut stream = TcpStream::connect(self.to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(seconds(90)))?;
        // A server may refuse a body before it was read to the end; its answer counts, not our failed write.
        let _ = stream.write_all(&self.bytes());
        Ok(Exchange { reader: BufReader::new(stream) })
    }

    fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        let host = ("Host".to_owned(), self.to.to_string());
        let given = |name: &str| self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        let hosts = (!given("Host")).then_some(&host);
        for (name, value) in hosts.into_iter().chain(&self.headers).filter(|(_, value)| !value.is_empty()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = self.body.as_ref().filter(|_| !given("Content-Length") && !given("Transfer-Encoding")) {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("Connection: close\r\n\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

/// Headers as they came, names in lower case.
pub type Headers = Vec<(String, String)>;

/// A request that was sent.
pub struct Exchange {
    reader: BufReader<TcpStream>,
}

impl Exchange {
    /// A connection on which nothing was sent.
    #[track_caller]
    pub fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(seconds(90))).unwrap();
        Self { reader: BufReader::new(stream) }
    }

    /// Sends bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    /// The next answer, whole.
    pub fn next(&mut self, what: &str) -> std::io::Result<Answer> {
        let (status, headers, body) = self.read()?;
        Ok(Answer::new(what.to_owned(), status, headers, body))
    }

    /// The status of an interim answer.
    pub fn interim(&mut self) -> std::io::Result<u16> {
        let status = self.line()?.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        while !self.line()?.is_empty() {}
        Ok(status)
    }

    /// Waits for the end of the connection, and gives what came before it.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is an end too.
        let _ = self.reader.read_to_end(&mut rest);
        rest
    }

    /// Status and headers; what follows is the body.
    pub fn head(&mut self) -> std::io::Result<(u16, Headers)> {
        loop {
            let status = self.line()?.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
            let mut headers = Headers::new();
            loop {
                let line = self.line()?;
                let Some((name, value)) = line.split_once(':') else { break };
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            if !(100..200).contains(&status) {
                return Ok((status, headers));
            }
        }
    }

    /// Reads the whole answer.
    pub fn finish(mut self, what: &str) -> std::io::Result<Answer> {
        let (status, headers, body) = self.read()?;
        Ok(Answer::new(what.to_owned(), status, headers, body))
    }

    fn read(&mut self) -> std::io::Result<(u16, Headers, Vec<u8>)> {
        let (status, headers) = self.head()?;
        let find = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let mut body = Vec::new();
        if find("transfer-encoding").is_some() {
            while let Some(chunk) = self.chunk()? {
                body.extend(chunk);
            }
        } else if let Some(length) = find("content-length").and_then(|length| length.parse().ok()) {
            body.resize(length, 0);
            self.reader.read_exact(&mut body)?;
        } else if status != 204 && status != 304 {
            self.reader.read_to_end(&mut body)?;
        }
        Ok((status, headers, body))
    }

    /// The next chunk of a chunked body.
    pub fn chunk(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let size = self.line()?;
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)
            .map_err(|_| std::io::Error::other(format!("not a chunk size: {size:?}")))?;
        let mut chunk = vec![0; size];
        self.reader.read_exact(&mut chunk)?;
        self.line()?;
        Ok((size > 0).then_some(chunk))
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = Vec::new();
        if self.reader.read_until(b'\n', &mut line)? == 0 {
            return Err(std::io::Error::other("the connection was closed before the answer ended"));
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }
}
