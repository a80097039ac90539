-- Calls counted by minute, hour and day, so that nobody has to count the calls themselves. Step and start are minutes,
-- the start since 1970. An empty tool stands for all of a server's, an empty server for all servers.
-- Minutes by tool are written with the calls; everything else is added up from them later, as far as the marks say.
CREATE TABLE call_rollups (
    step SMALLINT NOT NULL,
    server_id TEXT COLLATE "C" NOT NULL,
    tool_name TEXT COLLATE "C" NOT NULL,
    start BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    execution_time BIGINT NOT NULL,
    latencies BYTEA NOT NULL,
    PRIMARY KEY (step, server_id, tool_name, start)
) WITH (fillfactor = 70);
CREATE INDEX call_rollups_start ON call_rollups (step, start);

CREATE TABLE rollup_marks (
    step SMALLINT PRIMARY KEY NOT NULL,
    through BIGINT NOT NULL
);

CREATE TABLE health_history (
    server_id TEXT COLLATE "C" NOT NULL,
    at TIMESTAMP NOT NULL,
    health_status TEXT NOT NULL,
    reason TEXT,
    PRIMARY KEY (server_id, at, health_status)
);
CREATE INDEX health_history_at ON health_history (at);

-- Milliseconds before the call was sent, and the trace it is part of.
ALTER TABLE mcp_tool_calls ADD COLUMN waited BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mcp_tool_calls ADD COLUMN trace_id TEXT;
-- Failed calls are few, and looked for among many.
CREATE INDEX mcp_tool_calls_failed ON mcp_tool_calls (server_id, id) WHERE NOT success;
