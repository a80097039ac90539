//! [`Rehearsal`]: a call that could not be recorded is written again and rolled back, until that succeeds.
//!
//! A heartbeat proves little: it updates one row in a page that is there, which a full disk or a locked table allows.

use crate::{
    error::{Error, Result},
    model::{CallId, ToolCall},
    store::Connection,
};

use super::{group, rollups::Rollups};

/// A call that could not be recorded, and why no other may reach a tool before a row like it was written.
pub(super) struct Rehearsal {
    call: ToolCall,
    reason: Error,
}

impl Rehearsal {
    /// Rehearses `call`, or goes on with `earlier` where that is larger.
    pub(super) fn of(call: &ToolCall, reason: Error, earlier: Option<Self>) -> Self {
        let larger = earlier.filter(|earlier| earlier.call.bytes() > call.bytes());
        let call = larger.map_or_else(|| call.clone(), |earlier| earlier.call);
        Self { call, reason }
    }

    /// The reason why calls are refused.
    pub(super) fn reason(&self) -> &Error {
        &self.reason
    }

    /// Writes two rows like the call's, so that there is room for the next real one, and all that goes with them,
    /// and rolls back.
    pub(super) fn run(&mut self, db: &mut Connection, rollups: &Rollups) -> Result<()> {
        let rows = [CallId::new(), CallId::new()].map(|id| ToolCall { id, ..self.call.clone() });
        let written = db.rehearse(|db| group::write_calls(db, &rows, rollups).map(drop));
        written.inspect_err(|reason| self.reason = reason.clone())
    }
}
