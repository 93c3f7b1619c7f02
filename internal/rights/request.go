package rights

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// Request is a request as its person sees it.
type Request struct {
	ID       hearkeep.RequestID
	Kind     hearkeep.RequestKind
	State    hearkeep.RequestState
	Via      hearkeep.Via
	Received time.Time
	Due      time.Time
	Extended time.Time // zero for never
	Reason   string    // of the extension
	Ended    time.Time // zero while its clock runs
	Answer   []byte    // a signed note; nil before there is one
}

const (
	maxListed = 200 // requests of an account that are looked at
	maxDaily  = 20  // requests that an account makes in a day; beyond is excessive (Art. 12(5))
)

// statement is what nothing may change of a request.
func statement(row store.Request) seal.RequestStatement {
	return seal.RequestStatement{
		Request: row.ID, Account: row.Account, Kind: row.Kind, Via: row.Via, Binding: row.Binding, Received: row.Received,
	}
}

// errAltered says that a request's row is not what was stored.
var errAltered = errors.New("rights: the row is not what was stored")

// check refuses a request that was not made here, in its account's name. When
// it is due follows from when it was received, whatever else its row says.
func (d *Desk) check(row *store.Request) error {
	if err := seal.VerifyRequest(d.House, statement(*row), row.MAC); err != nil {
		return fmt.Errorf("%w: request %s: %w", errAltered, row.ID, err)
	}
	if row.Due = due(row.Received, d.Zone).UTC(); !row.Extended.IsZero() {
		row.Due = dueExtended(row.Received, d.Zone).UTC()
	}
	return nil
}

func (d *Desk) request(row store.Request) Request {
	return Request{
		ID: row.ID, Kind: row.Kind, State: row.State, Via: row.Via, Received: row.Received, Due: row.Due,
		Extended: row.Extended, Reason: row.Reason, Ended: row.Ended, Answer: d.signed(row),
	}
}

// mine is a request of who's, in tx. One of somebody else's is not there.
func (d *Desk) mine(ctx context.Context, tx *store.Tx, who identity.Verified, id hearkeep.RequestID) (store.Request, error) {
	if err := standing(ctx, tx, who); err != nil {
		return store.Request{}, err
	}
	row, err := tx.Rights.Request(ctx, who.Account(), id)
	if err == nil {
		err = d.check(&row)
	}
	return row, err
}

// Ask makes a request of the account that is signed in. Of a kind that is
// open already it returns that one. Where nothing is kept of the account it
// is answered at once, with a signed statement of what was searched (A8).
func (d *Desk) Ask(ctx context.Context, who identity.Verified, kind hearkeep.RequestKind, via hearkeep.Via) (Request, error) {
	if !who.Valid() {
		return Request{}, errNobody()
	}
	if !kind.Valid() || via != hearkeep.ViaPortal && via != hearkeep.ViaAPI {
		return Request{}, hearkeep.Errorf(hearkeep.Invalid, "There is no such request.").
			WithHint("A copy, to take along, erasure, restriction, rectification, or objection.")
	}
	row := d.newRequest(who.Account(), kind, via, hearkeep.BindingID{})
	answer, err := d.nothing(ctx, who, row)
	if err != nil {
		return Request{}, wrapped(err, "ask", row.ID)
	}
	fresh := false
	err = d.altered(ctx, who.Account(), func() error {
		return d.Store.Update(ctx, func(tx *store.Tx) error {
			if err := standing(ctx, tx, who); err != nil {
				return err
			}
			before, err := d.openOf(ctx, tx, row)
			if err != nil || before != nil {
				if before != nil {
					row = *before
				}
				return err
			}
			fresh = true
			return d.insert(ctx, tx, &row, stepReceived, person(who), answer)
		})
	})
	if err != nil {
		return Request{}, wrapped(err, "ask", row.ID)
	}
	if !fresh && row.State == hearkeep.RequestAsked { // asked at a door, and now by its person
		return d.Confirm(ctx, who, row.ID)
	}
	return d.request(row), nil
}

// newRequest is a request before it is stored.
func (d *Desk) newRequest(account hearkeep.AccountID, kind hearkeep.RequestKind, via hearkeep.Via, binding hearkeep.BindingID) store.Request {
	row := store.Request{
		ID: hearkeep.NewID[hearkeep.RequestID](), Account: account, Kind: kind, Via: via, Binding: binding, Received: now(),
	}
	row.Due = due(row.Received, d.Zone).UTC()
	row.MAC = seal.MACRequest(d.House, statement(row))
	return row
}

