package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// houses implements store.Houses.
type houses struct{ *tx }

func (h houses) InsertHousehold(ctx context.Context, w store.Household) error {
	return h.put(ctx, "INSERT INTO households (id, label, created) VALUES (?, ?, ?)", w.ID, w.Label, millis(w.Created))
}

func (h houses) Household(ctx context.Context, id hearkeep.HouseholdID) (store.Household, error) {
	return one(ctx, h.tx, func(row *sql.Rows) (w store.Household, err error) {
		return w, row.Scan(&w.ID, &w.Label, scanTime{&w.Created})
	}, "SELECT id, label, created FROM households WHERE id = ?", id)
}

func (h houses) CountHouseholds(ctx context.Context) (int, error) {
	return value[int](ctx, h.tx, "SELECT count(*) FROM households")
}

func (h houses) SetHousehold(ctx context.Context, w store.Household) error {
	return h.change(ctx, "UPDATE households SET label = ? WHERE id = ?", w.Label, w.ID)
}

func (h houses) DeleteHousehold(ctx context.Context, id hearkeep.HouseholdID) error {
	lived, err := value[bool](ctx, h.tx, "SELECT EXISTS (SELECT 1 FROM members WHERE household = ?)", id)
	if err != nil {
		return err
	}
	if lived {
		return store.ErrExists
	}
	if err := h.put(ctx, "DELETE FROM invitations WHERE household = ?", id); err != nil {
		return err
	}
	return h.change(ctx, "DELETE FROM households WHERE id = ?", id)
}

func (h houses) PutMember(ctx context.Context, m store.Member) error {
	return h.put(ctx, `INSERT INTO members (account, household, role, since) VALUES (?, ?, ?, ?)
		ON CONFLICT (account) DO UPDATE SET household = excluded.household, role = excluded.role, since = excluded.since`,
		m.Account, m.Household, m.Role, millis(m.Since))
}

const selectMember = "SELECT account, household, role, since FROM members "

func scanMember(row *sql.Rows) (m store.Member, err error) {
	return m, row.Scan(&m.Account, &m.Household, &m.Role, scanTime{&m.Since})
}

func (h houses) Member(ctx context.Context, account hearkeep.AccountID) (store.Member, error) {
	return one(ctx, h.tx, scanMember, selectMember+"WHERE account = ?", account)
}

func (h houses) Members(ctx context.Context, id hearkeep.HouseholdID) ([]store.Member, error) {
	return all(ctx, h.tx, scanMember, selectMember+"WHERE household = ? ORDER BY since, account", id)
}

func (h houses) DeleteMember(ctx context.Context, account hearkeep.AccountID) error {
	return h.put(ctx, "DELETE FROM members WHERE account = ?", account)
}

func (h houses) InsertInvitation(ctx context.Context, i store.Invitation) error {
	return h.put(ctx, `INSERT INTO invitations (id, hash, household, vault, generation, by, role, holds_as, past, sealed, account, public, mac, created, expires)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		i.ID, i.Hash[:], i.Household, i.Vault, i.Generation, i.By, i.Role, i.As, i.Past, i.Sealed,
		i.Account, i.Public, i.MAC, millis(i.Created), millis(i.Expires))
}

const selectInvitation = `SELECT id, hash, household, vault, generation, by, role, holds_as, past, sealed, account, public, mac, created, expires
	FROM invitations `

func scanInvitation(row *sql.Rows) (i store.Invitation, err error) {
	return i, row.Scan(&i.ID, scanHash{&i.Hash}, &i.Household, &i.Vault, &i.Generation, &i.By, &i.Role, &i.As, &i.Past, &i.Sealed,
		&i.Account, &i.Public, &i.MAC, scanTime{&i.Created}, scanTime{&i.Expires})
}

func (h houses) Invitation(ctx context.Context, hash [32]byte, now time.Time) (store.Invitation, error) {
	return one(ctx, h.tx, scanInvitation, selectInvitation+"WHERE hash = ? AND expires > ?", hash[:], millis(now))
}

func (h houses) Invitations(ctx context.Context, id hearkeep.HouseholdID) ([]store.Invitation, error) {
	return all(ctx, h.tx, scanInvitation, selectInvitation+"WHERE household = ? ORDER BY created, id", id)
}

func (h houses) InvitationsTo(ctx context.Context, vault hearkeep.VaultID) ([]store.Invitation, error) {
	return all(ctx, h.tx, scanInvitation, selectInvitation+"WHERE vault = ? ORDER BY created, id", vault)
}

func (h houses) InvitationsOf(ctx context.Context, account hearkeep.AccountID) ([]store.Invitation, error) {
	return all(ctx, h.tx, scanInvitation, selectInvitation+"WHERE account = ? ORDER BY created, id", account)
}

func (h houses) AcceptInvitation(ctx context.Context, i store.Invitation, now time.Time) error {
	return h.change(ctx, "UPDATE invitations SET account = ?, public = ?, mac = ? WHERE id = ? AND account IS NULL AND expires > ?",
		i.Account, i.Public, i.MAC, i.ID, millis(now))
}

func (h houses) DeleteInvitation(ctx context.Context, id hearkeep.InvitationID) error {
	return h.put(ctx, "DELETE FROM invitations WHERE id = ?", id)
}

func (h houses) ExpireInvitations(ctx context.Context, now time.Time) (int, error) {
	n, err := h.exec(ctx, "DELETE FROM invitations WHERE expires <= ? AND account IS NULL", millis(now))
	return int(n), err
}

func (h houses) PutFarewell(ctx context.Context, f store.Farewell) error {
	return h.put(ctx, `INSERT INTO farewells (account, asked, due) VALUES (?, ?, ?)
		ON CONFLICT (account) DO UPDATE SET asked = excluded.asked, due = excluded.due`, f.Account, millis(f.Asked), millis(f.Due))
}

const selectFarewell = "SELECT account, asked, due FROM farewells "

func scanFarewell(row *sql.Rows) (f store.Farewell, err error) {
	return f, row.Scan(&f.Account, scanTime{&f.Asked}, scanTime{&f.Due})
}

func (h houses) Farewell(ctx context.Context, account hearkeep.AccountID) (store.Farewell, error) {
	return one(ctx, h.tx, scanFarewell, selectFarewell+"WHERE account = ?", account)
}

func (h houses) DueFarewells(ctx context.Context, now time.Time) ([]store.Farewell, error) {
	return all(ctx, h.tx, scanFarewell, selectFarewell+"WHERE due <= ? ORDER BY due, account", millis(now))
}

func (h houses) DeleteFarewell(ctx context.Context, account hearkeep.AccountID) error {
	return h.put(ctx, "DELETE FROM farewells WHERE account = ?", account)
}
