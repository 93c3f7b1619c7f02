-- What became readable for somebody, or left, by when, in which session, and
-- in which archive. Archive and session stand in the body alone, and leave
-- these indexes with it.

-- +goose Up
CREATE INDEX ledger_openings ON ledger_entries (at, seq) WHERE kind IN ('opened', 'disclosed');
CREATE INDEX ledger_openings_lost ON ledger_entries (at, account) WHERE kind IN ('opened', 'disclosed') AND body IS NULL;
CREATE INDEX ledger_by_session ON ledger_entries (CAST(body AS TEXT) ->> '$.session', seq)
	WHERE kind IN ('opened', 'disclosed') AND json_valid(CAST(body AS TEXT));
CREATE INDEX ledger_by_archive ON ledger_entries (CAST(body AS TEXT) ->> '$.archive', seq)
	WHERE kind = 'disclosed' AND json_valid(CAST(body AS TEXT));
CREATE INDEX ledger_key_changes ON ledger_entries (account, seq) WHERE kind = 'keys-changed' AND vault IS NOT NULL;
