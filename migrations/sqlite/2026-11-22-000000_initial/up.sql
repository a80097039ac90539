-- Calls and audit lines name users and servers without foreign keys: they outlive both.
-- A server outlives its owner as a row with deleted_at, so that its calls can still be told apart.

CREATE TABLE users (
    id TEXT PRIMARY KEY NOT NULL,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    disabled BOOLEAN NOT NULL,
    password_hash TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX users_email ON users (email);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    hash TEXT NOT NULL,
    permissions TEXT,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP,
    last_used_at TIMESTAMP
) WITHOUT ROWID;
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);
CREATE INDEX api_keys_user ON api_keys (user_id, id);

CREATE TABLE mcp_servers (
    id TEXT PRIMARY KEY NOT NULL,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    command TEXT NOT NULL,
    args TEXT NOT NULL,
    env TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    health_status TEXT NOT NULL,
    total_calls BIGINT NOT NULL DEFAULT 0,
    total_errors BIGINT NOT NULL DEFAULT 0,
    total_execution_time BIGINT NOT NULL DEFAULT 0,
    last_used_at TIMESTAMP,
    last_health_check TIMESTAMP,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    deleted_at TIMESTAMP
) WITHOUT ROWID;
CREATE INDEX mcp_servers_user ON mcp_servers (user_id);

CREATE TABLE server_shares (
    server_id TEXT NOT NULL REFERENCES mcp_servers (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    permissions TEXT NOT NULL,
    PRIMARY KEY (server_id, user_id)
) WITHOUT ROWID;
CREATE INDEX server_shares_user ON server_shares (user_id);

-- Rows are long: with a rowid the primary key's index holds no results.
-- The key is also the order in which a server's calls are listed: no other index to write for each call.
CREATE TABLE mcp_tool_calls (
    id TEXT NOT NULL,
    server_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    tool_name TEXT NOT NULL,
    parameters TEXT NOT NULL,
    response TEXT,
    success BOOLEAN NOT NULL,
    error_message TEXT,
    execution_time BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (server_id, id)
);

CREATE TABLE audit_logs (
    id TEXT PRIMARY KEY NOT NULL,
    created_at TIMESTAMP NOT NULL,
    actor_id TEXT,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT,
    outcome TEXT NOT NULL,
    detail TEXT,
    address TEXT,
    request_id TEXT
);
CREATE INDEX audit_logs_actor_id ON audit_logs (actor_id, id DESC);
CREATE INDEX audit_logs_actor ON audit_logs (actor, id DESC);
CREATE INDEX audit_logs_action ON audit_logs (action, id DESC);
CREATE INDEX audit_logs_target ON audit_logs (target, id DESC);

-- One row, written to find out whether the database takes writes.
CREATE TABLE heartbeat (
    id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    beat_at TIMESTAMP NOT NULL
);
INSERT INTO heartbeat (id, beat_at) VALUES (1, '1970-01-01 00:00:00');
