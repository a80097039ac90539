//! Table `server_packages`: what each server runs of a package, sealed by its room.

crate::store::sealed::sealed_texts!(server_packages, package);
