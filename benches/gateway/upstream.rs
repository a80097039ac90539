//! The upstream of every proxy: `/100` answers 100 bytes, `/64k` 64 KiB, `/echo` what it was sent. One thread.

use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::LocalSet,
};

use crate::Outcome;

/// Serves on these addresses until it is killed.
pub fn run(addresses: &[String]) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let local = LocalSet::new();
    for address in addresses {
        let address: SocketAddr = address.parse()?;
        local.spawn_local(accept(address));
    }
    runtime.block_on(local);
    Ok(())
}

async fn accept(address: SocketAddr) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::task::spawn_local(serve(stream));
    }
}

async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let (small, large) = (answer(&[b'x'; 100]), answer(&[b'x'; 64 << 10]));
    let mut read = BytesMut::with_capacity(32 << 10);
    loop {
        let head = loop {
            if let Some(at) = memchr::memmem::find(&read, b"\r\n\r\n") {
                break read.split_to(at + 4);
            }
            if stream.read_buf(&mut read).await? == 0 {
                return Ok(());
            }
        };
        let line = head[..].split(|byte| *byte == b'\r').next().unwrap_or_default();
        if line.windows(5).any(|window| window == b"/echo") {
            let length = length(&head);
            while read.len() < length {
                stream.read_buf(&mut read).await?;
            }
            let answer = answer(&read[..length]);
            read.advance(length);
            stream.write_all(&answer).await?;
        } else if line.windows(4).any(|window| window == b"/64k") {
            stream.write_all(&large).await?;
        } else {
            stream.write_all(&small).await?;
        }
        read.reserve(16 << 10);
    }
}

fn length(head: &[u8]) -> usize {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let value = text.split("content-length:").nth(1).and_then(|rest| rest.split("\r\n").next());
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

fn answer(body: &[u8]) -> Bytes {
    let mut whole = format!(
        "HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    whole.extend_from_slice(body);
    whole.into()
}
