package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// identity implements store.Identity.
type identity struct{ *tx }

func (i identity) InsertAccount(ctx context.Context, a store.Account) error {
	return i.put(ctx, `INSERT INTO accounts (id, name, display, public, sealed_private, sealed_list, created, changed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		a.ID, a.Name, a.Display, a.Public, a.SealedPrivate, a.SealedList, millis(a.Created), millis(a.Changed))
}

func (i identity) SetAccount(ctx context.Context, a store.Account) error {
	return i.change(ctx, "UPDATE accounts SET public = ?, sealed_private = ?, sealed_list = ?, changed = ? WHERE id = ?",
		a.Public, a.SealedPrivate, a.SealedList, millis(a.Changed), a.ID)
}

func (i identity) DeleteAccount(ctx context.Context, id hearkeep.AccountID) error {
	// What belongs to it goes with it: ON DELETE CASCADE.
	return i.change(ctx, "DELETE FROM accounts WHERE id = ?", id)
}

const selectAccount = "SELECT id, name, display, public, sealed_private, sealed_list, created, changed FROM accounts "

func scanAccount(row *sql.Rows) (a store.Account, err error) {
	return a, row.Scan(&a.ID, &a.Name, &a.Display, &a.Public, &a.SealedPrivate, &a.SealedList, scanTime{&a.Created}, scanTime{&a.Changed})
}

func (i identity) Account(ctx context.Context, id hearkeep.AccountID) (store.Account, error) {
	return one(ctx, i.tx, scanAccount, selectAccount+"WHERE id = ?", id)
}

func (i identity) AccountByName(ctx context.Context, name string) (store.Account, error) {
	return one(ctx, i.tx, scanAccount, selectAccount+"WHERE name = ?", name)
}

func (i identity) CountAccounts(ctx context.Context) (int, error) {
	return value[int](ctx, i.tx, "SELECT count(*) FROM accounts")
}

func (i identity) InsertUnlocker(ctx context.Context, u store.Unlocker) error {
	return i.put(ctx, "INSERT INTO unlockers (id, account, kind, name, params, wrap, created, used) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		u.ID, u.Account, u.Kind, u.Name, u.Params, u.Wrap, millis(u.Created), millis(u.Used))
}

func (i identity) Unlockers(ctx context.Context, account hearkeep.AccountID) ([]store.Unlocker, error) {
	return all(ctx, i.tx, func(row *sql.Rows) (u store.Unlocker, err error) {
		return u, row.Scan(&u.ID, &u.Account, &u.Kind, &u.Name, &u.Params, &u.Wrap, scanTime{&u.Created}, scanTime{&u.Used})
	}, "SELECT id, account, kind, name, params, wrap, created, used FROM unlockers WHERE account = ? ORDER BY created, id", account)
}

func (i identity) SetUnlocker(ctx context.Context, u store.Unlocker) error {
	return i.change(ctx, "UPDATE unlockers SET name = ?, params = ?, wrap = ?, used = ? WHERE account = ? AND id = ?",
		u.Name, u.Params, u.Wrap, millis(u.Used), u.Account, u.ID)
}

func (i identity) DeleteUnlocker(ctx context.Context, account hearkeep.AccountID, id hearkeep.UnlockerID) error {
	return i.change(ctx, "DELETE FROM unlockers WHERE account = ? AND id = ?", account, id)
}

func (i identity) InsertSession(ctx context.Context, s store.Session) error {
	return i.put(ctx, `INSERT INTO sessions (id_hash, account, wrap, created, expires, stepped_up, used, agent)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		s.IDHash[:], s.Account, s.Wrap, millis(s.Created), millis(s.Expires), millis(s.SteppedUp), millis(s.Used), s.Agent)
}

func (i identity) Session(ctx context.Context, idHash [32]byte) (store.Session, error) {
	return one(ctx, i.tx, scanSession, selectSession+"WHERE id_hash = ?", idHash[:])
}

const selectSession = "SELECT id_hash, account, wrap, created, expires, stepped_up, used, agent FROM sessions "

