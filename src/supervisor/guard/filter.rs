//! The filter of system calls for contained servers, as a program that the kernel runs at each call (seccomp(2)).
//!
//! By hand, as `seccompiler` has one answer for all calls it refuses, and lets x32 calls pass. The kernel remembers
//! which calls are allowed whatever their arguments, so most cost nothing.

use libc::{c_long, sock_filter};

use crate::supervisor::containment::Containment;

/// Calls that are refused, whatever their arguments: they change the machine, reach into other processes, or have so
/// often let programs out of a sandbox that none of the servers tried needs them.
const DENIED: &[c_long] = &[
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_kexec_load,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_process_mrelease,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_settimeofday,
    libc::SYS_adjtimex,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_personality,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_kexec_file_load,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
];

/// A condition on one argument at which a call is refused. Of an argument, the lower half counts: these are all `int`,
/// or flags that lie there.
enum Condition {
    Not(u32),
    Is(u32),
    AtLeast(u32),
    HasAnyOf(u32),
}

/// A call, the position of its argument, and the condition.
type Rule = (c_long, u32, Condition);

/// Flags of `clone` that make namespaces.
const NAMESPACES: u32 = 0x7E02_0000;

/// `PRIO_USER` and `IOPRIO_WHO_USER`: all processes of a user, 0 for one's own.
const PRIORITY_OF_USER: u32 = 2;
const IO_PRIORITY_OF_USER: u32 = 3;

/// `S_ISUID`: others who run the file act as its owner.
const SET_USER_ID: u32 = 0o4000;

/// `fchmodat2`, which has this number on every processor, and came with Linux 6.6.
const FCHMODAT2: c_long = 452;

/// Priorities, limits and processors of other processes: 0 is the caller. A thread that names itself by number is
/// refused as well, since a filter cannot know it; servers do well without.
const CONDITIONS: &[Rule] = &[
    (libc::SYS_prlimit64, 0, Condition::Not(0)),
    (libc::SYS_setpriority, 1, Condition::Not(0)),
    (libc::SYS_setpriority, 0, Condition::AtLeast(PRIORITY_OF_USER)),
    (libc::SYS_ioprio_set, 1, Condition::Not(0)),
    (libc::SYS_ioprio_set, 0, Condition::AtLeast(IO_PRIORITY_OF_USER)),
    (libc::SYS_sched_setaffinity, 0, Condition::Not(0)),
    (libc::SYS_sched_setscheduler, 0, Condition::Not(0)),
    (libc::SYS_sched_setparam, 0, Condition::Not(0)),
    (libc::SYS_sched_setattr, 0, Condition::Not(0)),
    (libc::SYS_clone, 0, Condition::HasAnyOf(NAMESPACES)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_chmod, 1, Condition::HasAnyOf(SET_USER_ID)),
    (libc::SYS_fchmod, 1, Condition::HasAnyOf(SET_USER_ID)),
    (libc::SYS_fchmodat, 2, Condition::HasAnyOf(SET_USER_ID)),
    (FCHMODAT2, 2, Condition::HasAnyOf(SET_USER_ID)),
];

/// Families of sockets that servers may have: UNIX, IPv4, IPv6, netlink. Others lead past the network that a server is
/// given (vsock reaches the host of a virtual machine), or into parts of the kernel that few programs ever used.
const FAMILIES: [u32; 4] = [1, 2, 10, 16];

/// `AF_UNIX`, of `socket`. A pair leads nowhere else, but of datagrams (`SOCK_DGRAM`, and `SOCK_RAW`, which is the
/// same there; these two have this bit): each of its ends can send to any address.
const UNIX_SOCKETS: [Rule; 2] =
    [(libc::SYS_socket, 0, Condition::Is(1)), (libc::SYS_socketpair, 1, Condition::HasAnyOf(2))];

