-- The memory of an authority of Kest, version 1.
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS kest_authority_schema (version INTEGER NOT NULL PRIMARY KEY) STRICT;
-- The number of the present state: one row.
CREATE TABLE IF NOT EXISTS kest_authority_sequence (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    sequence INTEGER NOT NULL CHECK (sequence >= 0)
) STRICT;
INSERT OR IGNORE INTO kest_authority_sequence (one, sequence) VALUES (1, 0);
-- A ticket is kept as its SHA-256, in hex.
CREATE TABLE IF NOT EXISTS kest_authority_tickets (
    hash TEXT NOT NULL PRIMARY KEY,
    identity TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    place TEXT NOT NULL CHECK (place IN ('free', 'taken')),
    first_used INTEGER,
    uses INTEGER NOT NULL DEFAULT 0,
    CHECK ((uses = 0) = (first_used IS NULL))
) STRICT;
CREATE TABLE IF NOT EXISTS kest_authority_workloads (
    identity TEXT NOT NULL PRIMARY KEY,
    epoch INTEGER NOT NULL CHECK (epoch > 0),
    void INTEGER CHECK (void <= epoch),
    enrolled INTEGER NOT NULL,
    renewed INTEGER NOT NULL,
    alive_until INTEGER NOT NULL
) STRICT;
-- The entry keys that count.
CREATE TABLE IF NOT EXISTS kest_authority_entry_keys (
    kid TEXT NOT NULL PRIMARY KEY,
    identity TEXT NOT NULL,
    kty TEXT NOT NULL,
    crv TEXT NOT NULL,
    x TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS kest_authority_entry_keys_of ON kest_authority_entry_keys (identity);
-- Whose a name of a key is, for good: it names no key of another.
CREATE TABLE IF NOT EXISTS kest_authority_kids (
    kid TEXT NOT NULL PRIMARY KEY,
    identity TEXT NOT NULL,
    epoch INTEGER NOT NULL
) STRICT;
-- The public keys of the authorities that share this.
CREATE TABLE IF NOT EXISTS kest_authority_published (
    authority TEXT NOT NULL,
    place INTEGER NOT NULL,
    id TEXT NOT NULL,
    jwk TEXT NOT NULL,
    PRIMARY KEY (authority, place)
) STRICT;
INSERT OR IGNORE INTO kest_authority_schema (version) VALUES (1);
COMMIT;
