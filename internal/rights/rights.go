// Package rights answers people who use their rights over what is kept of
// them (GDPR Art. 15 to 22): requests and their clock, archives, erasure,
// restriction, rectification and objection; claims by people without an
// account; and agents that speak the Data Rights Protocol.
//
// It promises that the subject of a request is the account of the session
// that made it, that an archive leaves whole or not at all, that its
// disclosure is in the ledger before its first byte, and that every step is
// told to every channel of the account. It refuses to let anybody choose,
// attach or redirect what is in an archive or to whom it goes: no function of
// it takes one person's request and another's vault.
package rights

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/archive"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
)

var errNotYet = errors.New("rights: not built yet")

// Config is what a Desk works with.
type Config struct {
	Store   store.Store
	Keep    *vault.Keep
	Ledger  *ledger.Ledger
	Letters *notify.Desk
	House   seal.HouseKey
	Origin  string         // where people reach the keep
	Zone    *time.Location // whose days count for the clock; nil is the machine's
	Log     *slog.Logger
}

// Desk answers requests. It may be used concurrently.
type Desk struct{ Config }

// New returns a Desk.
func New(c Config) *Desk { return &Desk{c} }

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

// Ask makes a request of the account that is signed in. Of a kind that is
// open already it returns that one. Where nothing is kept of the account it
// is answered at once, with a signed statement of what was searched (A8).
func (d *Desk) Ask(ctx context.Context, who identity.Verified, kind hearkeep.RequestKind, via hearkeep.Via) (Request, error) {
	return Request{}, errNotYet
}

// Spoken notes that a request was spoken at a door, for each keyholder of its
// vault: it waits for them to sign in and confirm it, and its clock started.
// By voice a request is only started.
func (d *Desk) Spoken(ctx context.Context, id hearkeep.VaultID, binding hearkeep.BindingID, kind hearkeep.RequestKind) error {
	return errNotYet
}

// Confirm makes a request that was spoken, or told by an agent, the person's own.
func (d *Desk) Confirm(ctx context.Context, who identity.Verified, id hearkeep.RequestID) (Request, error) {
	return Request{}, errNotYet
}

// Withdraw ends a request, as its person wishes.
func (d *Desk) Withdraw(ctx context.Context, who identity.Verified, id hearkeep.RequestID) (Request, error) {
	return Request{}, errNotYet
}

// Requests returns the account's own, newest first.
func (d *Desk) Requests(ctx context.Context, who identity.Verified) ([]Request, error) {
	return nil, errNotYet
}

// Request returns one of the account's own; NotFound for any other.
func (d *Desk) Request(ctx context.Context, who identity.Verified, id hearkeep.RequestID) (Request, error) {
	return Request{}, errNotYet
}

// Open is an open archive that was frozen for one session.
type Open struct {
	ID    hearkeep.ArchiveID
	Name  string // of the file: hearkeep-2026-11-22.zip
	Size  int64
	ETag  string
	Count int // recordings
	Made  time.Time
}

// Prepare freezes an open archive of all that the account holds, for an
// access or portability request, and checks all of it (C2). It needs an
// unlocker shown lately and no waiting time (A2). A release that does not add
// up fails with Stopped; its person is told, and a report is open.
func (d *Desk) Prepare(ctx context.Context, who identity.Verified, id hearkeep.RequestID) (Open, error) {
	return Open{}, errNotYet
}

// Prepared returns what Prepare made, in the session that made it; NotFound
// in any other, and after it has ended.
func (d *Desk) Prepared(ctx context.Context, who identity.Verified, id hearkeep.ArchiveID) (Open, error) {
	return Open{}, errNotYet
}

// Send writes the bytes from offset from, up to and without to, of an open
// archive. The disclosure is in the ledger, and the letters are queued, before
// the first byte. It fails with Changed where something was erased meanwhile:
// before the first byte where it is known then, in the middle else.
func (d *Desk) Send(ctx context.Context, who identity.Verified, id hearkeep.ArchiveID, w io.Writer, from, to int64) error {
	return errNotYet
}

// Offer sends a one-time code for the sealed archive of an access or
// portability request to every confirmed channel of its account.
func (d *Desk) Offer(ctx context.Context, who identity.Verified, id hearkeep.RequestID) error {
	return errNotYet
}

