-- Who may open which vault: households, invitations, ways in, letters.

-- +goose Up
ALTER TABLE accounts  ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE unlockers ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE unlockers ADD COLUMN used INTEGER NOT NULL DEFAULT 0;

ALTER TABLE vaults      ADD COLUMN household BLOB;
ALTER TABLE vaults      ADD COLUMN of_age INTEGER NOT NULL DEFAULT 0;
ALTER TABLE generations ADD COLUMN roster BLOB; -- keyholders with their keys, signed
CREATE INDEX vaults_of_household ON vaults (household) WHERE household IS NOT NULL;
CREATE INDEX recordings_by_generation ON recordings (vault, generation, start, id); -- a page of who came later

CREATE TABLE departures (
	vault   BLOB    NOT NULL REFERENCES vaults (id),
	account BLOB    NOT NULL,
	by      BLOB    NOT NULL,
	at      INTEGER NOT NULL,
	PRIMARY KEY (vault, account)
) WITHOUT ROWID;

CREATE TABLE api_tokens (
	id         BLOB    PRIMARY KEY NOT NULL,
	account    BLOB    NOT NULL,
	vault      BLOB    NOT NULL REFERENCES vaults (id),
	generation INTEGER NOT NULL,
	write      INTEGER NOT NULL,
	name       TEXT    NOT NULL,
	wrap       BLOB    NOT NULL,
	created    INTEGER NOT NULL,
	expires    INTEGER NOT NULL,
	used       INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX api_tokens_of_account ON api_tokens (account, created, id);
CREATE INDEX api_tokens_of_vault ON api_tokens (vault);

-- Households.
CREATE TABLE households (
	id      BLOB    PRIMARY KEY NOT NULL,
	label   BLOB, -- its name, sealed
	created INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE members (
	account   BLOB    PRIMARY KEY NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
	household BLOB    NOT NULL REFERENCES households (id),
	role      TEXT    NOT NULL,
	since     INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX members_of_household ON members (household, since, account);

CREATE TABLE invitations (
	id         BLOB    PRIMARY KEY NOT NULL,
	hash       BLOB    NOT NULL UNIQUE,
	household  BLOB    NOT NULL REFERENCES households (id),
	vault      BLOB,
	generation INTEGER NOT NULL,
	by         BLOB    NOT NULL,
	role       TEXT    NOT NULL,
	holds_as   TEXT    NOT NULL,
	past       INTEGER NOT NULL,
	sealed     BLOB,
	account    BLOB, -- who accepted
	public     BLOB,
	mac        BLOB,
	created    INTEGER NOT NULL,
	expires    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX invitations_of_household ON invitations (household, created);
CREATE INDEX invitations_to_vault ON invitations (vault, created) WHERE vault IS NOT NULL;
CREATE INDEX invitations_of_account ON invitations (account, created) WHERE account IS NOT NULL;

CREATE TABLE farewells (
	account BLOB    PRIMARY KEY NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
	asked   INTEGER NOT NULL,
	due     INTEGER NOT NULL
) WITHOUT ROWID;

-- Every account so far has a household of its own, with it as admin.
INSERT INTO households (id, created) SELECT id, created FROM accounts;
INSERT INTO members (account, household, role, since) SELECT id, id, 'admin', created FROM accounts;

-- Room notify.
CREATE TABLE channels (
	id        BLOB    PRIMARY KEY NOT NULL,
	account   BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
	kind      TEXT    NOT NULL,
	address   BLOB    NOT NULL, -- sealed
	created   INTEGER NOT NULL,
	confirmed INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX channels_of_account ON channels (account, created, id);

CREATE TABLE deliveries (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	account  BLOB    NOT NULL,
	channel  BLOB    NOT NULL,
	kind     TEXT    NOT NULL,
	topic    TEXT    NOT NULL,
	sealed   BLOB, -- address and letter, until it is sent
	state    TEXT    NOT NULL,
	attempts INTEGER NOT NULL,
	created  INTEGER NOT NULL,
	due      INTEGER NOT NULL,
	sent     INTEGER NOT NULL
);
CREATE INDEX deliveries_of_account ON deliveries (account, id);
CREATE INDEX deliveries_due ON deliveries (due) WHERE state = 'queued';
