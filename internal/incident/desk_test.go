package incident

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// bureau is a keep with a breach desk, letters and people.
type bureau struct {
	*testing.T
	home *vaulttest.Home
	desk *Desk
}

func openBureau(t *testing.T) *bureau {
	t.Helper()
	b := &bureau{T: t, home: vaulttest.NewInMemory(t)}
	b.start(Config{})
	return b
}

// start makes the Desk anew, as a restart of the program does.
func (b *bureau) start(c Config) {
	b.Helper()
	letters, err := notify.New(notify.Config{Store: b.home.Store, House: b.home.House, Origin: "https://keep.example", Mail: notify.MailServer{Host: "mail.example"}})
	b.must(err)
	c.Store, c.Ledger, c.Letters, c.House, c.Origin = b.home.Store, b.home.Ledger, letters, b.home.House, "https://keep.example"
	b.desk, err = New(c)
	b.must(err)
	b.desk.even = time.Millisecond
}

func (b *bureau) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bureau) wants(code hearkeep.Code, what string, err error) {
	b.Helper()
	if got := hearkeep.CodeOf(err); err == nil || got != code {
		b.Errorf("%s: got %v (%s), want %s", what, err, got, code)
	}
}

// person has an account, a vault, a terminal, and an address.
func (b *bureau) person(name string) vaulttest.Person {
	b.Helper()
	p := b.home.Person(b.T, name)
	id := hearkeep.NewID[hearkeep.ChannelID]()
	sealed, err := b.desk.Letters.Seal(id, strings.ToLower(name)+"@example.org")
	b.must(err)
	b.update(func(tx *store.Tx) error {
		return tx.Letters.InsertChannel(b.Context(), store.Channel{ID: id, Account: p.Who.Account(), Kind: notify.Email, Address: sealed, Created: stamp(), Confirmed: stamp()})
	})
	return p
}

func (b *bureau) update(fn func(*store.Tx) error) {
	b.Helper()
	b.must(b.home.Store.Update(b.Context(), fn))
}

func (b *bureau) view(fn func(*store.Tx) error) {
	b.Helper()
	b.must(b.home.Store.View(b.Context(), fn))
}

// recording is one that p says.
func (b *bureau) recording(p vaulttest.Person, words string) (rec store.Recording) {
	b.Helper()
	id := b.home.Say(b.T, p, words)
	b.view(func(tx *store.Tx) (err error) {
		rec, err = tx.Vaults.Recording(b.Context(), p.Vault, id)
		return err
	})
	return rec
}

// hands has an archive of to's hand over recordings, as room rights writes it.
func (b *bureau) hands(to vaulttest.Person, sealed bool, recs ...store.Recording) (id hearkeep.ArchiveID, seq int64) {
	b.Helper()
	id = hearkeep.NewID[hearkeep.ArchiveID]()
	account := to.Who.Account()
	b.update(func(tx *store.Tx) error {
		r := store.Request{ID: hearkeep.NewID[hearkeep.RequestID](), Account: account, Kind: hearkeep.RequestAccess, State: hearkeep.RequestAnswered, Via: hearkeep.ViaPortal, Received: stamp(), Due: stamp(), MAC: []byte{1}}
		if err := tx.Rights.InsertRequest(b.Context(), r); err != nil {
			return err
		}
		if err := tx.Rights.InsertArchive(b.Context(), store.Archive{ID: id, Request: r.ID, Account: account, Sealed: sealed, State: "whole", Count: len(recs), Made: stamp()}); err != nil {
			return err
		}
		var entries []ledger.Entry
		for _, rec := range recs {
			entries = append(entries, ledger.Entry{
				Kind: ledger.KindDisclosed, Account: &account, Role: hearkeep.RoleKeyholder, Vault: new(rec.Vault), Archive: &id, Count: 1,
				Items: []hearkeep.Run{{Binding: rec.Binding, From: rec.Number, To: rec.Number}}, Purpose: "access disclosed, open",
			})
		}
		var err error
		seq, err = b.home.Ledger.Append(b.Context(), tx, entries...)
		return err
	})
	return id, seq
}

// files makes a report that is taken.
func (b *bureau) files(f Filing) Taken {
	b.Helper()
	taken, err := b.desk.File(b.Context(), f, "192.0.2.1")
	b.must(err)
	return taken
}

// byForm is a report by somebody without an account.
func byForm(receipt, about string) Filing {
	return Filing{What: WhatNotMine, Via: hearkeep.ReportForm, Receipt: receipt, About: about}
}

func (b *bureau) theCase(id hearkeep.IncidentID) Case {
	b.Helper()
	c, err := b.desk.Case(b.Context(), id)
	b.must(err)
	return c
}

func (b *bureau) expire(now time.Time) {
	b.Helper()
	b.must(b.desk.Expire(b.Context(), now))
}

// kinds are the steps of a case, in their order.
func kinds(c Case) (list []string) {
	for _, s := range c.Steps {
		list = append(list, s.Kind)
	}
	return list
}

// frozen is what is restricted in a vault.
func (b *bureau) frozen(id hearkeep.VaultID) (rows []store.Restriction) {
	b.Helper()
	b.view(func(tx *store.Tx) (err error) {
		rows, err = tx.Rights.Restrictions(b.Context(), id)
		return err
	})
	return rows
}

// topics are those of the letters queued to an account, the oldest first;
// of the zero account, to addresses of nobody's.
func (b *bureau) topics(account hearkeep.AccountID) (list []string) {
	b.Helper()
	b.view(func(tx *store.Tx) error {
		rows, err := tx.Letters.DueDeliveries(b.Context(), time.Now().AddDate(1, 0, 0), 1000)
		slices.SortFunc(rows, func(a, b store.Delivery) int { return cmp.Compare(a.ID, b.ID) })
		for _, row := range rows {
			if row.Account == account {
				list = append(list, row.Topic)
			}
		}
		return err
	})
	return list
}

// checked fails where a case is not what was stored.
func (b *bureau) checked() {
	b.Helper()
	faults, err := b.desk.Check(context.WithoutCancel(b.Context()))
	b.must(err)
	for _, f := range faults {
		b.Errorf("check: %s", f)
	}
}
