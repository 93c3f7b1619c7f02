-- hearkeep.db. Ids are 16-byte blobs, times int64 Unix milliseconds in UTC
-- with 0 for "not set", durations int64 nanoseconds. What a vault's tables
-- hold of speech is ciphertext.
--
-- Rows of one room point at each other, with the vault in the key, so that the
-- database itself refuses a part, recording or binding under another vault.
-- Rows of different rooms do not: a room's rows are its own.

-- +goose Up

-- Room identity.
CREATE TABLE accounts (
	id             BLOB    PRIMARY KEY NOT NULL,
	name           TEXT    NOT NULL UNIQUE,
	display        TEXT    NOT NULL,
	public         BLOB,
	sealed_private BLOB,
	sealed_list    BLOB,
	created        INTEGER NOT NULL
);

CREATE TABLE unlockers (
	id      BLOB    PRIMARY KEY NOT NULL,
	account BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
	kind    TEXT    NOT NULL,
	params  BLOB,
	wrap    BLOB,
	created INTEGER NOT NULL
);
CREATE INDEX unlockers_of_account ON unlockers (account, created, id);

CREATE TABLE sessions (
	id_hash    BLOB    PRIMARY KEY NOT NULL,
	account    BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
	wrap       BLOB,
	created    INTEGER NOT NULL,
	expires    INTEGER NOT NULL,
	stepped_up INTEGER NOT NULL,
	used       INTEGER NOT NULL,
	agent      TEXT    NOT NULL
);
CREATE INDEX sessions_of_account ON sessions (account);
CREATE INDEX sessions_by_expiry ON sessions (expires);

