-- keys.db: wrapped keys only.
--
-- Wraps of part keys lie in numbered slots that are never deleted, never
-- change their length and therefore never move: SQLite's secure_delete zeroes
-- a deleted row where it lies, but not the copies that page splits and merges
-- have left of it elsewhere. A destroyed wrap is overwritten with zeroes in
-- its place, and the slot is given out again.

-- +goose Up
CREATE TABLE slots (
	slot INTEGER PRIMARY KEY,
	wrap BLOB    NOT NULL
);

CREATE TABLE free_slots (
	size INTEGER NOT NULL, -- of the wrap, in bytes
	slot INTEGER NOT NULL REFERENCES slots (slot),
	PRIMARY KEY (size, slot)
) WITHOUT ROWID;

CREATE TABLE part_keys (
	recording BLOB    NOT NULL,
	vault     BLOB    NOT NULL,
	part      TEXT    NOT NULL,
	version   INTEGER NOT NULL,
	slot      INTEGER NOT NULL REFERENCES slots (slot),
	PRIMARY KEY (recording, vault, part, version)
) WITHOUT ROWID;

CREATE TABLE envelopes (
	vault BLOB NOT NULL,
	id    BLOB NOT NULL,
	wrap  BLOB NOT NULL,
	PRIMARY KEY (vault, id)
);
