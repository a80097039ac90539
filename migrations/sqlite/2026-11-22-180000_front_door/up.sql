-- What only newer programs know of a server stands as JSON in one column: an older one passes over it.
-- The headers of a remote server are sealed, as its environment is.

ALTER TABLE mcp_servers ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
ALTER TABLE mcp_servers ADD COLUMN headers TEXT;

-- What each server listed last, so that lists are answered while it starts; sealed, for it may repeat a secret.
CREATE TABLE server_catalogues (
    server_id TEXT PRIMARY KEY NOT NULL REFERENCES mcp_servers (id) ON DELETE CASCADE,
    catalogue TEXT NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
