-- There while the application's files may not be what the processed inputs make of them.
CREATE TABLE put_back (
    id INTEGER PRIMARY KEY CHECK (id = 0)
) STRICT;

-- Outputs that the application's contract has executed. The chain may tell before the application has put them out here.
CREATE TABLE execution (
    output INTEGER PRIMARY KEY,
    transaction_hash BLOB NOT NULL CHECK (length(transaction_hash) = 32),
    block INTEGER NOT NULL
) STRICT;

INSERT INTO execution (output, transaction_hash, block)
    SELECT id, execution_transaction, execution_block FROM output WHERE execution_transaction IS NOT NULL;

ALTER TABLE output DROP COLUMN execution_transaction;
ALTER TABLE output DROP COLUMN execution_block;
