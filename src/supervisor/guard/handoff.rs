//! Sockets that a guard makes in a server's network, for Ostler to serve at.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    SocketType, recvmsg, sendmsg, sockopt::socket_type,
};
use tokio::{
    io::Interest,
    net::{TcpListener, UdpSocket},
};

/// Most sockets: one for questions at each name server and one besides, and two ports.
pub(super) const SOCKETS_MAX: usize = 6;

/// A socket as Ostler gets it.
pub(in crate::supervisor) enum Handed {
    /// Takes connections.
    Listener(TcpListener),
    /// Takes questions to a name server.
    Resolver(UdpSocket),
}

/// Hands at most [`SOCKETS_MAX`] sockets to Ostler.
pub(in crate::supervisor) fn send(handoff: &UnixStream, sockets: &[OwnedFd]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let fds: Vec<BorrowedFd<'_>> = sockets.iter().map(AsFd::as_fd).collect();
    if !ancillary.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::Error::other("too many sockets"));
    }
    sendmsg(handoff, &[IoSlice::new(&[0])], &mut ancillary, SendFlags::empty())?;
    Ok(())
}

/// The side of Ostler; an error if the guard has ended without.
pub(in crate::supervisor) async fn receive(handoff: &tokio::net::UnixStream) -> io::Result<Vec<Handed>> {
    let fds = handoff.async_io(Interest::READABLE, || receive_now(handoff.as_fd())).await?;
    fds.into_iter().map(handed).collect()
}

fn receive_now(handoff: BorrowedFd<'_>) -> io::Result<Vec<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(handoff, &mut [IoSliceMut::new(&mut [0])], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    if got.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let rights = |message| if let RecvAncillaryMessage::ScmRights(fds) = message { Some(fds) } else { None };
    Ok(ancillary.drain().filter_map(rights).flatten().collect())
}

fn handed(fd: OwnedFd) -> io::Result<Handed> {
    if socket_type(&fd)? == SocketType::STREAM {
        let listener = std::net::TcpListener::from(fd);
        listener.set_nonblocking(true)?;
        return TcpListener::from_std(listener).map(Handed::Listener);
    }
    let socket = std::net::UdpSocket::from(fd);
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket).map(Handed::Resolver)
}
