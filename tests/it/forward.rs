//! Forwarding: what reaches an instance, what comes back, and what becomes of either when one side misbehaves.

mod access;
mod answers;
mod fields;
mod misbehaving;
mod retries;
mod streams;
mod upgrades;
mod uploads;

use crate::support::{Ostler, Value, json, upstream::Upstream, wire::Wire};

/// An Ostler in front of one service at `/s`, which is for everybody.
struct Front {
    ostler: Ostler,
}

impl Front {
    fn of(upstream: &Upstream) -> Self {
        Self::with(&[upstream], json!({}))
    }

    /// The same with several instances, and some fields of the service set otherwise.
    fn with(upstreams: &[&Upstream], fields: Value) -> Self {
        Self::on(Ostler::spawn(), upstreams, fields)
    }

    fn on(ostler: Ostler, upstreams: &[&Upstream], fields: Value) -> Self {
        let place = |upstream: &&Upstream| json!({"host": "127.0.0.1", "port": upstream.port()});
        let instances: Vec<_> = upstreams.iter().map(place).collect();
        let mut service = json!({"name": "s", "basePath": "/s", "instances": instances, "authentication": false,
            "healthCheck": {"interval": 3_600_000}});
        for (key, value) in fields.as_object().unwrap() {
            service[key] = value.clone();
        }
        ostler.admin().post("/api/gateway/services", service).is(201);
        Self { ostler }
    }

    /// A connection to it.
    fn wire(&self) -> Wire {
        Wire::to(self.ostler.address)
    }
}
