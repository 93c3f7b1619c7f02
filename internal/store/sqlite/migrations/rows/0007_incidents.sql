-- Reports that people make, the cases that they open, who is affected and who
-- was told.

-- +goose Up
ALTER TABLE reports ADD COLUMN via      TEXT    NOT NULL DEFAULT 'self';
ALTER TABLE reports ADD COLUMN incident BLOB;
ALTER TABLE reports ADD COLUMN language TEXT    NOT NULL DEFAULT '';
ALTER TABLE reports ADD COLUMN hash     BLOB;
ALTER TABLE reports ADD COLUMN sealed   BLOB;
ALTER TABLE reports ADD COLUMN answered INTEGER NOT NULL DEFAULT 0;
CREATE INDEX reports_new ON reports (at, id) WHERE incident IS NULL AND closed = 0;
CREATE INDEX reports_in ON reports (incident, at, id) WHERE incident IS NOT NULL;
CREATE UNIQUE INDEX reports_by_hash ON reports (hash) WHERE hash IS NOT NULL;

CREATE TABLE incidents (
	id      BLOB    PRIMARY KEY NOT NULL,
	what    TEXT    NOT NULL,
	state   TEXT    NOT NULL,
	phase   INTEGER NOT NULL,
	aware   INTEGER NOT NULL,
	due     INTEGER NOT NULL,
	alarmed INTEGER NOT NULL,
	tell_by INTEGER NOT NULL,
	notify  TEXT    NOT NULL,
	sealed  BLOB,
	closed  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX incidents_open ON incidents (due, id) WHERE closed = 0;
CREATE INDEX incidents_newest ON incidents (aware, id);

CREATE TABLE incident_steps (
	incident BLOB    NOT NULL REFERENCES incidents (id),
	n        INTEGER NOT NULL,
	kind     TEXT    NOT NULL,
	role     TEXT    NOT NULL,
	entry    INTEGER NOT NULL, -- of the ledger
	at       INTEGER NOT NULL,
	sealed   BLOB,
	PRIMARY KEY (incident, n)
) WITHOUT ROWID;

CREATE TABLE affected (
	incident BLOB    NOT NULL REFERENCES incidents (id),
	account  BLOB    NOT NULL,
	vault    BLOB    NOT NULL,
	binding  BLOB    NOT NULL,
	since    INTEGER NOT NULL, -- numbers, both included
	until    INTEGER NOT NULL,
	how      TEXT    NOT NULL,
	entry    INTEGER NOT NULL,
	at       INTEGER NOT NULL,
	told     INTEGER NOT NULL,
	PRIMARY KEY (incident, account, vault, binding, since, how)
) WITHOUT ROWID;
CREATE INDEX affected_of_account ON affected (account, incident, vault, binding, since);

CREATE TABLE communications (
	incident BLOB    NOT NULL REFERENCES incidents (id),
	account  BLOB,
	delivery INTEGER NOT NULL,
	kind     TEXT    NOT NULL,
	topic    TEXT    NOT NULL,
	state    TEXT    NOT NULL,
	at       INTEGER NOT NULL,
	ended    INTEGER NOT NULL
);
CREATE INDEX communications_of_incident ON communications (incident, at);

CREATE TABLE recipients (
	id       BLOB    PRIMARY KEY NOT NULL,
	incident BLOB    NOT NULL REFERENCES incidents (id),
	hash     BLOB    NOT NULL UNIQUE,
	sealed   BLOB    NOT NULL,
	state    TEXT    NOT NULL,
	asked    INTEGER NOT NULL,
	ended    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX recipients_of_incident ON recipients (incident, asked, id);

ALTER TABLE accounts ADD COLUMN language TEXT NOT NULL DEFAULT '';

CREATE TABLE places (
	account BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
	mark    BLOB    NOT NULL,
	first   INTEGER NOT NULL,
	last    INTEGER NOT NULL,
	PRIMARY KEY (account, mark)
) WITHOUT ROWID;
CREATE INDEX places_last ON places (last);
