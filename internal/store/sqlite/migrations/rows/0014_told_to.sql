-- What somebody was told, by whom it was told to.

-- +goose Up
CREATE INDEX communications_of_account ON communications (account, incident);
