-- What this node serves, set once.
CREATE TABLE setup (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    chain_id INTEGER NOT NULL,
    input_box BLOB NOT NULL CHECK (length(input_box) = 20),
    app BLOB NOT NULL CHECK (length(app) = 20),
    consensus BLOB NOT NULL CHECK (length(consensus) = 20),
    epoch_length INTEGER NOT NULL,
    template_hash BLOB NOT NULL CHECK (length(template_hash) = 32),
    from_block INTEGER NOT NULL
) STRICT;

-- When the system was started that the application last ran on. After a power cut it is another.
CREATE TABLE boot (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    name TEXT NOT NULL
) STRICT;

-- Blocks whose hashes tell whether the chain is still the one that was read: those with inputs, and the last of each scan.
CREATE TABLE block (
    number INTEGER PRIMARY KEY,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE epoch (
    id INTEGER PRIMARY KEY,
    virtual_index INTEGER NOT NULL UNIQUE,
    -- Outputs up to its end, and their root, once all inputs are processed.
    n_outputs INTEGER,
    outputs_root BLOB CHECK (length(outputs_root) = 32),
    claim_transaction BLOB CHECK (length(claim_transaction) = 32),
    status TEXT NOT NULL
) STRICT;

CREATE TABLE input (
    id INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL REFERENCES epoch (id),
    block_number INTEGER NOT NULL,
    transaction_hash BLOB NOT NULL CHECK (length(transaction_hash) = 32),
    sender BLOB NOT NULL CHECK (length(sender) = 20),
    raw BLOB NOT NULL,
    status TEXT NOT NULL,
    -- Outputs after this input, for roll-backs.
    n_outputs INTEGER
) STRICT;

CREATE INDEX input_by_epoch ON input (epoch);
CREATE INDEX input_by_sender ON input (sender);
-- Inputs are processed in order, so the first of these tells how many are.
CREATE INDEX input_unprocessed ON input (id) WHERE n_outputs IS NULL;

CREATE TABLE output (
    id INTEGER PRIMARY KEY,
    input INTEGER NOT NULL REFERENCES input (id),
    raw BLOB NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    execution_transaction BLOB CHECK (length(execution_transaction) = 32),
    execution_block INTEGER
) STRICT;

CREATE INDEX output_by_input ON output (input);

CREATE TABLE report (
    id INTEGER PRIMARY KEY,
    input INTEGER NOT NULL REFERENCES input (id),
    raw BLOB NOT NULL
) STRICT;

CREATE INDEX report_by_input ON report (input);

-- Nodes of the outputs' tree above existing outputs alone; level 0 is `output.hash`.
CREATE TABLE node (
    level INTEGER NOT NULL,
    position INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, position)
) STRICT, WITHOUT ROWID;
