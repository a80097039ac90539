//! The gateway: services registered, replaced and removed; instances checked; requests that outlive an instance.

mod failover;
mod health;
mod management;
mod nodes;
mod routes;
