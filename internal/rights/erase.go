package rights

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// Preview says what an erasure would take: from which vaults, how much, and
// when the last backup copy of the keys is gone.
type Preview struct {
	Vaults   []PreviewVault
	KeysGone time.Time // zero: with the erasure itself
	KeysWait bool      // a backup holds them, until some time after the next one is verified; KeysGone is the earliest
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
func (d *Desk) PreviewErasure(ctx context.Context, who identity.Verified, id hearkeep.RequestID) (p Preview, err error) {
	if _, err := d.row(ctx, who, id, hearkeep.RequestErasure); err != nil {
		return p, err
	}
	held, to, err := d.survey(ctx, who)
	if err != nil {
		return p, wrapped(err, "preview", id)
	}
	for _, h := range held {
		room, err := d.Keep.Enter(ctx, who, h.ID)
		if err != nil {
			return p, wrapped(err, "preview", id)
		}
		v := PreviewVault{ID: h.ID, Name: h.Name, Kind: h.Kind, Others: h.Holders - 1}
		if v.Totals, err = room.Totals(ctx); err != nil {
			return p, wrapped(err, "preview", id)
		}
		p.Vaults = append(p.Vaults, v)
	}
	p.Told = append(to.people, to.engines...)
	err = d.Store.View(ctx, func(tx *store.Tx) error {
		copies, err := tx.Backups.Backups(ctx)
		if err != nil {
			return err
		}
		at := now()
		gone, known := store.KeysGone(copies, math.MaxInt64, at, at)
		if p.KeysWait = !known; gone.After(at) || p.KeysWait {
			p.KeysGone = gone
		}
		return nil
	})
	return p, wrapped(err, "preview", id)
}

// chosen enters the named vaults of an account, each once. One that it does
// not hold is NotFound, before anything is done in any.
func (d *Desk) chosen(ctx context.Context, who identity.Verified, ids []hearkeep.VaultID) ([]*vault.Room, error) {
	if len(ids) == 0 {
		return nil, hearkeep.Errorf(hearkeep.Invalid, "No vault was chosen.")
	}
	ids = slices.Clone(ids)
	slices.SortFunc(ids, func(a, b hearkeep.VaultID) int { return slices.Compare(a[:], b[:]) })
	var rooms []*vault.Room
	for _, id := range slices.Compact(ids) {
		room, err := d.Keep.Enter(ctx, who, id)
		if err != nil {
			return nil, err
		}
		rooms = append(rooms, room)
	}
	return rooms, nil
}

// mayAnswer fails where a request of a kind cannot be answered now.
func (d *Desk) mayAnswer(ctx context.Context, who identity.Verified, id hearkeep.RequestID, kind hearkeep.RequestKind) (store.Request, error) {
	row, err := d.row(ctx, who, id, kind)
	if err == nil {
		err = move(new(row), stepAnswered, now())
	}
	return row, err
}

// Erase carries out an erasure request in the named vaults of the account, and
// answers it with a signed note that names the receipts. It needs an unlocker
// shown lately. Others who hold such a vault are told (Art. 19).
//
// Where it fails half way, what was erased is, the receipts say so, and the
// request stays open: it can be repeated.
func (d *Desk) Erase(ctx context.Context, who identity.Verified, id hearkeep.RequestID, vaults []hearkeep.VaultID) ([]vault.Receipt, error) {
	if _, err := d.mayAnswer(ctx, who, id, hearkeep.RequestErasure); err != nil {
		return nil, err
	}
	if err := who.Fresh(); err != nil {
		return nil, err
	}
	rooms, err := d.chosen(ctx, who, vaults)
	if err != nil {
		return nil, wrapped(err, "erase for", id)
	}
	held, _, err := d.survey(ctx, who)
	if err != nil {
		return nil, wrapped(err, "erase for", id)
	}
	ctx = context.WithoutCancel(ctx) // an erasure is not left half way because a page was closed
	var receipts []vault.Receipt
	for _, room := range rooms {
		d.drop(func(f *frozen) bool {
			return slices.ContainsFunc(f.given, func(g given) bool { return g.vault == room.ID() })
		})
		receipt, err := room.EraseAll(ctx)
		if hearkeep.CodeOf(err) == hearkeep.NotFound {
			continue // it was empty
		}
		if err != nil {
			return receipts, wrapped(err, "erase for", id)
		}
		receipts = append(receipts, receipt)
	}
	_, err = d.change(ctx, who, id, "erase for", func(tx *store.Tx, row *store.Request) (err error) {
		told := map[hearkeep.VaultID]int{}
		for _, r := range receipts {
			if told[r.Vault], err = d.tellErased(ctx, tx, who, r.Vault); err != nil {
				return err
			}
		}
		if row.Answer, err = d.sign(d.erased(*row, rooms, receipts, held, told)); err != nil {
			return err
		}
		return d.take(ctx, tx, row, stepAnswered, person(who))
	})
	return receipts, err
}

// tellErased tells the others who hold a vault, and says how many.
func (d *Desk) tellErased(ctx context.Context, tx *store.Tx, who identity.Verified, id hearkeep.VaultID) (n int, err error) {
	holders, err := holdersOf(ctx, tx, id)
	if err != nil {
		return 0, err
	}
	for _, account := range holders {
		if account == who.Account() {
			continue
		}
		if err := d.Letters.Tell(ctx, tx, account, letterErased("a vault", who.Name())); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// erased is the answer that names what was erased, and who was told.
func (d *Desk) erased(row store.Request, rooms []*vault.Room, receipts []vault.Receipt, held []surveyed, told map[hearkeep.VaultID]int) *answer {
	a := d.answerTo(row, "erased")
	total, others, last, waits := 0, 0, time.Time{}, false
	for _, r := range receipts {
		gone := stamp(r.KeysGone)
		if r.KeysWait {
			gone = "after-next-verified-backup"
		}
		a.add("receipt", r.ID, fmt.Sprintf("vault=%s count=%d entry=%d keys-gone=%s told=%d", r.Vault, r.Count, r.Entry, gone, told[r.Vault]))
		total, others, waits = total+r.Count, others+told[r.Vault], waits || r.KeysWait
		if r.KeysGone.After(last) {
			last = r.KeysGone
		}
	}
	var engines []string
	for _, v := range held {
		erased := slices.ContainsFunc(rooms, func(r *vault.Room) bool { return r.ID() == v.ID })
		a.add("vault", v.ID, map[bool]string{true: "erased", false: "left-as-it-is"}[erased])
		for _, b := range v.doors {
			if erased && b.Door.Relay != "" && !slices.Contains(engines, b.Door.Relay) {
				engines = append(engines, b.Door.Relay)
				a.add("given-to", b.Door.Relay)
			}
		}
	}
	a.say("%s of %s were erased, as you asked: their keys first, without which nothing of them opens. The receipts above stand in the ledger under the entries that they name.", some(total, "recording"), some(len(rooms), "vault"))
	switch {
	case len(receipts) == 0:
		a.say("Nothing was kept there any more.")
	case waits:
		a.say("Backups hold copies of those keys. They are destroyed some days after the next backup is verified, and not before %s; a receipt, looked up again, says when.", d.day(last))
	default:
		a.say("The last copy of those keys, backups included, is gone on %s.", d.day(last))
	}
	if others > 0 {
		a.say("Others who hold such a vault were told by letter, %s in all: erased for one is erased for all (GDPR Art. 19). What they saved elsewhere is out of our reach.", some(others, "account"))
	}
	if len(engines) > 0 {
		a.say("Doors of those vaults gave sound to the engines that are named above, which process it elsewhere. Whoever connected them can ask there; Hearkeep has no way to.")
	}
	a.say("What stays: your account, the numbers of the recordings without anything in them, and the ledger.")
	return a
}
