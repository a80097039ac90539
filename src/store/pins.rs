//! Table `server_pins`: the accepted definitions of each server's tools, sealed by their room.

crate::store::sealed::sealed_texts!(server_pins, pins);
