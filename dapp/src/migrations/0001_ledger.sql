-- Amounts are 32-byte big-endian BLOBs; `total`, `streamed`, `committed` and `promised` are scaled by 2^64.
CREATE TABLE token (
    id INTEGER PRIMARY KEY,
    address BLOB NOT NULL UNIQUE CHECK (length(address) = 20),
    deposited BLOB NOT NULL CHECK (length(deposited) = 32),
    withdrawn BLOB NOT NULL CHECK (length(withdrawn) = 32),
    promised BLOB NOT NULL CHECK (length(promised) = 32)
) STRICT;

CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    address BLOB NOT NULL CHECK (length(address) = 20),
    token INTEGER NOT NULL REFERENCES token (id),
    committed BLOB NOT NULL CHECK (length(committed) = 32),
    UNIQUE (address, token)
) STRICT;

-- `since` is NULL where the stream has run under its present terms from `start` on, `streamed` where nothing came before.
CREATE TABLE stream (
    id INTEGER PRIMARY KEY,
    sender INTEGER NOT NULL REFERENCES account (id),
    recipient INTEGER NOT NULL REFERENCES account (id),
    start INTEGER NOT NULL,
    stop INTEGER NOT NULL,
    total BLOB NOT NULL CHECK (length(total) = 32),
    since INTEGER,
    streamed BLOB CHECK (length(streamed) = 32),
    cancelled INTEGER CHECK (cancelled = 1)
) STRICT;

CREATE INDEX stream_by_sender ON stream (sender);
CREATE INDEX stream_by_recipient ON stream (recipient);

-- Level 0 holds events, a second each; a row of level n + 1 the sum and the number of rows of level n from its time on.
CREATE TABLE timeline (
    side INTEGER NOT NULL,
    level INTEGER NOT NULL,
    time INTEGER NOT NULL,
    slope BLOB NOT NULL,
    intercept BLOB NOT NULL,
    children INTEGER NOT NULL,
    PRIMARY KEY (side, level, time)
) STRICT, WITHOUT ROWID;

-- The last input that was accepted, the time it took place, and what it put out.
CREATE TABLE cursor (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    time INTEGER NOT NULL,
    input_index INTEGER NOT NULL,
    input_hash BLOB NOT NULL CHECK (length(input_hash) = 32),
    app_contract BLOB CHECK (length(app_contract) = 20)
) STRICT;

CREATE TABLE output (
    position INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    destination BLOB CHECK (length(destination) = 20),
    value BLOB CHECK (length(value) = 32),
    payload BLOB NOT NULL
) STRICT;
