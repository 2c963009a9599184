//! What a panic leaves behind must not be used.

use std::sync::{Mutex, MutexGuard};

/// Locking for state that only one panic can spoil: whoever comes later panics as well.
pub(crate) trait LockOrStop<T> {
    /// The lock; panics when another thread panicked while holding it.
    fn lock_or_stop(&self) -> MutexGuard<'_, T>;
}

impl<T> LockOrStop<T> for Mutex<T> {
    fn lock_or_stop(&self) -> MutexGuard<'_, T> {
        self.lock().expect("a panic elsewhere has stopped the broker")
    }
}
