//! Table `server_catalogues`: the last listing of each server, sealed by its room.

crate::store::sealed::sealed_texts!(server_catalogues, catalogue);
