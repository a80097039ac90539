-- The Ostler that has the database, by the mark of its data folder; no row where it ended its servers and left.
-- Who finds another one's mark waits until that one can have noticed. An older program neither writes nor reads it.

CREATE TABLE occupancy (
    id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    holder TEXT NOT NULL
);
