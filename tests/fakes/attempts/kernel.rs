//! Attempts to use what has so often let programs out of a sandbox: system calls that servers do without.
#![allow(unsafe_code, reason = "a hostile program makes system calls that have no safe form")]

use std::{
    ffi::CString,
    fs, io,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
    path::Path,
    process::Command,
};

use rustix::{
    mount::{UnmountFlags, mount_bind, unmount},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

/// The keyring of the user, to be made where there is none (linux/keyctl.h).
const GET_KEYRING: usize = 0;
const OF_USER: usize = -4_isize as usize;

/// Faults of this process's own code alone, which an unprivileged one may handle (linux/userfaultfd.h).
const USER_MODE_ONLY: usize = 1;

/// Memory at fixed addresses (linux/personality.h).
const ADDR_NO_RANDOMIZE: usize = 0x0004_0000;

/// Bytes of a handle of a file, of which the head takes two words (`struct file_handle`).
const HANDLE_BYTES: usize = 128;

pub(super) fn attempt(kind: &str, target: &str) -> io::Result<()> {
    match kind {
        "change-root" => Ok(rustix::process::chroot("/")?),
        "mount" => Ok(mount_bind(target, target).and_then(|()| unmount(target, UnmountFlags::DETACH))?),
        "make-namespace" => make_namespace(),
        "enter-namespace" => {
            let namespace = fs::File::open(target)?;
            Ok(move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::HostNameAndNISDomainName))?)
        }
        "open-by-handle" => open_by_handle(Path::new(target)),
        "keyring" => call(libc::SYS_keyctl, &[GET_KEYRING, OF_USER, 1]).map(drop),
        "make-ring" => {
            let mut parameters = [0_u64; 15];
            opened(libc::SYS_io_uring_setup, &[1, parameters.as_mut_ptr().expose_provenance()])
        }
        "handle-page-faults" => opened(libc::SYS_userfaultfd, &[USER_MODE_ONLY]),
        "count-events" => {
            // The processor's clock as software counts it, of this process outside of the kernel, not running yet.
            let (kind, size, flags) = (1, 64 << 32, 1 | 1 << 5 | 1 << 6);
            let wanted: [u64; 8] = [kind | size, 0, 0, 0, 0, flags, 0, 0];
            opened(libc::SYS_perf_event_open, &[wanted.as_ptr().expose_provenance(), 0, usize::MAX, usize::MAX, 0])
        }
        "load-program" => {
            // The simplest of what `bpf` makes: an array of one word.
            let (array, word) = (2, 4);
            let wanted: [u32; 18] = std::array::from_fn(|at| [array, word, word, 1].get(at).copied().unwrap_or(0));
            opened(libc::SYS_bpf, &[0, wanted.as_ptr().expose_provenance(), size_of_val(&wanted)])
        }
        "fix-addresses" => call(libc::SYS_personality, &[ADDR_NO_RANDOMIZE]).map(drop),
        unknown => Err(io::Error::other(format!("no such attempt: {unknown}"))),
    }
}

/// A namespace takes a process of one thread.
fn make_namespace() -> io::Result<()> {
    let tried = Command::new("unshare").args(["--user", "true"]).env("LC_ALL", "C").output()?;
    let said = String::from_utf8_lossy(&tried.stderr).trim().to_owned();
    if tried.status.success() { Ok(()) } else { Err(io::Error::other(said)) }
}

/// Opens a file by its number, past all folders above it.
fn open_by_handle(path: &Path) -> io::Result<()> {
    let name = CString::new(path.as_os_str().as_encoded_bytes())?;
    let folder = fs::File::open("/proc/self/cwd")?;
    let (mut handle, mut mount) = ([0_u32; HANDLE_BYTES / 4], 0_i32);
    handle[0] = (HANDLE_BYTES - 8) as u32;
    let (handle, mount) = (handle.as_mut_ptr().expose_provenance(), (&raw mut mount).expose_provenance());
    call(libc::SYS_name_to_handle_at, &[libc::AT_FDCWD as usize, name.as_ptr().expose_provenance(), handle, mount, 0])?;
    let folder = folder.as_raw_fd() as usize;
    opened(libc::SYS_open_by_handle_at, &[folder, handle, libc::O_RDONLY as usize])
}

/// Reads a byte of another process, where its map tells an address.
pub(super) fn read_memory(pid: usize) -> io::Result<()> {
    let map = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let address = map.split('-').next().and_then(|first| usize::from_str_radix(first, 16).ok()).unwrap_or(0x1000);
    let mut byte = 0_u8;
    let (here, there): ([usize; 2], [usize; 2]) = ([(&raw mut byte).expose_provenance(), 1], [address, 1]);
    let (here, there) = (here.as_ptr().expose_provenance(), there.as_ptr().expose_provenance());
    call(libc::SYS_process_vm_readv, &[pid, here, 1, there, 1, 0]).map(drop)
}

/// Makes a system call with numbers, and addresses of memory that lives until it returns.
pub(super) fn call(number: libc::c_long, arguments: &[usize]) -> io::Result<usize> {
    let argument = |at: usize| arguments.get(at).copied().unwrap_or(0);
    let [a, b, c, d, e, f] = [0, 1, 2, 3, 4, 5].map(argument);
    // SAFETY: of the calls made here, the kernel reads and writes what their callers own, and nothing else.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Makes a system call that opens something, and closes it.
fn opened(number: libc::c_long, arguments: &[usize]) -> io::Result<()> {
    let opened = call(number, arguments)?;
    // SAFETY: the kernel has just made this descriptor, and no other code knows it.
    drop(unsafe { OwnedFd::from_raw_fd(opened as i32) });
    Ok(())
}
