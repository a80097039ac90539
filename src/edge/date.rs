//! [`Date`]: the value of the `Date` field, formatted once a second.

use std::cell::{Cell, RefCell};

use bytes::BytesMut;

use crate::model::Timestamp;

/// The date as answers carry it.
#[derive(Debug, Default)]
pub(super) struct Date {
    second: Cell<i64>,
    line: RefCell<String>,
}

impl Date {
    /// Reads the clock.
    pub(super) fn refresh(&self) {
        let now = Timestamp::now();
        let second = now.unix_seconds();
        if self.second.replace(second) != second {
            // The one form that senders may still make (RFC 9110, section 5.6.7).
            let line = now.naive().format("date: %a, %d %b %Y %H:%M:%S GMT\r\n").to_string();
            self.line.replace(line);
        }
    }

    /// Writes the field with its line end.
    pub(super) fn write(&self, out: &mut BytesMut) {
        out.extend_from_slice(self.line.borrow().as_bytes());
    }
}
