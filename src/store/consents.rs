//! Table `server_consents`: the tokens of remote servers, sealed by their room.

crate::store::sealed::sealed_texts!(server_consents, consent);
