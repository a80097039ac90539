-- Templates of servers, of one user or of everybody (NULL), and the servers that were made of them, with the answers,
-- of which secrets are references. An older program passes over both.

CREATE TABLE templates (
    id TEXT PRIMARY KEY NOT NULL,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    template TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);

CREATE UNIQUE INDEX templates_name ON templates (COALESCE(user_id, ''), name);

CREATE TABLE server_templates (
    server_id TEXT PRIMARY KEY NOT NULL REFERENCES mcp_servers (id) ON DELETE CASCADE,
    template_id TEXT NOT NULL REFERENCES templates (id) ON DELETE CASCADE,
    answers TEXT NOT NULL
);

CREATE INDEX server_templates_template ON server_templates (template_id);
