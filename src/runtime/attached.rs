//! What the rooms above keep for as long as a runtime lives.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::runtime::Runtime;

/// One value of each type.
#[derive(Default)]
pub(super) struct Attached(Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Attached {
    fn get<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let value = values.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        // Under its type's name there is nothing else.
        value.clone().downcast().unwrap_or_default()
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
    pub fn attached<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        self.inner.attached.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
