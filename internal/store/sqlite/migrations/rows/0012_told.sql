-- Letters about cases are followed until they arrive, one by one.

-- +goose Up
CREATE INDEX communications_queued ON communications (delivery) WHERE state = 'queued';
CREATE INDEX communications_of_letter ON communications (incident, delivery, account);