// openOf is the request of the same account and kind whose clock runs, nil for
// none, and for one that only an agent has told. It fails with TooMany where the account asked too often today.
func (d *Desk) openOf(ctx context.Context, tx *store.Tx, row store.Request) (*store.Request, error) {
	rows, err := tx.Rights.Requests(ctx, row.Account, maxListed)
	if err != nil {
		return nil, err
	}
	today := 0
	for _, r := range rows {
		if d.check(&r) != nil {
			continue // reported where it is listed; nobody is kept from asking by it
		}
		if r.Kind == row.Kind && !r.State.Ended() && !(saidByAgent(r) && row.Via != hearkeep.ViaAgent) {
			return &r, nil
		}
		if row.Received.Sub(r.Received) < 24*time.Hour {
			today++
		}
	}
	if today >= maxDaily {
		return nil, hearkeep.Errorf(hearkeep.TooMany, "You made %d requests today.", today).WithHint("Those stand; make the next one tomorrow.")
	}
	return nil, nil
}

// saidByAgent reports that an agent told of a request which its person has not
// confirmed. Who asks for themselves does not confirm it by that: the agent
// would learn that they have an account.
func saidByAgent(row store.Request) bool {
	return row.Via == hearkeep.ViaAgent && row.State == hearkeep.RequestAsked
}

// insert stores a request with its first step and, where there is an answer
// already, with its last.
func (d *Desk) insert(ctx context.Context, tx *store.Tx, row *store.Request, first step, by actor, answer []byte) error {
	if err := move(row, first, row.Received); err != nil {
		return err
	}
	if err := tx.Rights.InsertRequest(ctx, *row); err != nil {
		return err
	}
	if err := d.tell(ctx, tx, *row, first, by); err != nil || answer == nil {
		return err
	}
	row.Answer = answer
	return d.take(ctx, tx, row, stepAnswered, hearkeepItself())
}

