//! Table `mcp_tool_calls`.

use crate::{
    error::Result,
    model::{CallFilter, Page, PageRequest, ServerId, ToolCall},
    store::Connection,
};

/// Adds calls, all or none.
pub fn insert(_db: &mut Connection, _calls: &[ToolCall]) -> Result<()> {
    unimplemented!()
}

/// Calls of a server, newest first.
pub fn list(
    _db: &mut Connection,
    _server: ServerId,
    _filter: &CallFilter,
    _page: &PageRequest,
) -> Result<Page<ToolCall>> {
    unimplemented!()
}
