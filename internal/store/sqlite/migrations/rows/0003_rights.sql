-- What people ask for, what left, what is wrong, and what is frozen.

-- +goose Up
CREATE TABLE requests (
	id       BLOB    PRIMARY KEY NOT NULL,
	account  BLOB    NOT NULL,
	kind     TEXT    NOT NULL,
	state    TEXT    NOT NULL,
	via      TEXT    NOT NULL,
	binding  BLOB,
	received INTEGER NOT NULL,
	due      INTEGER NOT NULL,
	extended INTEGER NOT NULL,
	reason   TEXT    NOT NULL,
	reminded INTEGER NOT NULL,
	ended    INTEGER NOT NULL, -- 0 while its clock runs
	answer   BLOB,
	mac      BLOB    NOT NULL
) WITHOUT ROWID;
CREATE INDEX requests_of_account ON requests (account, received, id);
CREATE INDEX requests_due ON requests (due, id) WHERE ended = 0;
CREATE INDEX requests_counted ON requests (kind, state);

CREATE TABLE archives (
	id      BLOB    PRIMARY KEY NOT NULL,
	request BLOB    NOT NULL,
	account BLOB    NOT NULL,
	sealed  INTEGER NOT NULL,
	state   TEXT    NOT NULL,
	count   INTEGER NOT NULL,
	bytes   INTEGER NOT NULL,
	hash    BLOB    NOT NULL,
	made    INTEGER NOT NULL,
	ended   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX archives_of_account ON archives (account, made, id);

CREATE TABLE reports (
	id        BLOB    PRIMARY KEY NOT NULL,
	what      TEXT    NOT NULL,
	account   BLOB,
	vault     BLOB,
	binding   BLOB,
	recording BLOB,
	archive   BLOB,
	at        INTEGER NOT NULL,
	closed    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX reports_open ON reports (at, id) WHERE closed = 0;
CREATE INDEX reports_of_account ON reports (account, at, id) WHERE account IS NOT NULL;

CREATE TABLE restrictions (
	id        BLOB    PRIMARY KEY NOT NULL,
	vault     BLOB    NOT NULL REFERENCES vaults (id),
	binding   BLOB,
	recording BLOB,
	account   BLOB,
	request   BLOB,
	report    BLOB,
	at        INTEGER NOT NULL,
	lifted    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX restrictions_in_force ON restrictions (vault, at, id) WHERE lifted = 0;

CREATE TABLE claims (
	id      BLOB    PRIMARY KEY NOT NULL,
	hash    BLOB    NOT NULL UNIQUE,
	sealed  BLOB    NOT NULL, -- what was written, and how to reach who wrote it
	since   INTEGER NOT NULL,
	until   INTEGER NOT NULL,
	vault   BLOB,
	binding BLOB,
	state   TEXT    NOT NULL,
	count   INTEGER NOT NULL,
	due     INTEGER NOT NULL,
	made    INTEGER NOT NULL,
	ended   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX claims_of_vault ON claims (vault, made, id) WHERE vault IS NOT NULL;
CREATE INDEX claims_open ON claims (due, id) WHERE ended = 0;
CREATE INDEX claims_ended ON claims (ended) WHERE ended > 0;