func scanSession(row *sql.Rows) (s store.Session, err error) {
	return s, row.Scan(scanHash{&s.IDHash}, &s.Account, &s.Wrap, scanTime{&s.Created}, scanTime{&s.Expires},
		scanTime{&s.SteppedUp}, scanTime{&s.Used}, &s.Agent)
}

func (i identity) Sessions(ctx context.Context, account hearkeep.AccountID) ([]store.Session, error) {
	return all(ctx, i.tx, scanSession, selectSession+"WHERE account = ? ORDER BY used DESC, id_hash", account)
}

func (i identity) DeleteSessions(ctx context.Context, account hearkeep.AccountID, except [32]byte) (int, error) {
	n, err := i.exec(ctx, "DELETE FROM sessions WHERE account = ? AND id_hash <> ?", account, except[:])
	return int(n), err
}

func (i identity) TouchSession(ctx context.Context, idHash [32]byte, used time.Time) error {
	return i.change(ctx, "UPDATE sessions SET used = ? WHERE id_hash = ?", millis(used), idHash[:])
}

func (i identity) DeleteSession(ctx context.Context, idHash [32]byte) error {
	return i.put(ctx, "DELETE FROM sessions WHERE id_hash = ?", idHash[:])
}

func (i identity) ExpireSessions(ctx context.Context, now time.Time) (int, error) {
	n, err := i.exec(ctx, "DELETE FROM sessions WHERE expires <= ?", millis(now))
	return int(n), err
}

func (i identity) PutToken(ctx context.Context, t store.Token) error {
	return i.put(ctx, `INSERT INTO tokens (binding, secret_hash, created) VALUES (?, ?, ?)
		ON CONFLICT (binding) DO UPDATE SET secret_hash = excluded.secret_hash, created = excluded.created`,
		t.Binding, t.SecretHash[:], millis(t.Created))
}

func (i identity) Token(ctx context.Context, binding hearkeep.BindingID) (store.Token, error) {
	return one(ctx, i.tx, func(row *sql.Rows) (t store.Token, err error) {
		return t, row.Scan(&t.Binding, scanHash{&t.SecretHash}, scanTime{&t.Created})
	}, "SELECT binding, secret_hash, created FROM tokens WHERE binding = ?", binding)
}

func (i identity) DeleteToken(ctx context.Context, binding hearkeep.BindingID) error {
	return i.put(ctx, "DELETE FROM tokens WHERE binding = ?", binding)
}

func (i identity) PutLink(ctx context.Context, l store.Link) error {
	return i.put(ctx, `INSERT INTO links (kind, hash, payload, expires) VALUES (?, ?, ?, ?)
		ON CONFLICT (kind, hash) DO UPDATE SET payload = excluded.payload, expires = excluded.expires`,
		l.Kind, l.Hash[:], l.Payload, millis(l.Expires))
}

func scanLink(row *sql.Rows) (l store.Link, err error) {
	return l, row.Scan(&l.Kind, scanHash{&l.Hash}, &l.Payload, scanTime{&l.Expires})
}

func (i identity) Link(ctx context.Context, kind string, hash [32]byte, now time.Time) (store.Link, error) {
	return one(ctx, i.tx, scanLink,
		"SELECT kind, hash, payload, expires FROM links WHERE kind = ? AND hash = ? AND expires > ?",
		kind, hash[:], millis(now))
}

func (i identity) TakeLink(ctx context.Context, kind string, hash [32]byte, now time.Time) (store.Link, error) {
	return one(ctx, i.tx, scanLink,
		"DELETE FROM links WHERE kind = ? AND hash = ? AND expires > ? RETURNING kind, hash, payload, expires",
		kind, hash[:], millis(now))
}

func (i identity) DeleteLinksOf(ctx context.Context, kind string, account hearkeep.AccountID) error {
	return i.put(ctx, "DELETE FROM links WHERE kind = ? AND substr(payload, 1, 16) = ?", kind, account[:])
}

func (i identity) DeleteLinks(ctx context.Context, kind string, now time.Time) error {
	return i.put(ctx, "DELETE FROM links WHERE kind = ? OR expires <= ?", kind, millis(now))
}
