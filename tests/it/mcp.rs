//! Speaking MCP with Ostler itself: what the transport promises, byte by byte.

mod modern;
mod restarts;
mod resuming;
mod sessions;
