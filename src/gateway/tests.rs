//! Choosing instances, ejecting and taking back.
