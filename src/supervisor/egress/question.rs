//! [`Question`]: a message of a program to its name server, and the answers to it (RFC 1035, section 4).

use std::net::IpAddr;

/// Bytes of a message's header.
const HEADER_BYTES: usize = 12;

/// Most bytes of a name as it is written in a message.
const NAME_BYTES_MAX: usize = 255;

/// Most bytes of one label; a longer one would be a pointer.
const LABEL_BYTES_MAX: usize = 63;

/// Most addresses in an answer: it fits into 512 bytes with these, however long the name is.
const ADDRESSES_MAX: usize = 8;

/// Seconds for which an answer may be kept.
const TIME_TO_LIVE: u32 = 60;

/// The name that a question is about, where an answer has it: a pointer to just after the header.
const NAME_POINTER: [u8; 2] = [0xc0, 12];

/// The class of the Internet.
const CLASS_IN: [u8; 2] = [0, 1];

/// One question, as programs ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    id: [u8; 2],
    wants_recursion: bool,
    name: String,
    kind: u16,
    /// As it was written: programs compare it.
    written: Vec<u8>,
}

/// The outcome of a question.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verdict<'a> {
    /// The name has these addresses; those of the other version of IP are left out.
    Addresses(&'a [IpAddr]),
    /// There is no such name.
    NoSuchName,
    /// No answer could be had.
    Failure,
}

impl Question {
    /// Reads a message; `None` if it is not one question of an ordinary query.
    pub(super) fn parse(message: &[u8]) -> Option<Self> {
        let (header, rest) = message.split_at_checked(HEADER_BYTES)?;
        let [id @ .., flags, _, 0, 1, _, _, _, _, _, _] = header else { return None };
        let is_query = flags & 0b1111_1000 == 0;
        let (name, name_bytes) = read_name(rest)?;
        let written = rest.get(..name_bytes.checked_add(4)?)?;
        let [kind @ .., 0, 1] = written.get(name_bytes..)? else { return None };
        is_query.then_some(Self {
            id: id.try_into().ok()?,
            wants_recursion: flags & 1 == 1,
            name,
            kind: u16::from_be_bytes(kind.try_into().ok()?),
            written: written.to_vec(),
        })
    }

    /// The name, without a dot at its end; a question mark stands for each byte that no host's name has.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// True when it asks for addresses, and not for anything else that names have.
    pub(super) fn is_for_addresses(&self) -> bool {
        matches!(self.kind, 1 | 28)
    }

    /// The message that answers it.
    pub(super) fn answer(&self, verdict: Verdict<'_>) -> Vec<u8> {
        let (code, addresses) = match verdict {
            Verdict::Addresses(addresses) => (0, addresses),
            Verdict::Failure => (2, [].as_slice()),
            Verdict::NoSuchName => (3, [].as_slice()),
        };
        let records: Vec<_> =
            addresses.iter().filter_map(|address| self.record(*address)).take(ADDRESSES_MAX).collect();
        let [.., count] = records.len().to_be_bytes();
        let mut message = Vec::from(self.id);
        // A response, with recursion available.
        message.extend([0x80 | u8::from(self.wants_recursion), 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0]);
        message.extend(&self.written);
        message.extend(records.into_iter().flatten());
        message
    }

    /// The record of an address, if it is of the kind that was asked for.
    fn record(&self, address: IpAddr) -> Option<Vec<u8>> {
        let (kind, data): (u16, Vec<u8>) = match address {
            IpAddr::V4(address) => (1, address.octets().into()),
            IpAddr::V6(address) => (28, address.octets().into()),
        };
        let length = u16::try_from(data.len()).ok()?;
        let parts: [&[u8]; 6] =
            [&NAME_POINTER, &kind.to_be_bytes(), &CLASS_IN, &TIME_TO_LIVE.to_be_bytes(), &length.to_be_bytes(), &data];
        (kind == self.kind).then(|| parts.concat())
    }
}

