//! Changes of the objects in a list.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::raw;
use crate::mcp::Members;

/// Has each object of a list changed; those that `change` says it left alone stay byte for byte. True where any did
/// change.
pub(super) fn change_each(owner: &mut Members, list: &str, mut change: impl FnMut(&mut Members) -> bool) -> bool {
    let Some(Ok(items)) = owner.get(list).map(|items| Vec::<RawItem>::deserialize(&**items)) else { return false };
    let mut any = false;
    let mut changed = |item: &RawValue| {
        let mut members = Members::parse(item).ok()?;
        change(&mut members).then(|| members.to_raw())
    };
    let items: Vec<_> = items
        .into_iter()
        .map(|RawItem(item)| {
            let changed = changed(&item);
            any |= changed.is_some();
            changed.unwrap_or(item)
        })
        .collect();
    if any {
        let items: Vec<_> = items.iter().map(|item| item.get()).collect();
        owner.set(list, raw(format!("[{}]", items.join(","))));
    }
    any
}

/// Has the object that a member is changed, as [`change_each`] does.
pub(super) fn change_one(owner: &mut Members, name: &str, change: impl FnOnce(&mut Members) -> bool) -> bool {
    let Some(Ok(mut object)) = owner.get(name).map(|object| Members::parse(object)) else { return false };
    let is_changed = change(&mut object);
    if is_changed {
        owner.set(name, Arc::from(object.to_raw()));
    }
    is_changed
}

#[derive(Deserialize)]
struct RawItem(Box<RawValue>);
