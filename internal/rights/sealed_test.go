package rights

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/archive"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// withKit gives p a recovery kit that the test knows.
func (o *office) withKit(p vaulttest.Person) (vaulttest.Person, string) {
	o.Helper()
	kit, check, err := o.home.Desk.NewKit(o.Context(), p.Who)
	o.must(err)
	groups := strings.Split(kit, "-")
	in, err := o.home.Desk.CheckKit(o.Context(), p.Who, check.Ticket, [2]string{groups[check.Groups[0]-1], groups[check.Groups[1]-1]}, identity.Visitor{})
	o.must(err)
	p.Who = in.Who
	return p, kit
}

// sealedOf fetches a whole sealed archive with a ticket.
func (o *office) sealedOf(ticket string) (Open, []byte) {
	o.Helper()
	a, f, err := o.desk.Sealed(o.Context(), ticket)
	o.must(err)
	var b bytes.Buffer
	o.must(o.desk.SendSealed(o.Context(), f, &b, 0, a.Size))
	return a, b.Bytes()
}

// A code that was sent fetches the sealed archive, once, without anybody
// signed in; it opens with its owner's kit, and is noise else.
func TestSealedArchive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, ctx := openOffice(t), t.Context()
		anna, bert := o.person("Anna"), o.person("Bert")
		anna, kit := o.withKit(anna)
		bert, other := o.withKit(bert)
		time.Sleep(identity.WaitLife)
		anna, bert = o.again(anna), o.again(bert)
		o.says(anna, "annas canary")
		o.says(bert, "berts canary")
		r := o.asks(anna, hearkeep.RequestAccess)
		o.must(o.desk.Offer(ctx, anna.Who, r.ID))
		if got, err := o.desk.Request(ctx, anna.Who, r.ID); err != nil || got.State != hearkeep.RequestReady {
			t.Errorf("offered: got %s, %v, want it ready", got.State, err)
		}
		code := o.code(anna)
		if got := o.topics(bert); slices.Contains(got, topicCode) {
			t.Error("Bert was sent a code")
		}
		for _, wrong := range []string{"", "0000-0000-0000", code[:len(code)-1], code + "0", "ä" + code[1:], strings.Repeat("0", 1000)} {
			_, err := o.desk.Redeem(ctx, wrong)
			o.wants(hearkeep.NotFound, "the code "+wrong, err)
		}
		ticket, err := o.desk.Redeem(ctx, " "+strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(code, "-", " "), "0", "o"))) // as people type
		o.must(err)
		_, err = o.desk.Redeem(ctx, code)
		o.wants(hearkeep.NotFound, "a code that was used", err)

		if got := o.entries(anna, ledger.KindDisclosed); len(got) != 0 {
			t.Errorf("got %d disclosures before the first byte", len(got))
		}
		a, file := o.sealedOf(ticket)
		if len(file) != int(a.Size) || a.Count != 1 {
			t.Errorf("got %d bytes of %+v", len(file), a)
		}
		got := o.entries(anna, ledger.KindDisclosed)
		if len(got) != 1 || got[0].Purpose != "access disclosed, sealed" || got[0].Count != 1 || got[0].Session != "" {
			t.Errorf("got disclosures %+v, want one, by nobody's session", got)
		}
		if answered, err := o.desk.Request(ctx, anna.Who, r.ID); err != nil || answered.State != hearkeep.RequestAnswered {
			t.Errorf("fetched whole: got %s, %v", answered.State, err)
		}
		if bytes.Contains(file, []byte("canary")) || bytes.Contains(file, []byte("Anna")) {
			t.Error("a sealed archive says something")
		}
		opened, err := archive.OpenSealed(bytes.NewReader(file), int64(len(file)))
		o.must(err)
		if faults := opened.Faults(); len(faults) != 0 {
			t.Errorf("got faults %v", faults)
		}
		if about := opened.About(); about.Request != r.ID || about.Account != anna.Who.Account() || !about.Signed {
			t.Errorf("got %+v", about)
		}
		if _, err := opened.Unlock(kitOf(t, other)); hearkeep.CodeOf(err) != hearkeep.Forbidden {
			t.Errorf("with Bert's kit: got %v", err)
		}
		if _, err := opened.Unlock(kitOf(t, kit)); err != nil {
			t.Errorf("with her own kit: %v", err)
		}

		// The ticket resumes for a day, also after a restart, and no longer.
		o.start()
		_, again := o.sealedOf(ticket)
		if n, err := zip.NewReader(bytes.NewReader(again), int64(len(again))); err != nil || len(n.File) == 0 {
			t.Errorf("after a restart: %v", err)
		}
		_, f, err := o.desk.Sealed(ctx, ticket)
		o.must(err)
		time.Sleep(FetchLife)
		_, _, err = o.desk.Sealed(ctx, ticket)
		o.wants(hearkeep.NotFound, "a day later", err)
		o.wants(hearkeep.NotFound, "a day later, with what was frozen", o.desk.SendSealed(ctx, f, io.Discard, 0, 1))
		o.must(o.desk.Expire(ctx, time.Now()))
		if n := len(o.desk.frozen); n != 0 {
			t.Errorf("got %d archives that are remembered", n)
		}
	})
}

