package rights

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/store"
)

// An answer is a signed note: its first line says what it is, the lines below
// it, up to the first empty one, are "name: value" for programs, and the rest
// is for people. It holds ids, counts and times; never a name, nor words.
type answer struct {
	fields strings.Builder
	text   []string
}

const answerHead = "hearkeep/answer/v1"

// answerTo begins the answer to a request.
func (d *Desk) answerTo(row store.Request, result string) *answer {
	a := &answer{}
	a.add("request", row.ID)
	a.add("kind", row.Kind)
	a.add("account", row.Account)
	a.add("service", d.Origin)
	a.add("received", stamp(row.Received))
	a.add("answered", stamp(now()))
	a.add("result", result)
	return a
}

func (a *answer) add(name string, value any, more ...any) {
	fmt.Fprintf(&a.fields, "%s: %v", name, value)
	for _, m := range more {
		fmt.Fprintf(&a.fields, " %v", m)
	}
	a.fields.WriteByte('\n')
}

func (a *answer) say(format string, args ...any) {
	a.text = append(a.text, fmt.Sprintf(format, args...))
}

// sign returns the note.
func (d *Desk) sign(a *answer) ([]byte, error) {
	a.add("key", d.Ledger.Key())
	return d.Ledger.Sign(answerHead + "\n" + a.fields.String() + "\n" + strings.Join(a.text, "\n\n") + "\n")
}

