-- What reports of the same thing join, and what a case froze.

-- +goose Up
CREATE INDEX reports_about_archive ON reports (archive, at, id) WHERE archive IS NOT NULL AND closed = 0;
CREATE INDEX reports_about_recording ON reports (recording, at, id) WHERE recording IS NOT NULL AND closed = 0;
CREATE INDEX reports_about_binding ON reports (binding, at, id) WHERE binding IS NOT NULL AND closed = 0;
CREATE INDEX reports_about_nothing ON reports (what, account, vault, at, id)
	WHERE archive IS NULL AND recording IS NULL AND binding IS NULL AND closed = 0;
CREATE INDEX reports_loose ON reports (at, id) WHERE via = 'form' AND closed = 0 AND archive IS NULL;
CREATE INDEX reports_spoken ON reports (vault, at, id) WHERE via = 'voice';
CREATE INDEX restrictions_of_report ON restrictions (report) WHERE lifted = 0 AND report IS NOT NULL;
