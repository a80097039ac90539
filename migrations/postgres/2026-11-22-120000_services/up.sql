-- What was registered is kept as JSON: it is read whole at start and by nothing else, and an older Ostler passes over
-- the fields it does not know.

CREATE TABLE gateway_services (
    name TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    spec TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
