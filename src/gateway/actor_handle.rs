//! [`ActorHandle`]: sends to the actor, never waiting for it; drops messages while there is none.

use actix::{Addr, Handler, Message, dev::ToEnvelope};
use arc_swap::ArcSwapOption;

use crate::gateway::{
    actor::{GatewayActor, Suspected, TableChanged},
    instance::InstanceId,
    service::ServiceObserver,
};

/// The address of the running actor, if there is one.
#[derive(Default)]
pub(super) struct ActorHandle(ArcSwapOption<Addr<GatewayActor>>);

impl ActorHandle {
    pub(super) fn connect(&self, actor: Addr<GatewayActor>) {
        self.0.store(Some(actor.into()));
    }

    pub(super) fn address(&self) -> Option<Addr<GatewayActor>> {
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
}

impl ServiceObserver for ActorHandle {
    fn suspected(&self, instance: InstanceId) {
        self.send(Suspected { instance });
    }
}