/// The kernel's number of this processor's calls (`AUDIT_ARCH_…`): other calls may have other numbers.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: Option<u32> = Some(0xC000_003E);
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: Option<u32> = Some(0xC000_00B7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCHITECTURE: Option<u32> = None;

/// Numbers from here on are x32's, under the same architecture; no call of x86-64 has one.
const FIRST_X32_CALL: u32 = 0x4000_0000;

// Instructions (linux/bpf_common.h): load a word, compare and jump, return.
const LOAD: u16 = 0x20;
const IF_EQUAL: u16 = 0x15;
const IF_AT_LEAST: u16 = 0x35;
const IF_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

// Offsets in the data of a call (`struct seccomp_data`).
const NUMBER: u32 = 0;
const ARCHITECTURE_OF_CALL: u32 = 4;
const ARGUMENTS: u32 = 16;
const LOWER_HALF: u32 = if cfg!(target_endian = "big") { 4 } else { 0 };

/// The program for a server; `None` where there is none for this processor.
pub(super) fn program(containment: &Containment) -> Option<Vec<sock_filter>> {
    let mut program = vec![
        instruction(LOAD, ARCHITECTURE_OF_CALL, (0, 0)),
        instruction(IF_EQUAL, ARCHITECTURE?, (1, 0)),
        refuse(libc::EPERM),
        instruction(LOAD, NUMBER, (0, 0)),
        instruction(IF_AT_LEAST, FIRST_X32_CALL, (0, 1)),
        refuse(libc::ENOSYS),
        // Its flags lie in memory, which a filter cannot read; the C library falls back on `clone`.
        instruction(IF_EQUAL, number(libc::SYS_clone3), (0, 1)),
        refuse(libc::ENOSYS),
    ];
    for call in DENIED {
        program.extend([instruction(IF_EQUAL, number(*call), (0, 1)), refuse(libc::EPERM)]);
    }
    let sockets = if containment.unix_sockets { &[] } else { UNIX_SOCKETS.as_slice() };
    for rule in CONDITIONS.iter().chain(sockets) {
        program.extend(conditional(rule));
    }
    program.extend(families());
    program.push(instruction(RETURN, libc::SECCOMP_RET_ALLOW, (0, 0)));
    Some(program)
}

fn conditional((call, position, condition): &Rule) -> [sock_filter; 5] {
    let test = match condition {
        Condition::Not(value) => instruction(IF_EQUAL, *value, (1, 0)),
        Condition::Is(value) => instruction(IF_EQUAL, *value, (0, 1)),
        Condition::AtLeast(value) => instruction(IF_AT_LEAST, *value, (0, 1)),
        Condition::HasAnyOf(bits) => instruction(IF_ANY_BIT, *bits, (0, 1)),
    };
    [
        instruction(IF_EQUAL, number(*call), (0, 4)),
        instruction(LOAD, ARGUMENTS.saturating_add(position.saturating_mul(8)).saturating_add(LOWER_HALF), (0, 0)),
        test,
        refuse(libc::EPERM),
        // For the rules that follow.
        instruction(LOAD, NUMBER, (0, 0)),
    ]
}

/// Lets `socket` have families that are listed, as if the kernel had no others.
fn families() -> impl Iterator<Item = sock_filter> {
    let all = u8::try_from(FAMILIES.len()).unwrap_or(u8::MAX);
    let call = instruction(IF_EQUAL, number(libc::SYS_socket), (0, all.saturating_add(2)));
    let left = (1..=all).rev();
    let listed = FAMILIES.into_iter().zip(left).map(|(family, left)| instruction(IF_EQUAL, family, (left, 0)));
    [call, instruction(LOAD, ARGUMENTS + LOWER_HALF, (0, 0))]
        .into_iter()
        .chain(listed)
        .chain([refuse(libc::EAFNOSUPPORT)])
}

/// An instruction, and how many to skip where its comparison holds, and where it does not.
const fn instruction(code: u16, k: u32, (jt, jf): (u8, u8)) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

fn refuse(errno: i32) -> sock_filter {
    instruction(RETURN, libc::SECCOMP_RET_ERRNO | errno.cast_unsigned(), (0, 0))
}

fn number(call: c_long) -> u32 {
    u32::try_from(call).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers a call as the kernel does by the program.
    fn run<const N: usize>(program: &[sock_filter], architecture: u32, call: u32, arguments: [u32; N]) -> u32 {
        let load = |offset| match offset {
            NUMBER => call,
            ARCHITECTURE_OF_CALL => architecture,
            offset => arguments[usize::try_from((offset - ARGUMENTS - LOWER_HALF) / 8).unwrap()],
        };
        let (mut place, mut value) = (0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = program[place];
            let mut jump = |holds: bool| place += usize::from(if holds { jt } else { jf });
            match code {
                LOAD => value = load(k),
                IF_EQUAL => jump(value == k),
                IF_AT_LEAST => jump(value >= k),
                IF_ANY_BIT => jump(value & k != 0),
                _ => return k,
            }
            place += 1;
        }
    }

    fn answer<const N: usize>(call: c_long, arguments: [u32; N]) -> u32 {
        run(&program(&Containment::default()).unwrap(), ARCHITECTURE.unwrap(), number(call), arguments)
    }

    const REFUSED: u32 = 0x0005_0000 | 1;
    const UNKNOWN: u32 = 0x0005_0000 | 38;
    const ALLOWED: u32 = 0x7FFF_0000;

    #[test]
    fn calls_are_refused_by_number_and_all_others_allowed() {
        for call in DENIED {
            assert_eq!(answer(*call, [0, 0]), REFUSED, "{call}");
        }
        for call in [libc::SYS_read, libc::SYS_execve, libc::SYS_socketpair, libc::SYS_fchmodat, libc::SYS_getpriority]
        {
            assert_eq!(answer(call, [1, 1, 1]), ALLOWED, "{call}");
        }
        assert_eq!(answer(libc::SYS_clone3, [0, 0]), UNKNOWN);
    }

    #[test]
    fn of_other_processes_neither_limits_nor_priorities_are_changed() {
        for call in [libc::SYS_prlimit64, libc::SYS_sched_setaffinity, libc::SYS_sched_setattr] {
            assert_eq!((answer(call, [0, 7]), answer(call, [7, 0])), (ALLOWED, REFUSED), "{call}");
        }
        let (nice, io) = (libc::SYS_setpriority, libc::SYS_ioprio_set);
        assert_eq!((answer(nice, [0, 0]), answer(nice, [0, 7]), answer(nice, [2, 0])), (ALLOWED, REFUSED, REFUSED));
        assert_eq!((answer(io, [1, 0]), answer(io, [1, 7]), answer(io, [3, 0])), (ALLOWED, REFUSED, REFUSED));
    }

    #[test]
    fn clone_makes_threads_and_no_namespaces() {
        let threads = (libc::CLONE_VM | libc::CLONE_THREAD | libc::CLONE_SETTLS).cast_unsigned();
        assert_eq!(answer(libc::SYS_clone, [threads, 0]), ALLOWED);
        for flag in [libc::CLONE_NEWUSER, libc::CLONE_NEWNS, libc::CLONE_NEWNET, libc::CLONE_NEWPID] {
            assert_eq!(answer(libc::SYS_clone, [flag.cast_unsigned(), 0]), REFUSED);
        }
    }

    #[test]
    fn no_file_is_made_to_run_as_its_owner() {
        for (call, first) in [(libc::SYS_fchmod, 1), (libc::SYS_fchmodat, 2), (FCHMODAT2, 2)] {
            let with = |mode: u32| {
                let mut arguments = [0; 3];
                arguments[first] = mode;
                answer(call, arguments)
            };
            assert_eq!((with(0o2775), with(0o4755)), (ALLOWED, REFUSED), "{call}");
        }
    }

    #[test]
    fn sockets_are_of_usual_families() {
        let no_such_family = 0x0005_0000 | libc::EAFNOSUPPORT.cast_unsigned();
        for (family, expected) in
            [(2, ALLOWED), (10, ALLOWED), (16, ALLOWED), (0, no_such_family), (40, no_such_family)]
        {
            assert_eq!(answer(libc::SYS_socket, [family, 1]), expected, "{family}");
        }
        let of_kind = |kind: i32| answer(libc::SYS_socketpair, [1, (kind | libc::SOCK_CLOEXEC).cast_unsigned()]);
        assert_eq!((of_kind(libc::SOCK_STREAM), of_kind(libc::SOCK_SEQPACKET)), (ALLOWED, ALLOWED));
        assert_eq!((of_kind(libc::SOCK_DGRAM), of_kind(libc::SOCK_RAW)), (REFUSED, REFUSED));
    }

    #[test]
    fn unix_sockets_are_an_exception_and_other_architectures_are_refused() {
        assert_eq!((answer(libc::SYS_socket, [1, 1]), answer(libc::SYS_socket, [2, 1])), (REFUSED, ALLOWED));
        let browser = program(&Containment { unix_sockets: true, ..Containment::default() }).unwrap();
        let ours = ARCHITECTURE.unwrap();
        assert_eq!(run(&browser, ours, number(libc::SYS_socket), [1, 1]), ALLOWED);
        assert_eq!(run(&browser, ours, number(libc::SYS_socketpair), [1, 2]), ALLOWED);
        assert_eq!(run(&browser, 0x4000_0003, 1, [0, 0]), REFUSED);
        assert_eq!(run(&browser, ours, FIRST_X32_CALL + 165, [0, 0]), UNKNOWN);
    }
}
