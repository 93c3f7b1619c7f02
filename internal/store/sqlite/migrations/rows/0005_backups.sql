-- Where copies of the wrapped keys lie.

-- +goose Up
CREATE TABLE backups (
	id         BLOB    PRIMARY KEY NOT NULL,
	place      TEXT    NOT NULL,
	keys       TEXT    NOT NULL,
	begun      INTEGER NOT NULL,
	until      INTEGER NOT NULL,
	erasures   INTEGER NOT NULL, -- the newest of which the copy of the keys holds none
	verified   INTEGER NOT NULL,
	destroyed  INTEGER NOT NULL,
	recordings INTEGER NOT NULL,
	bytes      INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX backups_in_order ON backups (begun, id);