CREATE TABLE tokens (
	binding     BLOB    PRIMARY KEY NOT NULL,
	secret_hash BLOB    NOT NULL,
	created     INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE links (
	kind    TEXT    NOT NULL,
	hash    BLOB    NOT NULL,
	payload BLOB,
	expires INTEGER NOT NULL,
	PRIMARY KEY (kind, hash)
) WITHOUT ROWID;
CREATE INDEX links_by_expiry ON links (expires);

-- Room vault.
CREATE TABLE vaults (
	id           BLOB    PRIMARY KEY NOT NULL,
	kind         TEXT    NOT NULL,
	label        BLOB, -- its name, sealed
	retain_audio INTEGER NOT NULL,
	retain_words INTEGER NOT NULL,
	retain_turn  INTEGER NOT NULL,
	created      INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE generations (
	vault       BLOB    NOT NULL REFERENCES vaults (id),
	n           INTEGER NOT NULL,
	hpke_public BLOB,
	sign_public BLOB,
	keyholders  BLOB, -- account ids, one after the other
	signature   BLOB,
	created     INTEGER NOT NULL,
	PRIMARY KEY (vault, n)
);

CREATE TABLE keyholders (
	vault      BLOB    NOT NULL,
	account    BLOB    NOT NULL,
	generation INTEGER NOT NULL,
	wrap       BLOB,
	pin        BLOB,
	PRIMARY KEY (vault, account, generation),
	FOREIGN KEY (vault, generation) REFERENCES generations (vault, n)
);
CREATE INDEX keyholders_of_generation ON keyholders (vault, generation);
CREATE INDEX keyholders_by_account ON keyholders (account, vault);

CREATE TABLE bindings (
	id         BLOB    PRIMARY KEY NOT NULL,
	vault      BLOB    NOT NULL REFERENCES vaults (id),
	generation INTEGER NOT NULL,
	source     TEXT    NOT NULL,
	label      BLOB,
	rule       TEXT    NOT NULL,
	signature  BLOB,
	pin        BLOB,
	next       INTEGER NOT NULL,
	created    INTEGER NOT NULL,
	ended      INTEGER NOT NULL,
	UNIQUE (vault, id)
);

CREATE TABLE recordings (
	vault      BLOB    NOT NULL,
	id         BLOB    NOT NULL,
	binding    BLOB    NOT NULL,
	number     INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	envelope   BLOB,
	start      INTEGER NOT NULL,
	duration   INTEGER NOT NULL,
	blob       TEXT    NOT NULL,
	kept       INTEGER NOT NULL,
	PRIMARY KEY (vault, id),
	UNIQUE (vault, binding, number),
	FOREIGN KEY (vault, binding) REFERENCES bindings (vault, id)
) WITHOUT ROWID;
CREATE INDEX recordings_by_start ON recordings (vault, start, id);
CREATE INDEX recordings_by_blob ON recordings (blob) WHERE blob <> '';

CREATE TABLE parts (
	vault     BLOB    NOT NULL,
	recording BLOB    NOT NULL,
	part      TEXT    NOT NULL,
	version   INTEGER NOT NULL,
	size      INTEGER NOT NULL,
	hash      BLOB    NOT NULL,
	until     INTEGER NOT NULL,
	bytes     BLOB, -- last, so that the columns before it are read without it
	PRIMARY KEY (vault, recording, part),
	FOREIGN KEY (vault, recording) REFERENCES recordings (vault, id) ON DELETE CASCADE
);
CREATE INDEX parts_by_until ON parts (until, vault, recording, part);

CREATE TABLE tombstones (
	vault   BLOB    NOT NULL,
	binding BLOB    NOT NULL,
	first   INTEGER NOT NULL,
	last    INTEGER NOT NULL,
	outcome TEXT    NOT NULL,
	at      INTEGER NOT NULL,
	PRIMARY KEY (vault, binding, first),
	FOREIGN KEY (vault, binding) REFERENCES bindings (vault, id)
) WITHOUT ROWID;

-- AUTOINCREMENT: a follower's cursor must never see a number twice.
CREATE TABLE erasures (
	seq        INTEGER PRIMARY KEY AUTOINCREMENT,
	receipt    BLOB    NOT NULL UNIQUE,
	vault      BLOB    NOT NULL,
	recordings BLOB, -- ids, one after the other
	parts      TEXT    NOT NULL, -- names with spaces between; empty for all
	outcome    TEXT    NOT NULL,
	total      INTEGER NOT NULL, -- recordings, with the earlier batches of one wish
	entry      INTEGER NOT NULL, -- of the ledger
	at         INTEGER NOT NULL
);

-- Room ledger.
CREATE TABLE ledger_entries (
	seq     INTEGER PRIMARY KEY,
	leaf    BLOB    NOT NULL,
	salt    BLOB,
	body    BLOB,
	kind    TEXT    NOT NULL,
	vault   BLOB,
	account BLOB,
	at      INTEGER NOT NULL
);
CREATE INDEX ledger_by_vault ON ledger_entries (vault, seq) WHERE vault IS NOT NULL;
CREATE INDEX ledger_by_account ON ledger_entries (account, seq) WHERE account IS NOT NULL;
CREATE INDEX ledger_bodies ON ledger_entries (at) WHERE body IS NOT NULL;

CREATE TABLE ledger_hashes (
	idx  INTEGER PRIMARY KEY,
	hash BLOB    NOT NULL
);

CREATE TABLE ledger_checkpoint (
	one  INTEGER PRIMARY KEY CHECK (one = 1), -- the newest only
	size INTEGER NOT NULL,
	note BLOB    NOT NULL
);

-- Room act, and the counters of room hear.
CREATE TABLE timers (
	id        BLOB PRIMARY KEY NOT NULL,
	vault     BLOB,
	recording BLOB,
	sealed    BLOB
);

CREATE TABLE cursors (
	follower TEXT    PRIMARY KEY NOT NULL,
	seq      INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE counters (
	binding BLOB    NOT NULL,
	counter TEXT    NOT NULL,
	n       INTEGER NOT NULL,
	PRIMARY KEY (binding, counter)
) WITHOUT ROWID;

-- Background work.
CREATE TABLE jobs (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	kind     TEXT    NOT NULL,
	payload  BLOB,
	attempts INTEGER NOT NULL,
	due      INTEGER NOT NULL
);
CREATE INDEX jobs_of_kind ON jobs (kind, id);
