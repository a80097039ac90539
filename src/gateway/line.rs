//! The way to the actor: never waited on, and silent while there is none.

use actix::{Addr, Handler, Message, dev::ToEnvelope};
use arc_swap::ArcSwapOption;

use crate::gateway::{
    actor::{GatewayActor, Suspected, TableChanged},
    instance::InstanceId,
};

/// The actor of this moment.
#[derive(Default)]
pub(super) struct Line(ArcSwapOption<Addr<GatewayActor>>);

impl Line {
    pub(super) fn connect(&self, actor: Addr<GatewayActor>) {
        self.0.store(Some(actor.into()));
    }

    pub(super) fn actor(&self) -> Option<Addr<GatewayActor>> {
        self.0.load().as_deref().cloned()
    }

    pub(super) fn send<M>(&self, message: M)
    where
        M: Message<Result = ()> + Send + 'static,
        GatewayActor: Handler<M>,
        actix::Context<GatewayActor>: ToEnvelope<GatewayActor, M>,
    {
        if let Some(actor) = self.0.load().as_deref() {
            actor.do_send(message);
        }
    }

    pub(super) fn table_changed(&self) {
        self.send(TableChanged);
    }

    pub(super) fn suspected(&self, instance: InstanceId) {
        self.send(Suspected { instance });
    }
}
