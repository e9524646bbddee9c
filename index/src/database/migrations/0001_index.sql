CREATE TABLE cursor (
    name TEXT NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL,
    hash BLOB NOT NULL
);

-- What the store is of: chain, genesis, sources. A node with another configuration is refused.
CREATE TABLE identity (
    name TEXT NOT NULL PRIMARY KEY,
    content TEXT NOT NULL
);

CREATE TABLE block (
    number INTEGER NOT NULL PRIMARY KEY,
    hash BLOB NOT NULL,
    parent BLOB NOT NULL,
    timestamp INTEGER NOT NULL
);

-- Logs of watched events that their ABI does not fit.
CREATE TABLE undecoded (
    block INTEGER NOT NULL,
    idx INTEGER NOT NULL,
    contract BLOB NOT NULL,
    topics BLOB NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (block, idx)
);

-- state: 0 planned, 1 tentative, 2 final.
CREATE TABLE epoch (
    id INTEGER NOT NULL PRIMARY KEY,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    begin_parent_hash BLOB NOT NULL,
    end_hash BLOB,
    end_timestamp INTEGER,
    state INTEGER NOT NULL
);

-- Epochs whose snapshots of a source are to be made.
CREATE TABLE job (
    epoch INTEGER NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (epoch, source)
);

CREATE TABLE snapshot (
    project TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    end_hash BLOB NOT NULL,
    cid TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (project, epoch)
);
CREATE INDEX snapshot_by_epoch ON snapshot (epoch);
CREATE INDEX snapshot_by_cid ON snapshot (cid);

-- Sums of all epochs up to this one; amounts of 32 bytes, the highest first.
CREATE TABLE prefix_sum (
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    total BLOB NOT NULL,
    PRIMARY KEY (project, name, epoch)
);
CREATE INDEX prefix_sum_by_epoch ON prefix_sum (epoch);

-- The chain of final snapshots of a project; height is the epoch's number.
CREATE TABLE dag (
    project TEXT NOT NULL,
    height INTEGER NOT NULL,
    cid TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (project, height)
);
CREATE INDEX dag_by_cid ON dag (cid);
CREATE INDEX dag_by_height ON dag (height);

-- What is to be told to the outside: nothing else acts there.
CREATE TABLE outbox (
    sink TEXT NOT NULL,
    dedupe_key TEXT NOT NULL,
    body TEXT NOT NULL,
    n_tries INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    PRIMARY KEY (sink, dedupe_key)
);

-- What changed, in order, for those who follow. kind: tentative, final, unwound.
CREATE TABLE change (
    id INTEGER NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    epoch INTEGER,
    block INTEGER NOT NULL,
    hash BLOB NOT NULL
);

-- What an epoch adds to the sums of its project, until all epochs before it are added up.
CREATE TABLE addend (
    epoch INTEGER NOT NULL,
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    amount BLOB NOT NULL,
    PRIMARY KEY (epoch, project, name)
);