// Spoken notes that a request was spoken at a door, for each keyholder of its
// vault: it waits for them to sign in and confirm it, and its clock started.
// By voice a request is only started.
func (d *Desk) Spoken(ctx context.Context, id hearkeep.VaultID, binding hearkeep.BindingID, kind hearkeep.RequestKind) error {
	if !kind.Valid() {
		return hearkeep.Errorf(hearkeep.Invalid, "There is no such request.")
	}
	err := d.Store.Update(ctx, func(tx *store.Tx) error {
		b, err := tx.Vaults.Binding(ctx, binding)
		if err != nil {
			return err
		}
		if b.Vault != id || !b.Ended.IsZero() {
			return store.ErrNotFound
		}
		holders, err := holdersOf(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, account := range holders {
			row := d.newRequest(account, kind, hearkeep.ViaVoice, binding)
			before, err := d.openOf(ctx, tx, row)
			if before != nil || hearkeep.CodeOf(err) == hearkeep.TooMany {
				continue
			}
			if err != nil {
				return err
			}
			if err := d.insert(ctx, tx, &row, stepAsked, actor{role: hearkeep.RoleDevice}, nil); err != nil {
				return err
			}
		}
		return nil
	})
	return wrapped(err, "note what was spoken at binding", binding)
}

// Waiting counts the requests whose clock runs and that were spoken at a door
// of a vault; of a vault that one person holds alone it counts all of theirs.
// It is for answering by voice.
func (d *Desk) Waiting(ctx context.Context, id hearkeep.VaultID) (n int, err error) {
	err = d.Store.View(ctx, func(tx *store.Tx) error {
		holders, err := holdersOf(ctx, tx, id)
		if err != nil {
			return err
		}
		doors, err := tx.Vaults.Bindings(ctx, id)
		if err != nil {
			return err
		}
		for _, account := range holders {
			rows, err := tx.Rights.Requests(ctx, account, maxListed)
			if err != nil {
				return err
			}
			for _, row := range rows {
				here := slices.ContainsFunc(doors, func(b store.Binding) bool { return b.ID == row.Binding })
				if d.check(&row) == nil && !row.State.Ended() && (here || len(holders) == 1) {
					n++
				}
			}
		}
		return nil
	})
	return n, wrapped(err, "count the requests of vault", id)
}

// Confirm makes a request that was spoken, or told by an agent, the person's own.
func (d *Desk) Confirm(ctx context.Context, who identity.Verified, id hearkeep.RequestID) (Request, error) {
	row, err := d.row(ctx, who, id)
	if err != nil {
		return Request{}, err
	}
	answer, err := d.nothing(ctx, who, row)
	if err != nil {
		return Request{}, wrapped(err, "confirm", id)
	}
	return d.change(ctx, who, id, "confirm", func(tx *store.Tx, row *store.Request) error {
		if err := d.take(ctx, tx, row, stepConfirmed, person(who)); err != nil || answer == nil {
			return err
		}
		row.Answer = answer
		return d.take(ctx, tx, row, stepAnswered, hearkeepItself())
	})
}

// Withdraw ends a request, as its person wishes.
func (d *Desk) Withdraw(ctx context.Context, who identity.Verified, id hearkeep.RequestID) (Request, error) {
	got, err := d.change(ctx, who, id, "withdraw", func(tx *store.Tx, row *store.Request) error {
		return d.take(ctx, tx, row, stepWithdrawn, person(who)) // its codes and tickets work no more
	})
	if err == nil {
		d.drop(func(f *frozen) bool { return f.request == id })
	}
	return got, err
}

// change changes one of who's requests in a transaction.
func (d *Desk) change(ctx context.Context, who identity.Verified, id hearkeep.RequestID, what string, fn func(*store.Tx, *store.Request) error) (Request, error) {
	var row store.Request
	err := d.altered(ctx, who.Account(), func() error {
		return d.Store.Update(ctx, func(tx *store.Tx) (err error) {
			if row, err = d.mine(ctx, tx, who, id); err != nil {
				return err
			}
			return fn(tx, &row)
		})
	})
	if err != nil {
		return Request{}, wrapped(err, what, id)
	}
	return d.request(row), nil
}

// Requests returns the account's own, newest first.
func (d *Desk) Requests(ctx context.Context, who identity.Verified) ([]Request, error) {
	var rows []store.Request
	err := d.Store.View(ctx, func(tx *store.Tx) (err error) {
		if err = standing(ctx, tx, who); err == nil {
			rows, err = tx.Rights.Requests(ctx, who.Account(), maxListed)
		}
		return err
	})
	if err != nil {
		return nil, wrapped(err, "requests of", who.Account())
	}
	var list []Request
	for _, row := range rows {
		if err := d.check(&row); err != nil {
			d.reportAltered(ctx, who.Account(), err)
			continue
		}
		list = append(list, d.request(row))
	}
	return list, nil
}

// Request returns one of the account's own; NotFound for any other.
func (d *Desk) Request(ctx context.Context, who identity.Verified, id hearkeep.RequestID) (Request, error) {
	row, err := d.row(ctx, who, id)
	if err != nil {
		return Request{}, err
	}
	return d.request(row), nil
}

// row reads one of who's requests; of kinds, where some are named.
func (d *Desk) row(ctx context.Context, who identity.Verified, id hearkeep.RequestID, kinds ...hearkeep.RequestKind) (row store.Request, err error) {
	err = d.altered(ctx, who.Account(), func() error {
		return d.Store.View(ctx, func(tx *store.Tx) (err error) {
			row, err = d.mine(ctx, tx, who, id)
			return err
		})
	})
	if err == nil {
		err = ofKind(row, kinds...)
	}
	return row, wrapped(err, "request", id)
}

func ofKind(row store.Request, kinds ...hearkeep.RequestKind) error {
	if len(kinds) == 0 || slices.Contains(kinds, row.Kind) {
		return nil
	}
	return hearkeep.Errorf(hearkeep.Invalid, "This request asks for something else.").WithHint("It is a request of the kind %s.", row.Kind)
}

// altered runs fn, and reports where it met a row that is not what was stored.
// To whoever asked there is nothing then.
func (d *Desk) altered(ctx context.Context, account hearkeep.AccountID, fn func() error) error {
	err := fn()
	if errors.Is(err, errAltered) {
		d.reportAltered(ctx, account, err)
		return errNothing(err)
	}
	return err
}

// reportAltered opens a report about a request that is not what was stored.
func (d *Desk) reportAltered(ctx context.Context, account hearkeep.AccountID, cause error) {
	d.Log.Error("a request is not what was stored", "account", account, "err", cause)
	err := d.Store.Update(ctx, func(tx *store.Tx) error {
		return d.report(ctx, tx, store.Report{What: vault.WhatForeign, Account: account})
	})
	if err != nil {
		d.Log.Error("that is not reported yet", "account", account, "err", err)
	}
}

// report opens a report, unless one of the same fault is open.
func (d *Desk) report(ctx context.Context, tx *store.Tx, r store.Report) error {
	open, err := tx.Incidents.OpenReports(ctx, maxReports)
	if err != nil {
		return err
	}
	for _, o := range open {
		if o.What == r.What && o.Account == r.Account && o.Vault == r.Vault && o.Binding == r.Binding && o.Recording == r.Recording {
			return nil
		}
	}
	r.ID, r.Via, r.At = hearkeep.NewID[hearkeep.ReportID](), hearkeep.ReportSelf, now()
	if err := tx.Incidents.InsertReport(ctx, r); err != nil {
		return err
	}
	e := ledger.Entry{Kind: ledger.KindReported, Role: hearkeep.RoleSystem, Purpose: r.What, Report: &r.ID}
	if !r.Account.IsZero() {
		e.Account = &r.Account
	}
	if !r.Vault.IsZero() {
		e.Vault = &r.Vault
	}
	if !r.Binding.IsZero() {
		e.Binding = &r.Binding
	}
	if !r.Archive.IsZero() {
		e.Archive = &r.Archive
	}
	_, err = d.Ledger.Append(ctx, tx, e)
	return err
}

// maxReports bounds the open reports that are looked at.
const maxReports = 1000
