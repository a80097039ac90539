-- Sessions of MCP clients that have not ended, so that a restart of Ostler does not end them. An older program passes
-- over them.

CREATE TABLE mcp_sessions (
    id TEXT PRIMARY KEY NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    used_at TIMESTAMP NOT NULL
);
CREATE INDEX mcp_sessions_user ON mcp_sessions (user_id, used_at);