func kitOf(t *testing.T, text string) seal.Kit {
	t.Helper()
	kit, err := seal.ParseKit(text)
	if err != nil {
		t.Fatal(err)
	}
	return kit
}

// Codes go to confirmed addresses only, three a day, and live for a week.
func TestOffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, ctx := openOffice(t), t.Context()
		anna := o.person("Anna")
		mute := o.home.Person(t, "Mute")
		o.says(anna, "something")
		o.says(mute, "something")
		r := o.asks(mute, hearkeep.RequestAccess)
		o.wants(hearkeep.Conflict, "no address", o.desk.Offer(ctx, mute.Who, r.ID))
		o.must(o.home.Store.Update(ctx, func(tx *store.Tx) error {
			id := hearkeep.NewID[hearkeep.ChannelID]()
			sealed, err := o.desk.Letters.Seal(id, "mute@example.org")
			if err != nil {
				return err
			}
			return tx.Letters.InsertChannel(ctx, store.Channel{ID: id, Account: mute.Who.Account(), Kind: "email", Address: sealed, Created: now()})
		}))
		o.wants(hearkeep.Conflict, "an address that nobody confirmed", o.desk.Offer(ctx, mute.Who, r.ID))
		a, f, err := o.desk.SealedHere(ctx, mute.Who, r.ID) // the way then
		o.must(err)
		o.must(o.desk.SendSealed(ctx, f, io.Discard, 0, a.Size))
		if got := o.entries(mute, ledger.KindDisclosed); len(got) != 1 || got[0].Session != mute.Who.Session() {
			t.Errorf("got disclosures %+v, want one in her session", got)
		}

		r = o.asks(anna, hearkeep.RequestPortability)
		erasure := o.asks(anna, hearkeep.RequestErasure)
		o.wants(hearkeep.Invalid, "the code of an erasure", o.desk.Offer(ctx, anna.Who, erasure.ID))
		for range codesADay {
			o.must(o.desk.Offer(ctx, anna.Who, r.ID))
		}
		o.wants(hearkeep.TooMany, "one more code", o.desk.Offer(ctx, anna.Who, r.ID))
		code := o.code(anna)
		time.Sleep(CodeLife)
		_, err = o.desk.Redeem(ctx, code)
		o.wants(hearkeep.NotFound, "a week later", err)
		anna = o.again(anna)
		o.must(o.desk.Offer(ctx, anna.Who, r.ID))
		code = o.code(anna)

		// Guesses of all sources together have a bound; it comes back.
		for range wrongBurst {
			o.desk.wrong.take(time.Now())
		}
		_, err = o.desk.Redeem(ctx, "0000-0000-0000")
		o.wants(hearkeep.TooMany, "after very many guesses", err)
		time.Sleep(wrongEvery * 2)
		_, err = o.desk.Redeem(ctx, "0000-0000-0000")
		o.wants(hearkeep.NotFound, "a guess, after a while", err)
		_, err = o.desk.Redeem(ctx, code)
		o.must(err)
	})
}

