//! [`Shortage`]: a reason of Ostler's own why a connection could not be made, which says nothing of the other side.

use std::{fmt, io};

use rustix::io::Errno;

/// A resource of this machine or process that ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage(&'static str);

impl Shortage {
    /// The shortage that `error` tells of, if it is one.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<Self> {
        Some(Self(match Errno::from_io_error(error)? {
            // A connect that finds no port ends with either of the two (connect(2)).
            Errno::ADDRNOTAVAIL | Errno::AGAIN => {
                "ostler has no free port to connect from (EADDRNOTAVAIL); see net.ipv4.ip_local_port_range"
            }
            Errno::MFILE => "ostler has no free file descriptor (EMFILE); raise its limit, as with LimitNOFILE",
            Errno::NFILE => "this machine has no free file descriptor (ENFILE); see fs.file-max",
            Errno::NOBUFS => "this machine has no memory for another connection (ENOBUFS)",
            Errno::NOMEM => "this machine has no memory for another connection (ENOMEM)",
            _ => return None,
        }))
    }

    /// Names the resource, and the errno.
    #[must_use]
    pub fn text(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_here_differs_from_a_fault_of_the_other_side() {
        for own in [Errno::ADDRNOTAVAIL, Errno::AGAIN, Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            assert!(Shortage::of(&own.into()).is_some(), "{own:?}");
        }
        for theirs in [Errno::CONNREFUSED, Errno::CONNRESET, Errno::HOSTUNREACH, Errno::TIMEDOUT] {
            assert_eq!(Shortage::of(&theirs.into()), None, "{theirs:?}");
        }
        assert_eq!(Shortage::of(&io::ErrorKind::TimedOut.into()), None);
        let text = Shortage::of(&Errno::ADDRNOTAVAIL.into()).unwrap().text();
        assert!(text.contains("EADDRNOTAVAIL"), "{text}");
    }
}