// signed is a request's answer, nil where there is none or where what stands
// in the row was not signed here, or answers another request.
func (d *Desk) signed(row store.Request) []byte {
	if row.Answer == nil {
		return nil
	}
	text, err := d.Ledger.Statement(row.Answer)
	if err != nil || !strings.HasPrefix(text, fmt.Sprintf("%s\nrequest: %s\n", answerHead, row.ID)) {
		d.Log.Error("the answer to a request is not what was signed", "request", row.ID, "err", err)
		return nil
	}
	return row.Answer
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// searched is what a search for recordings of an account found.
type searched struct {
	vaults []searchedVault
	held   kept
	size   int64 // entries of the ledger
	at     time.Time
}

type searchedVault struct {
	id      hearkeep.VaultID
	all     store.Totals
	doors   int
	counted int64 // at its doors: sound in which nothing was asked, and of which nothing was kept
}

// kept is what is kept of an account beside recordings.
type kept struct {
	unlockers, sessions, addresses, letters, tokens, requests, household, timers int
	entries                                                                      int64
}

// asksFor says of which kinds "we keep nothing" is the whole answer. Who
// objects wants nothing kept from now on; that is not answered by it.
func asksFor(kind hearkeep.RequestKind) bool { return kind != hearkeep.RequestObjection }

// nothing is the answer to a request of somebody of whom no recording is kept
// (A8), nil where some are. It counts what the vaults keep for others too: who
// was not given what was kept before gets that told in an archive.
func (d *Desk) nothing(ctx context.Context, who identity.Verified, row store.Request) ([]byte, error) {
	if !asksFor(row.Kind) {
		return nil, nil
	}
	s, err := d.search(ctx, who)
	if err != nil {
		return nil, err
	}
	for _, v := range s.vaults {
		if v.all.Recordings > 0 {
			return nil, nil
		}
	}
	return d.sign(d.nothingOf(row, s))
}

func (d *Desk) nothingOf(row store.Request, s searched) *answer {
	a := d.answerTo(row, "nothing")
	for _, v := range s.vaults {
		a.add("searched", "vault", v.id, fmt.Sprintf("recordings=%d bytes=%d doors=%d counted=%d", v.all.Recordings, v.all.Bytes, v.doors, v.counted))
	}
	a.add("searched", "tables", "vaults,keyholders,bindings,recordings,counters,timers,accounts,unlockers,sessions,channels,deliveries,tokens,members,requests,ledger")
	k := s.held
	a.add("kept", fmt.Sprintf("account=1 unlockers=%d sessions=%d addresses=%d letters-logged=%d tokens=%d households=%d timers=%d requests-before=%d ledger-entries=%d",
		k.unlockers, k.sessions, k.addresses, k.letters, k.tokens, k.household, k.timers, k.requests, k.entries))
	a.add("ledger-size", s.size)
	a.say("We searched everything that this service keeps, on %s, and there is no recording of you: no sound, no transcript, and nothing that was understood, done or answered.", d.day(s.at))
	a.say("Searched were the %s that your account holds. They have %s, which counted %s in which nothing was asked, and of which nothing was kept but the count. Somebody else's vault is not searched, because nobody but who holds it can open it; what it counts is not yours to be told.",
		some(len(s.vaults), "vault"), some(doorsOf(s.vaults), "door"), some(int(countedOf(s.vaults)), "sound"))
	a.say("This is the rest. Your account: the name that you sign in with, %s to sign in, %s, and %s for letters. The log of letters holds %s that went to you, without their text. There are %s, %s that run, and %s from before this one. You belong to %s.",
		some(k.unlockers, "way"), some(k.sessions, "session"), some(k.addresses, "address"), some(k.letters, "letter"),
		some(k.tokens, "API token"), some(k.timers, "timer or alarm"), some(k.requests, "request"), some(k.household, "household"))
	a.say("The ledger, which records who did what and never what was said, holds %s about your account and its vaults, of %d in all. Its key, above, checks the signature below.", someEntries(k.entries), s.size)
	a.say("What cannot be found by an account was not searched for: speech that somebody else's door heard belongs to who holds its vault. For that there is the form for people without an account.")
	return a
}

func doorsOf(list []searchedVault) (n int) {
	for _, v := range list {
		n += v.doors
	}
	return n
}

func countedOf(list []searchedVault) (n int64) {
	for _, v := range list {
		n += v.counted
	}
	return n
}

// some counts in English.
func some(n int, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case strings.HasSuffix(what, "ss"):
		return fmt.Sprintf("%d %ses", n, what)
	case what == "timer or alarm":
		return fmt.Sprintf("%d timers or alarms", n)
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func someEntries(n int64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// day is a date as letters and answers say it.
func (d *Desk) day(t time.Time) string { return t.In(d.Zone).Format("2 January 2006") }

// search counts what is kept of an account. It opens nothing.
func (d *Desk) search(ctx context.Context, who identity.Verified) (s searched, err error) {
	held, err := d.Keep.Vaults(ctx, who)
	if err != nil {
		return s, err
	}
	for _, h := range held {
		s.vaults = append(s.vaults, searchedVault{id: h.ID})
	}
	s.at = now()
	err = d.Store.View(ctx, func(tx *store.Tx) (err error) {
		for i := range s.vaults {
			if err := s.vaults[i].count(ctx, tx); err != nil {
				return err
			}
		}
		if s.size, err = tx.Ledger.Size(ctx); err != nil {
			return err
		}
		s.held, err = keptOf(ctx, tx, who.Account(), s.vaults)
		return err
	})
	return s, err
}

// count adds what rows say of a vault.
func (v *searchedVault) count(ctx context.Context, tx *store.Tx) (err error) {
	if v.all, err = tx.Vaults.Totals(ctx, v.id, store.Span{}); err != nil {
		return err
	}
	doors, err := tx.Vaults.Bindings(ctx, v.id)
	if err != nil {
		return err
	}
	v.doors = len(doors)
	for _, b := range doors {
		counters, err := tx.Acts.Counters(ctx, b.ID)
		if err != nil {
			return err
		}
		for name, n := range counters {
			if !strings.HasPrefix(name, "notice") { // what the door announced
				v.counted += n
			}
		}
	}
	return nil
}

// keptOf counts what is kept of an account beside recordings.
func keptOf(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, vaults []searchedVault) (k kept, err error) {
	unlockers, err := tx.Identity.Unlockers(ctx, account)
	if err != nil {
		return k, err
	}
	sessions, err := tx.Identity.Sessions(ctx, account)
	if err != nil {
		return k, err
	}
	addresses, err := tx.Letters.Channels(ctx, account)
	if err != nil {
		return k, err
	}
	letters, err := tx.Letters.Deliveries(ctx, account, maxCounted)
	if err != nil {
		return k, err
	}
	tokens, err := tx.Vaults.APITokens(ctx, account)
	if err != nil {
		return k, err
	}
	requests, err := tx.Rights.Requests(ctx, account, maxCounted)
	if err != nil {
		return k, err
	}
	k = kept{
		unlockers: len(unlockers), sessions: len(sessions), addresses: len(addresses), letters: len(letters),
		tokens: len(tokens), requests: len(requests),
	}
	switch _, err := tx.Houses.Member(ctx, account); {
	case err == nil:
		k.household = 1
	case !errors.Is(err, store.ErrNotFound):
		return k, err
	}
	timers, err := tx.Acts.Timers(ctx)
	if err != nil {
		return k, err
	}
	ids := make([]hearkeep.VaultID, len(vaults))
	for i, v := range vaults {
		ids[i] = v.id
	}
	for _, t := range timers {
		if slices.Contains(ids, t.Vault) {
			k.timers++
		}
	}
	for before := int64(math.MaxInt64); ; {
		page, err := tx.Ledger.EntriesOf(ctx, account, ids, before, pageOfEntries)
		if err != nil {
			return k, err
		}
		k.entries += int64(len(page))
		if len(page) < pageOfEntries {
			return k, nil
		}
		before = page[len(page)-1].Seq
	}
}

const (
	maxCounted    = 100_000 // letters and requests of one account
	pageOfEntries = 1000
)