// Fetch is leave to fetch one account's sealed archive, which its one-time
// code gave. It opens nothing.
type Fetch struct {
	account hearkeep.AccountID
	request hearkeep.RequestID
	archive hearkeep.ArchiveID
}

// Redeem takes a one-time code, once, and returns the ticket that stands for
// it for FetchLife: what a cookie holds. Codes that were not sent, that are
// over, and that were used fail alike.
func (d *Desk) Redeem(ctx context.Context, code string) (ticket string, err error) {
	return "", errNotYet
}

// FetchLife is for how long a redeemed code can be used to go on fetching.
const FetchLife = 24 * time.Hour

// Sealed freezes the sealed archive that a ticket stands for, or goes on with
// the one that it froze before.
func (d *Desk) Sealed(ctx context.Context, ticket string) (Open, *Fetch, error) {
	return Open{}, nil, errNotYet
}

// SendSealed writes a range of a sealed archive, as Send does.
func (d *Desk) SendSealed(ctx context.Context, f *Fetch, w io.Writer, from, to int64) error {
	return errNotYet
}

// Preview says what an erasure would take: from which vaults, how much, and
// when the last backup copy of the keys is gone.
type Preview struct {
	Vaults   []PreviewVault
	KeysGone time.Time // zero: with the erasure itself
	Told     []string  // who is told of it: names of co-keyholders and of engines that sound was given to (Art. 19)
}

// PreviewVault is what one vault would lose.
type PreviewVault struct {
	ID     hearkeep.VaultID
	Name   string
	Kind   string
	Others int // who else holds it: for them it is erased too
	Totals store.Totals
}

// PreviewErasure shows what Erase would take.
func (d *Desk) PreviewErasure(ctx context.Context, who identity.Verified, id hearkeep.RequestID) (Preview, error) {
	return Preview{}, errNotYet
}

// Erase carries out an erasure request in the named vaults of the account, and
// answers it with a signed note that names the receipts. It needs an unlocker
// shown lately.
func (d *Desk) Erase(ctx context.Context, who identity.Verified, id hearkeep.RequestID, vaults []hearkeep.VaultID) ([]vault.Receipt, error) {
	return nil, errNotYet
}

// Restrict carries out a restriction request in the named vaults; Lift of the
// vault's Room frees them again.
func (d *Desk) Restrict(ctx context.Context, who identity.Verified, id hearkeep.RequestID, vaults []hearkeep.VaultID) error {
	return errNotYet
}

// Object carries out an objection: every door of the account's own vaults is
// set to keep nothing. Everything the assistant does works on.
func (d *Desk) Object(ctx context.Context, who identity.Verified, id hearkeep.RequestID) (doors int, err error) {
	return 0, errNotYet
}

// Rectified ends a rectification request after its person has corrected what
// was wrong with Room.Correct.
func (d *Desk) Rectified(ctx context.Context, who identity.Verified, id hearkeep.RequestID) (Request, error) {
	return Request{}, errNotYet
}

// Clock is a request as whoever runs the keep sees it: no name, no content,
// and nothing that could change either.
type Clock struct {
	ID       hearkeep.RequestID
	Kind     hearkeep.RequestKind
	State    hearkeep.RequestState
	Via      hearkeep.Via
	Received time.Time
	Due      time.Time
	Extended time.Time
}

// Overview is the operator's page: clocks and counts.
type Overview struct {
	Clocks       []Clock // open ones, the soonest due first; at most 500
	Counts       []store.RequestCount
	Claims       int // open claims
	Reports      int // open reports
	Restrictions int // in force
}

// Overview returns clocks and counts. It reads no name and no content.
func (d *Desk) Overview(ctx context.Context) (Overview, error) { return Overview{}, errNotYet }

// Extend gives a request two more months, with reasons that its person is told
// (Art. 12(3)). After the first month is over it fails with Conflict.
func (d *Desk) Extend(ctx context.Context, id hearkeep.RequestID, reason string) (Clock, error) {
	return Clock{}, errNotYet
}

// Expire does what has a time of its own: it reminds of what is ready, offers
// the sealed archive of what would come late, lapses what was never confirmed,
// and forgets old claims, tickets and frozen archives.
func (d *Desk) Expire(ctx context.Context, now time.Time) error { return nil }

// notice is what Art. 15(1) asks for, of one account (A9).
func (d *Desk) notice(ctx context.Context, who identity.Verified) ([]archive.Section, error) {
	return nil, errNotYet
}