// A ticket that was stolen gives noise, and only while its request stands.
func TestStolenTicket(t *testing.T) {
	o, ctx := openOffice(t), t.Context()
	anna, bert := o.person("Anna"), o.person("Bert")
	o.says(anna, "annas canary")
	o.says(bert, "berts canary")
	r, s := o.asks(anna, hearkeep.RequestAccess), o.asks(bert, hearkeep.RequestAccess)
	o.must(o.desk.Offer(ctx, anna.Who, r.ID))
	ticket, err := o.desk.Redeem(ctx, o.code(anna))
	o.must(err)
	_, f, err := o.desk.Sealed(ctx, ticket)
	o.must(err)
	for _, wrong := range []string{"", ticket[1:], ticket + "A"} {
		_, _, err := o.desk.Sealed(ctx, wrong)
		o.wants(hearkeep.NotFound, "no ticket", err)
	}
	o.wants(hearkeep.NotFound, "no leave", o.desk.SendSealed(ctx, nil, io.Discard, 0, 1))
	o.wants(hearkeep.NotFound, "leave that nobody gave", o.desk.SendSealed(ctx, &Fetch{account: anna.Who.Account(), request: r.ID, archive: f.archive, of: "x"}, io.Discard, 0, 1))

	// Rows that point Anna's ticket at Bert's request, or at another of hers.
	account, request := bert.Who.Account(), s.ID
	for name, payload := range map[string][]byte{
		"Bert's account, her request": slices.Concat(account[:], r.ID[:]),
		"her account, Bert's request": slices.Concat(f.account[:], request[:]),
		"cut short":                   f.account[:],
		"nothing":                     {0},
	} {
		o.sql("UPDATE links SET payload = ? WHERE kind = 'fetch-ticket'", payload)
		_, _, err := o.desk.Sealed(ctx, ticket)
		o.wants(hearkeep.NotFound, name, err)
		if err := o.desk.SendSealed(ctx, f, io.Discard, 0, 1); err == nil {
			t.Errorf("%s: what was frozen before went on", name)
		}
	}
	// Wholly Bert's: then it is Bert's archive, told to Bert, and opens with
	// Bert's kit alone.
	o.sql("UPDATE links SET payload = ? WHERE kind = 'fetch-ticket'", slices.Concat(account[:], request[:]))
	o.wants(hearkeep.NotFound, "what was frozen before", o.desk.SendSealed(ctx, f, io.Discard, 0, 1))
	_, file := o.sealedOf(ticket)
	if bytes.Contains(file, []byte("canary")) {
		t.Error("Bert's archive is not sealed")
	}
	if got := o.topics(bert); !slices.Contains(got, "archive left") {
		t.Errorf("Bert was not told: %v", got)
	}
	own := slices.Concat(f.account[:], r.ID[:])
	o.sql("UPDATE links SET payload = ? WHERE kind = 'fetch-ticket'", own)
	_, err = o.desk.Withdraw(ctx, anna.Who, r.ID)
	o.must(err)
	_, _, err = o.desk.Sealed(ctx, ticket)
	o.wants(hearkeep.NotFound, "of a request that was withdrawn", err)
	o.wants(hearkeep.NotFound, "of a request that was withdrawn", o.desk.SendSealed(ctx, f, io.Discard, 0, 1))
}

// Ciphertext that is not what was stored stops a sealed archive on its way.
func TestSealedStopped(t *testing.T) {
	o, ctx := openOffice(t), t.Context()
	anna := o.person("Anna")
	o.says(anna, "something")
	r := o.asks(anna, hearkeep.RequestAccess)
	a, f, err := o.desk.SealedHere(ctx, anna.Who, r.ID)
	o.must(err)
	o.must(filepath.WalkDir(filepath.Join(o.home.Dir, "audio"), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		b[len(b)/2] ^= 1
		return os.WriteFile(path, b, 0o600)
	}))
	err = o.desk.SendSealed(ctx, f, io.Discard, 0, a.Size)
	o.wants(hearkeep.Stopped, "altered ciphertext", err)
	var stop *vault.Stop
	if errors.As(err, &stop) && stop.What != vault.WhatOpening {
		t.Errorf("got %v", stop)
	}
	if got, err := o.desk.Request(ctx, anna.Who, r.ID); err != nil || got.State != hearkeep.RequestStopped {
		t.Errorf("got %s, %v, want it stopped", got.State, err)
	}
	if got := o.archiveRow(anna, a.ID); got.State != archiveStopped {
		t.Errorf("got the archive %s, want it stopped", got.State)
	}
	if got := o.reports(); len(got) != 1 {
		t.Errorf("got reports %+v, want one", got)
	}
	if got := o.topics(anna); got[0] != "archive stopped" {
		t.Errorf("got letters %v", got)
	}
}
