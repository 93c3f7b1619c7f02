package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// agents implements store.Agents.
type agents struct{ *tx }

func (a agents) PutAgentToken(ctx context.Context, t store.AgentToken) error {
	return a.put(ctx, `INSERT INTO agent_tokens (agent, hash, key, made) VALUES (?, ?, ?, ?)
		ON CONFLICT (agent) DO UPDATE SET hash = excluded.hash, key = excluded.key, made = excluded.made`,
		t.Agent, t.Hash[:], t.Key[:], millis(t.Made))
}

func (a agents) AgentToken(ctx context.Context, hash [32]byte) (store.AgentToken, error) {
	return one(ctx, a.tx, func(row *sql.Rows) (t store.AgentToken, err error) {
		return t, row.Scan(&t.Agent, scanHash{&t.Hash}, scanHash{&t.Key}, scanTime{&t.Made})
	}, "SELECT agent, hash, key, made FROM agent_tokens WHERE hash = ?", hash[:])
}

func (a agents) RememberMessage(ctx context.Context, hash [32]byte, until time.Time) error {
	return a.put(ctx, "INSERT INTO agent_messages (hash, until) VALUES (?, ?)", hash[:], millis(until))
}

func (a agents) ExpireMessages(ctx context.Context, before time.Time) (int, error) {
	n, err := a.exec(ctx, "DELETE FROM agent_messages WHERE until < ?", millis(before))
	return int(n), err
}

func (a agents) InsertAgentRequest(ctx context.Context, r store.AgentRequest) error {
	return a.put(ctx, `INSERT INTO agent_requests (id, agent, exercise, state, reason, looked, account, request, sealed, received, due, ended)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.ID, r.Agent, r.Exercise, r.State, r.Reason, r.Looked, r.Account, r.Request, r.Sealed, millis(r.Received), millis(r.Due), millis(r.Ended))
}

const selectAgentRequest = "SELECT id, agent, exercise, state, reason, looked, account, request, sealed, received, due, ended FROM agent_requests "

func scanAgentRequest(row *sql.Rows) (r store.AgentRequest, err error) {
	return r, row.Scan(&r.ID, &r.Agent, &r.Exercise, &r.State, &r.Reason, &r.Looked, &r.Account, &r.Request, &r.Sealed,
		scanTime{&r.Received}, scanTime{&r.Due}, scanTime{&r.Ended})
}

func (a agents) AgentRequest(ctx context.Context, agent string, id hearkeep.AgentRequestID) (store.AgentRequest, error) {
	return one(ctx, a.tx, scanAgentRequest, selectAgentRequest+"WHERE id = ? AND agent = ?", id, agent)
}

func (a agents) SetAgentRequest(ctx context.Context, r store.AgentRequest) error {
	return a.change(ctx, `UPDATE agent_requests SET state = ?, reason = ?, looked = ?, account = ?, request = ?, sealed = ?, due = ?, ended = ?
		WHERE id = ? AND agent = ?`,
		r.State, r.Reason, r.Looked, r.Account, r.Request, r.Sealed, millis(r.Due), millis(r.Ended), r.ID, r.Agent)
}

func (a agents) NewAgentRequests(ctx context.Context, limit int) ([]store.AgentRequest, error) {
	return all(ctx, a.tx, scanAgentRequest, selectAgentRequest+"WHERE looked = 0 ORDER BY received, id LIMIT ?", limit)
}

func (a agents) OpenAgentRequests(ctx context.Context, after hearkeep.AgentRequestID, limit int) ([]store.AgentRequest, error) {
	return all(ctx, a.tx, scanAgentRequest, selectAgentRequest+"WHERE ended = 0 AND id > ? ORDER BY id LIMIT ?", after[:], limit)
}

func (a agents) AgentRequestFor(ctx context.Context, account hearkeep.AccountID, id hearkeep.RequestID) (store.AgentRequest, error) {
	return one(ctx, a.tx, scanAgentRequest, selectAgentRequest+"WHERE account = ? AND request = ?", account, id)
}

func (a agents) CountAgentRequests(ctx context.Context, agent string, since time.Time) (int, error) {
	return value[int](ctx, a.tx, "SELECT count(*) FROM agent_requests WHERE agent = ? AND received >= ?", agent, millis(since))
}

func (a agents) ExpireAgentRequests(ctx context.Context, before time.Time) (int, error) {
	n, err := a.exec(ctx, "DELETE FROM agent_requests WHERE ended > 0 AND ended < ?", millis(before))
	return int(n), err
}

func (a agents) ConfirmedEmails(ctx context.Context, after hearkeep.ChannelID, limit int) ([]store.Channel, error) {
	return all(ctx, a.tx, func(row *sql.Rows) (c store.Channel, err error) {
		return c, row.Scan(&c.ID, &c.Account, &c.Kind, &c.Address, scanTime{&c.Created}, scanTime{&c.Confirmed})
	}, `SELECT id, account, kind, address, created, confirmed FROM channels
		WHERE id > ? AND kind = 'email' AND confirmed > 0 ORDER BY id LIMIT ?`, after[:], limit)
}
