-- What became of the snapshots that this node submitted. status: pending, submitted, indeterminate, finalized, disputed,
-- refused, equivocated.
CREATE TABLE consensus (
    project TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    cid TEXT NOT NULL,
    final_cid TEXT,
    status TEXT NOT NULL,
    reason TEXT,
    PRIMARY KEY (project, epoch)
);
CREATE INDEX consensus_by_status ON consensus (status);

-- What follows is the desk's: which epochs it has had a vote on, and what was agreed. Times are Unix seconds.
CREATE TABLE consensus_round (
    project TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    final_cid TEXT,
    PRIMARY KEY (project, epoch)
);
CREATE INDEX consensus_round_by_epoch ON consensus_round (epoch);

-- One row for a peer and an epoch. Two, if it has contradicted itself. is_open: 1 until the epoch is agreed on.
CREATE TABLE consensus_vote (
    project TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    peer BLOB NOT NULL,
    cid TEXT NOT NULL,
    signature BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    is_open INTEGER NOT NULL,
    PRIMARY KEY (project, epoch, peer, cid)
);
CREATE INDEX consensus_vote_by_peer ON consensus_vote (peer, is_open);

-- Peers that have said that they follow a project.
CREATE TABLE consensus_peer (
    project TEXT NOT NULL,
    peer BLOB NOT NULL,
    registered_at INTEGER NOT NULL,
    PRIMARY KEY (project, peer)
);
CREATE INDEX consensus_peer_by_peer ON consensus_peer (peer);

-- The blocks of a CAR file while it is read; empty at all other times.
CREATE TABLE car_block (
    cid TEXT NOT NULL PRIMARY KEY,
    content BLOB NOT NULL,
    is_reached INTEGER NOT NULL
);
