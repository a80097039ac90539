//! Lists of a process, read page by page.

use std::{collections::HashSet, sync::Arc, time::Duration};

use serde_json::value::RawValue;

use crate::{
    mcp::{self, Capabilities, ListPage},
    supervisor::{exit::Exit, messages::Answer, required_result::require_result, server_instance::ServerInstance},
};

/// More items, or more pages, than this is a fault of the server.
const ITEMS_MAX: usize = 10_000;

/// More bytes of items than this, too.
const LIST_BYTES_MAX: usize = 16 << 20;

/// Time for a list that the server did not declare: it may not answer what it does not know.
const UNDECLARED_LIST_TIMEOUT: Duration = Duration::from_secs(5);

/// Items as the server wrote them.
pub(super) type Items = Arc<Vec<Arc<RawValue>>>;

/// One of the lists of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListKind {
    Tools,
    Prompts,
    Resources,
    Templates,
}

impl ListKind {
    /// All of them, the most common one first.
    pub(super) const ALL: [Self; 4] = [Self::Tools, Self::Prompts, Self::Resources, Self::Templates];

    pub(super) fn method(self) -> &'static str {
        match self {
            Self::Tools => "tools/list",
            Self::Prompts => "prompts/list",
            Self::Resources => "resources/list",
            Self::Templates => "resources/templates/list",
        }
    }

    /// The member of a page that holds the items.
    fn member(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::Templates => "resourceTemplates",
        }
    }

    /// The capability it belongs to.
    pub(super) fn capability(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources | Self::Templates => "resources",
        }
    }

    /// Every item, over all pages; none where the server does not have this list. A server that declares no list at all
    /// is asked all the same: some have lists, and only forget to declare them.
    pub(super) async fn fetch(self, instance: &Arc<ServerInstance>, offered: &Capabilities) -> Result<Items, Exit> {
        if offered.has(self.capability()) {
            return self.fetch_pages(instance).await;
        }
        if !offered.may_list(self.capability()) {
            return Ok(Items::default());
        }
        match tokio::time::timeout(UNDECLARED_LIST_TIMEOUT, self.fetch_pages(instance)).await {
            Ok(Err(Exit::ClosedOutput)) => Err(Exit::ClosedOutput),
            fetched => Ok(fetched.ok().and_then(Result::ok).unwrap_or_default()),
        }
    }

    async fn fetch_pages(self, instance: &Arc<ServerInstance>) -> Result<Items, Exit> {
        let method = self.method();
        let (mut items, mut length) = (Vec::new(), 0_usize);
        let (mut cursors, mut cursor) = (HashSet::new(), None::<String>);
        loop {
            let answer = instance.request(|id, era| mcp::list(id, method, cursor.as_deref(), era)).answer().await;
            // Many servers with resources have no templates and do not know the method; tools are what a server is for.
            if self != Self::Tools && matches!(&answer, Answer::Error(error) if mcp::is_method_not_found(error)) {
                return Ok(Items::default());
            }
            let result = require_result(method, answer)?;
            let page = ListPage::read(&result, self.member()).map_err(|error| unreadable(method, &error))?;
            length = page.items.iter().fold(length, |length, item| length.saturating_add(item.get().len()));
            if !repeats(&items, &page.items) {
                items.extend(page.items);
            }
            if items.len() > ITEMS_MAX || length > LIST_BYTES_MAX {
                let most = format!("{ITEMS_MAX} items, or {} MiB of them", LIST_BYTES_MAX >> 20);
                return Err(Exit::NotReady(format!("{method} names more than {most}")));
            }
            let Some(next) = page.next_cursor else { return Ok(Arc::new(items)) };
            // Some give a cursor on the last page, too, and with it this page for ever.
            if !cursors.insert(next.clone()) {
                return Ok(Arc::new(items));
            }
            if cursors.len() > ITEMS_MAX {
                return Err(Exit::NotReady(format!("{method} does not end")));
            }
            cursor = Some(next);
        }
    }
}

impl ListKind {
    /// It was asked for, and there was no answer in this time.
    pub(super) fn not_answered(self, within: Duration) -> Exit {
        Exit::NotReady(format!("{} was not answered within {} s", self.method(), within.as_secs()))
    }
}

/// True for a page that has come already.
fn repeats(items: &[Arc<RawValue>], page: &[Arc<RawValue>]) -> bool {
    let last = items.len().checked_sub(page.len()).and_then(|from| items.get(from..));
    last.is_some_and(|last| last.iter().map(|item| item.get()).eq(page.iter().map(|item| item.get())))
}

fn unreadable(method: &str, error: &serde_json::Error) -> Exit {
    Exit::NotReady(format!("{method} got a result that cannot be read: {error}"))
}