/// Reads the labels of a name up to its end, and says how many bytes they take.
fn read_name(mut rest: &[u8]) -> Option<(String, usize)> {
    let (mut labels, mut taken) = (Vec::new(), 1_usize);
    loop {
        let (length, after) = rest.split_first()?;
        let length = usize::from(*length);
        if length == 0 {
            return (taken <= NAME_BYTES_MAX).then(|| (labels.join("."), taken));
        }
        let (label, after) = after.split_at_checked(length).filter(|_| length <= LABEL_BYTES_MAX)?;
        let is_of_hosts = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        labels.push(String::from_iter(
            label.iter().map(|byte| if is_of_hosts(*byte) { char::from(byte.to_ascii_lowercase()) } else { '?' }),
        ));
        taken = taken.checked_add(length)?.checked_add(1)?;
        rest = after;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A query as glibc sends it, with an option of EDNS after the question.
    pub(in super::super) fn query(labels: &[&[u8]], kind: u16) -> Vec<u8> {
        let mut message = vec![7, 9, 1, 0x20, 0, 1, 0, 0, 0, 0, 0, 1];
        for label in labels {
            message.push(u8::try_from(label.len()).unwrap());
            message.extend(*label);
        }
        message.push(0);
        message.extend(kind.to_be_bytes());
        message.extend([0, 1]);
        message.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
        message
    }

    #[test]
    fn a_question_is_read() {
        let question = Question::parse(&query(&[b"Api", b"example", b"com"], 28)).unwrap();
        assert_eq!((question.name(), question.is_for_addresses()), ("api.example.com", true));
        let other = Question::parse(&query(&[b"a.b\x1b", b"c"], 65)).unwrap();
        assert_eq!((other.name(), other.is_for_addresses()), ("a?b?.c", false));
        assert_eq!(Question::parse(&query(&[], 1)).unwrap().name(), "");
    }

    #[test]
    fn what_is_no_ordinary_question_is_not() {
        let good = query(&[b"a", b"b"], 1);
        let length = HEADER_BYTES + 5 + 4;
        for end in 0..length {
            assert_eq!(Question::parse(&good[..end]), None, "{end}");
        }
        assert!(Question::parse(&good[..length]).is_some());
        // A response, another operation, two questions, a pointer, another class.
        for (at, value) in [(2, 0x81), (2, 0x29), (5, 2), (12, 0xc0), (20, 3)] {
            let mut bad = good.clone();
            bad[at] = value;
            assert_eq!(Question::parse(&bad), None, "{at}");
        }
        let label = [b'a'; 63];
        assert!(Question::parse(&query(&[&label, &label, &label, &label[..61]], 1)).is_some());
        assert_eq!(Question::parse(&query(&[&label, &label, &label, &label[..62]], 1)), None);
    }

    #[test]
    fn an_answer_repeats_the_question_and_has_addresses_of_its_kind() {
        let written = query(&[b"A", b"b"], 1);
        let question = Question::parse(&written).unwrap();
        let addresses = ["1.2.3.4", "2606:4700::1"].map(|text| text.parse().unwrap());
        let answer = question.answer(Verdict::Addresses(&addresses));
        let mut expected = vec![7, 9, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
        expected.extend(&written[HEADER_BYTES..HEADER_BYTES + 9]);
        expected.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 1, 2, 3, 4]);
        assert_eq!(answer, expected);
        assert_eq!(question.answer(Verdict::NoSuchName)[3..8], [0x83, 0, 1, 0, 0]);
        assert_eq!(question.answer(Verdict::Failure)[3..8], [0x82, 0, 1, 0, 0]);
    }

    #[test]
    fn an_answer_fits_into_a_datagram() {
        let label = [b'a'; 63];
        let question = Question::parse(&query(&[&label, &label, &label, &label[..61]], 28)).unwrap();
        let answer = question.answer(Verdict::Addresses(&["::1".parse().unwrap(); 100]));
        assert!((400..=512).contains(&answer.len()), "{}", answer.len());
    }
}
