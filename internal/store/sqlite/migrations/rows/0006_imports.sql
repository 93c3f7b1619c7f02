-- Which file that was brought from elsewhere became which recording.

-- +goose Up
CREATE TABLE imports (
	vault      BLOB    NOT NULL,
	generation INTEGER NOT NULL,
	digest     BLOB    NOT NULL, -- a MAC under that generation's key
	recording  BLOB    NOT NULL,
	PRIMARY KEY (vault, generation, digest),
	FOREIGN KEY (vault, recording) REFERENCES recordings (vault, id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX imports_of_recording ON imports (vault, recording);
