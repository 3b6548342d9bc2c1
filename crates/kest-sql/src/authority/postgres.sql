-- The memory of an authority of Kest, version 1.
BEGIN;
SELECT pg_advisory_xact_lock(hashtextextended('kest_authority_schema', 0));
CREATE TABLE IF NOT EXISTS kest_authority_schema (version bigint NOT NULL PRIMARY KEY);
-- The number of the present state: one row.
CREATE TABLE IF NOT EXISTS kest_authority_sequence (
    one bigint NOT NULL PRIMARY KEY CHECK (one = 1),
    sequence bigint NOT NULL CHECK (sequence >= 0)
);
INSERT INTO kest_authority_sequence (one, sequence) VALUES (1, 0) ON CONFLICT DO NOTHING;
-- A ticket is kept as its SHA-256, in hex.
CREATE TABLE IF NOT EXISTS kest_authority_tickets (
    hash text NOT NULL PRIMARY KEY,
    identity text NOT NULL,
    created bigint NOT NULL,
    expires bigint NOT NULL,
    place text NOT NULL CHECK (place IN ('free', 'taken')),
    first_used bigint,
    uses bigint NOT NULL DEFAULT 0,
    CHECK ((uses = 0) = (first_used IS NULL))
);
CREATE TABLE IF NOT EXISTS kest_authority_workloads (
    identity text NOT NULL PRIMARY KEY,
    epoch bigint NOT NULL CHECK (epoch > 0),
    void bigint CHECK (void <= epoch),
    enrolled bigint NOT NULL,
    renewed bigint NOT NULL,
    alive_until bigint NOT NULL
);
-- The entry keys that count.
CREATE TABLE IF NOT EXISTS kest_authority_entry_keys (
    kid text NOT NULL PRIMARY KEY,
    identity text NOT NULL,
    kty text NOT NULL,
    crv text NOT NULL,
    x text NOT NULL,
    since bigint NOT NULL,
    until bigint
);
CREATE INDEX IF NOT EXISTS kest_authority_entry_keys_of ON kest_authority_entry_keys (identity);
-- Whose a name of a key is, for good: it names no key of another.
CREATE TABLE IF NOT EXISTS kest_authority_kids (
    kid text NOT NULL PRIMARY KEY,
    identity text NOT NULL,
    epoch bigint NOT NULL
);
-- The public keys of the authorities that share this.
CREATE TABLE IF NOT EXISTS kest_authority_published (
    authority text NOT NULL,
    place bigint NOT NULL,
    id text NOT NULL,
    jwk text NOT NULL,
    PRIMARY KEY (authority, place)
);
INSERT INTO kest_authority_schema (version) VALUES (1) ON CONFLICT DO NOTHING;
COMMIT;
