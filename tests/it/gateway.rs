//! The gateway: services registered, replaced and removed; instances checked; requests that outlive an instance.

mod health;
mod management;
