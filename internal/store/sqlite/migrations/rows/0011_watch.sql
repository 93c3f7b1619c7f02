-- What the follower of the ledger remembers from one entry to the next.

-- +goose Up
CREATE TABLE watch_notes (
	kind  TEXT    NOT NULL,
	key   BLOB    NOT NULL,
	value BLOB    NOT NULL,
	until INTEGER NOT NULL, -- forgotten then
	PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE INDEX watch_notes_until ON watch_notes (until);

CREATE INDEX reports_alike ON reports (what, account, vault) WHERE closed = 0;
