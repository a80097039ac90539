//! The beginning of a server over HTTP in a build without the feature `remote`: it fails.

use std::io;

use actix::Context;

use crate::supervisor::{launch::RemoteTarget, remote, server::ServerActor};

impl ServerActor {
    /// Fails, with the reason.
    pub(super) fn connect(&mut self, _target: &RemoteTarget, _ctx: &mut Context<Self>) -> io::Result<()> {
        self.report_its_end();
        Err(io::Error::other(remote::UNSUPPORTED))
    }
}
