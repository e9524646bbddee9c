-- The blocks that snapshots have links to. What an epoch's rows are is in no other epoch, so that each belongs to one.
CREATE TABLE page (
    cid TEXT NOT NULL PRIMARY KEY,
    epoch INTEGER NOT NULL,
    content BLOB NOT NULL
);
CREATE INDEX page_by_epoch ON page (epoch);
