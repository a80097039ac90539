//! The one way the gateway takes its locks.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a panic: no panic in here leaves what is behind a lock half changed.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
