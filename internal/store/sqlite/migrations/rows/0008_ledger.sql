-- The ledger's keys, what of its head is known outside, and its witnesses.

-- +goose Up
ALTER TABLE ledger_checkpoint ADD COLUMN kept INTEGER NOT NULL DEFAULT 0; -- entries that the file of checkpoints is known to speak of

CREATE TABLE ledger_keys (
	first INTEGER PRIMARY KEY, -- entries that there were when it took over
	key   TEXT    NOT NULL
);

CREATE TABLE ledger_witnesses (
	key     TEXT    PRIMARY KEY NOT NULL,
	url     TEXT    NOT NULL,
	size    INTEGER NOT NULL, -- of the newest checkpoint that it has cosigned
	note    BLOB,
	at      INTEGER NOT NULL,
	trouble TEXT    NOT NULL, -- empty where the newest attempt went well
	since   INTEGER NOT NULL
) WITHOUT ROWID;
