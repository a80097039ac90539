//! Data on the socket between Ostler and a guard.

use std::{
    io::{self, IoSlice, IoSliceMut, Read},
    iter,
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
        recvmsg, sendmsg,
    },
    process::Signal,
};

use crate::supervisor::guard::{
    spec::Spec,
    sys, tree,
    watch::{Finding, Watch},
};

/// Order: send SIGTERM to the whole tree.
pub const TERMINATE: u8 = b'T';

/// Order: kill the whole tree, again and again until nothing is left.
pub const KILL: u8 = b'K';

/// Time between SIGTERM and SIGKILL for descendants once the server or Ostler is gone.
pub(super) const TERMINATE_GRACE: Duration = Duration::from_millis(500);

/// Pause between two looks at a tree that is ending.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Bytes of the length that goes before a spec.
const LENGTH_PREFIX_BYTES: usize = size_of::<u64>();

/// The error of a guard that is tried.
pub(in crate::supervisor) const NOTHING_TO_GUARD: Errno = Errno::NODATA;

/// A server and how to start it, as a guard gets it.
pub struct Assignment {
    /// The program and its surroundings.
    pub spec: Spec,
    /// The server's standard input.
    pub stdin: OwnedFd,
    /// Takes sockets in the server's network, if it has one of its own.
    pub handoff: Option<UnixStream>,
}

/// Hands descriptors to a guard: the server's standard input, and where sockets in its network go. The returned bytes
/// of the spec are to be written after them.
pub fn send_spec(
    control: impl AsFd,
    spec: &Spec,
    stdin: BorrowedFd<'_>,
    handoff: Option<BorrowedFd<'_>>,
) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(spec)?;
    let length = u64::try_from(json.len()).map_err(io::Error::other)?.to_be_bytes();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let fds: Vec<_> = iter::once(stdin).chain(handoff).collect();
    ancillary.push(SendAncillaryMessage::ScmRights(&fds));
    sendmsg(control, &[IoSlice::new(&length)], &mut ancillary, SendFlags::empty())?;
    Ok(json)
}

/// The guard's side of [`send_spec`]. Blocks.
pub fn receive_spec(control: &UnixStream) -> io::Result<Assignment> {
    let mut length = [0; LENGTH_PREFIX_BYTES];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(control, &mut [IoSliceMut::new(&mut length)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let rights = |message| if let RecvAncillaryMessage::ScmRights(fds) = message { Some(fds) } else { None };
    let mut fds = ancillary.drain().filter_map(rights).flatten();
    let (LENGTH_PREFIX_BYTES, Some(stdin)) = (got.bytes, fds.next()) else {
        return Err(NOTHING_TO_GUARD.into());
    };
    let handoff = fds.next().map(UnixStream::from);
    let mut json = Vec::new();
    let mut reader = control;
    reader.by_ref().take(u64::from_be_bytes(length)).read_to_end(&mut json)?;
    Ok(Assignment { spec: serde_json::from_slice(&json)?, stdin, handoff })
}

/// Carries out orders until the socket ends or a limit is exceeded, which `report` gets; then ends the tree, and with
/// it the process.
pub(super) fn run_orders(mut control: UnixStream, mut watch: Watch, report: impl Fn(Finding)) {
    let mut order = [0];
    while let Ok(is_readable) = watch.wait(&control) {
        if !is_readable {
            if watch.enforce(&report) {
                kill_for_ever();
            }
            continue;
        }
        match (control.read(&mut order), order) {
            (Ok(1), [TERMINATE]) => {
                watch.release();
                tree::terminate_descendants();
            }
            (Ok(1), [KILL]) => kill_for_ever(),
            (Ok(1), _) => {}
            (Ok(_) | Err(_), _) => break,
        }
    }
    tree::terminate_descendants();
    sys::pause(TERMINATE_GRACE);
    kill_for_ever();
}

/// The process ends as soon as its last descendant has.
fn kill_for_ever() {
    loop {
        tree::signal_descendants(Signal::KILL);
        sys::pause(POLL_INTERVAL);
    }
}
