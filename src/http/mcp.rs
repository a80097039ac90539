//! Ostler's own MCP endpoint: `/mcp` with every server its caller may use, `/mcp/{id}` with one.
//!
//! `post`, `get` and `delete` speak Streamable HTTP in both eras; `bridge` answers, whatever era the server speaks.

mod bridge;
mod conversation;
mod outlet;
