//! What the rooms above keep for as long as a runtime lives.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{model::UserId, runtime::Runtime};

/// What a room above keeps.
pub trait Attachment: Any + Send + Sync {
    /// Lets go of what it keeps for an account, which was deleted or disabled.
    fn account_closed(&self, runtime: &Runtime, user: UserId);
}

/// One value of each type.
#[derive(Default)]
pub(super) struct Attached(Mutex<HashMap<TypeId, Arc<dyn Attachment>>>);

impl Attached {
    fn get<T: Default + Attachment>(&self) -> Arc<T> {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let value = values.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        let value: Arc<dyn Any + Send + Sync> = value.clone();
        // Under its type's name there is nothing else.
        value.downcast().unwrap_or_default()
    }

    fn all(&self) -> Vec<Arc<dyn Attachment>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Lets go of everything, so that what holds the runtime itself does not outlive it.
    pub fn clear(&self) {
        let values = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        drop(values);
    }
}

impl Runtime {
    /// State of the rooms above that lives as long as this runtime: one value of each type, made when first asked for.
    ///
    /// It is let go when the runtime has stopped. What holds a [`Runtime`] keeps it from ending by itself until then.
    pub fn attached<T: Default + Attachment>(&self) -> Arc<T> {
        self.inner.attached.get()
    }

    /// Ends all that goes on for an account that was deleted or disabled: its MCP sessions, and processes of its own.
    pub(super) fn close_account(&self, user: UserId) {
        for one in self.inner.attached.all() {
            one.account_closed(self, user);
        }
        self.inner.placement.end_isolated_of_user(user, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl<T: Send + 'static> Attachment for Mutex<T> {
        fn account_closed(&self, _: &Runtime, _: UserId) {}
    }

    #[test]
    fn there_is_one_value_of_each_type() {
        let attached = Attached::default();
        attached.get::<Mutex<u32>>().lock().unwrap().clone_from(&7);
        assert_eq!(*attached.get::<Mutex<u32>>().lock().unwrap(), 7);
        assert_eq!(*attached.get::<Mutex<u64>>().lock().unwrap(), 0);
        attached.clear();
        assert_eq!(*attached.get::<Mutex<u32>>().lock().unwrap(), 0);
    }
}
