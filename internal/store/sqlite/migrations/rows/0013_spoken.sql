-- Letters that wait until somebody speaks at a door.

-- +goose Up
CREATE INDEX deliveries_spoken ON deliveries (id) WHERE kind = 'spoken' AND state = 'queued';
