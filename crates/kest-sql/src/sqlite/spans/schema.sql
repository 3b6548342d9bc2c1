-- Spans of Kest, version 1. Times are nanoseconds since 1970 in UTC.
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS kest_spans_schema (version INTEGER NOT NULL PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS kest_spans (
    id INTEGER PRIMARY KEY,
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    -- Null where a trace begins.
    parent_span_id TEXT,
    service TEXT NOT NULL,
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('internal', 'server', 'client', 'producer', 'consumer')),
    start_unix_nano INTEGER NOT NULL,
    end_unix_nano INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('unset', 'ok', 'error')),
    status_message TEXT NOT NULL,
    -- One JSON object.
    attributes TEXT NOT NULL CHECK (json_valid(attributes)),
    dropped_attributes INTEGER NOT NULL,
    -- A JSON array of {"traceId": .., "spanId": ..}.
    links TEXT NOT NULL CHECK (json_valid(links)),
    UNIQUE (trace_id, span_id)
) STRICT;
CREATE INDEX IF NOT EXISTS kest_spans_start ON kest_spans (start_unix_nano);
INSERT OR IGNORE INTO kest_spans_schema (version) VALUES (1);
COMMIT;
