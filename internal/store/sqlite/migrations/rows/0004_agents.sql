-- Who asks in somebody's name, and what for (Data Rights Protocol).

-- +goose Up
CREATE TABLE agent_tokens (
	agent TEXT    PRIMARY KEY NOT NULL,
	hash  BLOB    NOT NULL UNIQUE,
	key   BLOB    NOT NULL,
	made  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE agent_messages (
	hash  BLOB    PRIMARY KEY NOT NULL,
	until INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX agent_messages_by_end ON agent_messages (until);

CREATE TABLE agent_requests (
	id       BLOB    PRIMARY KEY NOT NULL,
	agent    TEXT    NOT NULL,
	exercise TEXT    NOT NULL,
	state    TEXT    NOT NULL,
	reason   TEXT    NOT NULL,
	looked   INTEGER NOT NULL,
	account  BLOB,
	request  BLOB,
	sealed   BLOB,
	received INTEGER NOT NULL,
	due      INTEGER NOT NULL,
	ended    INTEGER NOT NULL -- 0 while it can change
) WITHOUT ROWID;
CREATE INDEX agent_requests_of_agent ON agent_requests (agent, received);
CREATE INDEX agent_requests_new ON agent_requests (received, id) WHERE looked = 0;
CREATE INDEX agent_requests_open ON agent_requests (id) WHERE ended = 0;
CREATE INDEX agent_requests_of_account ON agent_requests (account, request) WHERE account IS NOT NULL;
CREATE INDEX agent_requests_ended ON agent_requests (ended) WHERE ended > 0;
