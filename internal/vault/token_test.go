package vault_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

const day = 24 * time.Hour

func makeToken(t *testing.T, h *vaulttest.Home, p vaulttest.Person, write bool) (string, vault.Token) {
	t.Helper()
	token, made, err := h.Enter(t, p).MakeToken(t.Context(), "Shopping list", write, 30*day)
	must(t, err)
	return token, made
}

func program(t *testing.T, h *vaulttest.Home, token string) *vault.Room {
	t.Helper()
	r, err := h.Keep.Program(t.Context(), token)
	must(t, err)
	return r
}

// newGeneration makes the next generation of the vault that one person holds
// alone, as its rows are after the keys were changed.
func newGeneration(t *testing.T, h *vaulttest.Home, p vaulttest.Person) {
	t.Helper()
	ctx := t.Context()
	var last store.Keyholder
	must(t, h.Store.View(ctx, func(tx *store.Tx) error {
		held, err := tx.Vaults.Keyholder(ctx, p.Vault, p.Who.Account())
		last = held[len(held)-1]
		return err
	}))
	old, err := seal.OpenVaultKey(last.Wrap, p.Who.Private(), p.Vault, last.Generation, p.Who.Account())
	must(t, err)
	key, err := seal.NewVaultKey()
	must(t, err)
	public, me := seal.PublicOfVault(key), p.Who.Account()
	g := store.Generation{Vault: p.Vault, N: last.Generation + 1, HPKEPublic: public.HPKE, SignPublic: public.Verify, Keyholders: []hearkeep.AccountID{me}, Created: time.Now()}
	g.Signature, err = seal.SignGeneration(old, seal.GenerationStatement{Vault: g.Vault, N: g.N, Public: public, Keyholders: g.Keyholders})
	must(t, err)
	holder := store.Keyholder{Vault: p.Vault, Generation: g.N, Account: me}
	holder.Wrap, err = seal.SealVaultKey(key, seal.PublicOfAccount(p.Who.Private()), p.Vault, g.N, me)
	must(t, err)
	holder.Pin, err = json.Marshal(map[string]any{
		"Public": public,
		"MAC":    seal.MACHolder(h.House, seal.HolderStatement{Account: me, Vault: p.Vault, Generation: g.N, Public: public}),
	})
	must(t, err)
	must(t, h.Store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.Vaults.InsertGeneration(ctx, g); err != nil {
			return err
		}
		return tx.Vaults.InsertKeyholder(ctx, holder)
	}))
}

// A token that is not good is refused, in the same words whatever is wrong.
func TestTokensThatAreRefused(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	ctx := t.Context()
	say(t, anna, "mine")
	other, err := h.Keep.Add(ctx, anna.Who, vault.NewVault{Name: "Other", Kind: vault.Personal})
	must(t, err)
	flip := func(token string, at int) string {
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(token, vault.TokenPrefix))
		must(t, err)
		raw[at] ^= 1
		return vault.TokenPrefix + base64.RawURLEncoding.EncodeToString(raw)
	}
	edit := func(column string, value any) func(*testing.T, string, vault.Token) string {
		return func(t *testing.T, token string, made vault.Token) string {
			rewrite(t, h, "hearkeep.db", `UPDATE api_tokens SET `+column+` = ? WHERE id = ?`, value, made.ID[:])
			return token
		}
	}
	account := bert.Who.Account()
	for _, tc := range []struct {
		name  string
		spoil func(t *testing.T, token string, made vault.Token) string
	}{
		{"nothing", func(*testing.T, string, vault.Token) string { return "" }},
		{"the prefix alone", func(*testing.T, string, vault.Token) string { return vault.TokenPrefix }},
		{"another prefix", func(t *testing.T, token string, _ vault.Token) string { return "hkd_" + token[4:] }},
		{"cut short", func(t *testing.T, token string, _ vault.Token) string { return token[:len(token)-1] }},
		{"a tail", func(t *testing.T, token string, _ vault.Token) string { return token + "A" }},
		{"a line feed", func(t *testing.T, token string, _ vault.Token) string { return token + "\n" }},
		{"another id", func(t *testing.T, token string, _ vault.Token) string { return flip(token, 0) }},
		{"another secret", func(t *testing.T, token string, _ vault.Token) string { return flip(token, 16) }},
		{"another token's secret", func(t *testing.T, token string, _ vault.Token) string {
			second, _ := makeToken(t, h, anna, true)
			a, _ := base64.RawURLEncoding.DecodeString(token[4:])
			b, _ := base64.RawURLEncoding.DecodeString(second[4:])
			return vault.TokenPrefix + base64.RawURLEncoding.EncodeToString(append(a[:16:16], b[16:]...))
		}},
		{"ended", func(t *testing.T, token string, made vault.Token) string {
			must(t, h.Keep.EndToken(ctx, anna.Who, made.ID))
			return token
		}},
		{"pointed at another's vault", edit("vault", bert.Vault[:])},
		{"pointed at another vault of hers", edit("vault", other[:])},
		{"made to write", edit("write", 1)},
		{"made to live longer", edit("expires", time.Now().Add(300*day).UnixMilli())},
		{"moved to another generation", edit("generation", 2)},
		{"given to another account", edit("account", account[:])},
		{"the wrap of another", func(t *testing.T, token string, made vault.Token) string {
			_, second := makeToken(t, h, anna, false)
			rewrite(t, h, "hearkeep.db", `UPDATE api_tokens SET wrap = (SELECT wrap FROM api_tokens WHERE id = ?) WHERE id = ?`, second.ID[:], made.ID[:])
			return token
		}},
		{"of somebody who leaves", func(t *testing.T, token string, _ vault.Token) string {
			must(t, h.Store.Update(ctx, func(tx *store.Tx) error {
				return tx.Vaults.PutDeparture(ctx, store.Departure{Vault: anna.Vault, Account: anna.Who.Account(), By: anna.Who.Account(), At: time.Now()})
			}))
			t.Cleanup(func() {
				must(t, h.Store.Update(context.Background(), func(tx *store.Tx) error {
					return tx.Vaults.DeleteDeparture(context.Background(), anna.Vault, anna.Who.Account())
				}))
			})
			return token
		}},
		{"of an older generation", func(t *testing.T, token string, _ vault.Token) string { newGeneration(t, h, anna); return token }}, // the last: it ends them all
	} {
		t.Run(tc.name, func(t *testing.T) {
			token, made := makeToken(t, h, anna, false)
			program(t, h, token)
			_, err := h.Keep.Program(ctx, tc.spoil(t, token, made))
			code, words, hint := hearkeep.Explain(err)
			if code != hearkeep.Unauthorized || words != "This API token is not valid." || hint == "" {
				t.Errorf("got %v (%s)", err, code)
			}
		})
	}
	if n := kinds(t, h, anna.Vault)[ledger.KindOpened]; n != 0 {
		t.Errorf("%d openings by tokens that are refused", n)
	}
}

func TestTokenEndsWithItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := vaulttest.New(t)
		anna := h.Person(t, "Anna")
		token, _, err := anna.Room.MakeToken(t.Context(), "Clock", false, time.Hour)
		must(t, err)
		time.Sleep(time.Hour - time.Second)
		program(t, h, token)
		time.Sleep(time.Second)
		_, err = h.Keep.Program(t.Context(), token)
		wantCode(t, "a token whose time is over", err, hearkeep.Unauthorized)
		if left, err := h.Keep.Tokens(t.Context(), anna.Who); err != nil || len(left) != 0 {
			t.Errorf("it is listed still: %v, %v", left, err)
		}
		_, err = h.Keep.Expire(t.Context(), time.Now())
		must(t, err)
		if rows(t, h, anna) != 0 {
			t.Error("its row outlived Expire")
		}
	})
}

func rows(t *testing.T, h *vaulttest.Home, p vaulttest.Person) (n int) {
	t.Helper()
	must(t, h.Store.View(t.Context(), func(tx *store.Tx) error {
		all, err := tx.Vaults.APITokens(t.Context(), p.Who.Account())
		n = len(all)
		return err
	}))
	return n
}

// A token that reads changes nothing; none does what decides who holds the vault.
func TestReadingTokenChangesNothing(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	id, ctx := say(t, anna, "to be read"), t.Context()
	token, _ := makeToken(t, h, anna, false)
	writing, _ := makeToken(t, h, anna, true)
	other, err := h.Keep.Add(ctx, anna.Who, vault.NewVault{Name: "Other", Kind: vault.Personal})
	must(t, err)
	to, err := h.Keep.Enter(ctx, anna.Who, other)
	must(t, err)
	say(t, anna, "more")

	changes := map[string]func(r *vault.Room) error{
		"erase":        func(r *vault.Room) error { _, err := r.Erase(ctx, id); return err },
		"erase all":    func(r *vault.Room) error { _, err := r.EraseAll(ctx); return err },
		"uploads":      func(r *vault.Room) error { _, err := r.Uploads(ctx); return err },
		"push to talk": func(r *vault.Room) error { _, err := r.Browser(ctx); return err },
		"disconnect":   func(r *vault.Room) error { return r.Unbind(ctx, anna.Inbox.Binding()) },
		"change a door": func(r *vault.Room) error {
			return r.Change(ctx, anna.Inbox.Binding(), vault.Door{Name: "X"}, hearkeep.RoomRule{Keep: hearkeep.KeepNothing})
		},
		"bind": func(r *vault.Room) error {
			_, err := r.Bind(ctx, hearkeep.SourceSay, vault.Door{Name: "X"}, hearkeep.RoomRule{Keep: hearkeep.KeepAll})
			return err
		},
	}
	forPeople := map[string]func(r *vault.Room) error{
		"move":         func(r *vault.Room) error { _, err := vault.Move(ctx, r, to, id); return err },
		"move here":    func(r *vault.Room) error { _, err := vault.Move(ctx, to, r, id); return err },
		"move a door":  func(r *vault.Room) error { _, err := vault.MoveDoor(ctx, r, to, anna.Inbox.Binding()); return err },
		"rename":       func(r *vault.Room) error { return r.Rename(ctx, "X") },
		"make a token": func(r *vault.Room) error { _, _, err := r.MakeToken(ctx, "X", false, time.Hour); return err },
		"invite":       func(r *vault.Room) error { _, err := r.Invite(ctx, vault.Invitation{As: "holder"}); return err },
		"remove":       func(r *vault.Room) error { return r.RemoveHolder(ctx, anna.Who.Account()) },
		"leave":        func(r *vault.Room) error { return r.Leave(ctx) },
		"give past":    func(r *vault.Room) error { return r.GivePast(ctx, anna.Who.Account()) },
		"hand over":    func(r *vault.Room) error { return r.HandOver(ctx) },
		"take over":    func(r *vault.Room) error { return r.TakeOver(ctx) },
	}
	before, entries := dump(t, h, anna), kinds(t, h, anna.Vault)
	reads := program(t, h, token)
	if reads.Writes() || !program(t, h, writing).Writes() || !h.Enter(t, anna).Writes() {
		t.Error("who writes is not told as it is")
	}
	for name, try := range changes {
		wantCode(t, name+" with a token that reads", try(reads), hearkeep.Forbidden)
	}
	for name, try := range forPeople {
		wantCode(t, name+" with a token that reads", try(reads), hearkeep.Forbidden)
		wantCode(t, name+" with a token that writes", try(program(t, h, writing)), hearkeep.Forbidden)
	}
	if after := dump(t, h, anna); after != before {
		t.Errorf("the vault changed from %s to %s", before, after)
	}
	if now := kinds(t, h, anna.Vault); len(now) != len(entries) || now[ledger.KindErased] != 0 {
		t.Errorf("entries: got %v, want %v", now, entries)
	}

	// What a token may, it does: as itself, and not as the person.
	if it, err := reads.Read(ctx, id); err != nil || it.Words.Reveal() != "to be read" {
		t.Errorf("reading: %+v, %v", it, err)
	}
	readAll(t, program(t, h, token), id)
	all, err := h.Ledger.Entries(ctx, anna.Vault, 0, 100)
	must(t, err)
	last := all[len(all)-1]
	if last.Kind != ledger.KindOpened || last.Role != hearkeep.RoleToken || last.Session == anna.Who.Session() || *last.Account != anna.Who.Account() {
		t.Errorf("the entry of its opening: got %+v", last)
	}
	r := program(t, h, writing)
	for _, name := range []string{"bind", "change a door", "uploads", "push to talk", "disconnect", "erase", "erase all"} {
		if err := changes[name](r); err != nil {
			t.Errorf("%s with a token that writes: %v", name, err)
		}
	}
	if n := kinds(t, h, anna.Vault)[ledger.KindOpeningFailed]; n != 0 {
		t.Errorf("%d failed openings", n)
	}
}

// dump is what a vault has, as its rows say it.
func dump(t *testing.T, h *vaulttest.Home, p vaulttest.Person) string {
	t.Helper()
	var out []byte
	must(t, h.Store.View(t.Context(), func(tx *store.Tx) error {
		totals, err := tx.Vaults.Totals(t.Context(), p.Vault, store.Span{})
		must(t, err)
		doors, err := tx.Vaults.Bindings(t.Context(), p.Vault)
		must(t, err)
		row, err := tx.Vaults.Vault(t.Context(), p.Vault)
		must(t, err)
		out, err = json.Marshal([]any{totals, doors, row, rows(t, h, p)})
		return err
	}))
	return string(out)
}

// What the first program reads of an envelope wraps it anew, with a key that
// signs nothing; its person opens it as before.
func TestReadingTokenRewraps(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	id := say(t, anna, "wrapped")
	token, _ := makeToken(t, h, anna, false)
	for range 2 {
		readAll(t, program(t, h, token), id)
	}
	var rec store.Recording
	must(t, h.Store.View(t.Context(), func(tx *store.Tx) (err error) {
		rec, err = tx.Vaults.Recording(t.Context(), anna.Vault, id)
		return err
	}))
	wrap, err := h.Store.Keys().Envelope(t.Context(), anna.Vault, rec.Envelope)
	must(t, err)
	if !seal.IsRewrapped(wrap) {
		t.Error("the envelope has its first wrap still")
	}
	readAll(t, h.Enter(t, anna), id)
}

// A program sees the one generation that its token is of: what was kept
// before is not there, and looking for it fails no opening.
func TestTokenSeesOneGeneration(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	ctx := t.Context()
	before, gone := say(t, anna, "before"), say(t, anna, "gone before")
	newGeneration(t, h, anna)
	after := say(t, anna, "after")
	token, _ := makeToken(t, h, anna, true)
	r := program(t, h, token)
	absent := hearkeep.NewID[hearkeep.RecordingID]()
	for name, try := range map[string]func(hearkeep.RecordingID) error{
		"read":     func(id hearkeep.RecordingID) error { _, err := r.Read(ctx, id); return err },
		"listen":   func(id hearkeep.RecordingID) error { _, err := r.Listen(ctx, id); return err },
		"waveform": func(id hearkeep.RecordingID) error { _, err := r.Waveform(ctx, id); return err },
		"erase":    func(id hearkeep.RecordingID) error { _, err := r.Erase(ctx, id); return err },
	} {
		sameAnswer(t, name, try(before), try(absent))
	}
	items, _, more, err := r.List(ctx, vault.Cursor{}, 10)
	must(t, err)
	if len(items) != 1 || more || items[0].ID != after || items[0].Damaged || items[0].Words.Reveal() != "after" {
		t.Errorf("list: got %+v", items)
	}
	if totals, err := r.Totals(ctx); err != nil || totals.Recordings != 1 {
		t.Errorf("totals: got %+v, %v", totals, err)
	}
	if id, err := r.Latest(ctx); err != nil || id != after {
		t.Errorf("latest: got %s, %v", id, err)
	}
	if receipt, err := r.EraseAll(ctx); err != nil || receipt.Count != 1 {
		t.Errorf("erase all: got %+v, %v", receipt, err)
	}
	if n := kinds(t, h, anna.Vault)[ledger.KindOpeningFailed]; n != 0 {
		t.Errorf("%d failed openings", n)
	}
	room := h.Enter(t, anna)
	for _, id := range []hearkeep.RecordingID{before, gone} {
		if it, err := room.Read(ctx, id); err != nil || it.Damaged {
			t.Errorf("what was kept before: %+v, %v", it, err)
		}
	}
}

func TestMakingTokens(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	ctx := t.Context()
	room := h.Enter(t, anna)
	for _, tc := range []struct {
		name string
		life time.Duration
	}{{"", day}, {"  ", day}, {strings.Repeat("x", 65), day}, {"\xff", day}, {"Short", time.Hour - time.Second}, {"Long", 367 * day}, {"Never", 0}, {"Past", -day}} {
		_, _, err := room.MakeToken(ctx, tc.name, false, tc.life)
		wantCode(t, tc.name, err, hearkeep.Invalid)
	}
	var made []vault.Token
	for i := range 32 {
		_, one, err := room.MakeToken(ctx, " Shopping   list ", i%2 == 1, 365*day)
		must(t, err)
		made = append(made, one)
	}
	_, _, err := room.MakeToken(ctx, "One more", false, day)
	wantCode(t, "the 33rd token", err, hearkeep.TooMany)
	list, err := h.Keep.Tokens(ctx, anna.Who)
	must(t, err)
	if len(list) != 32 || list[1].Name != "Shopping list" || list[1].Vault != anna.Vault || !list[1].Used.IsZero() {
		t.Errorf("listed: got %d, %+v", len(list), list[1])
	}
	if berts, err := h.Keep.Tokens(ctx, bert.Who); err != nil || len(berts) != 0 {
		t.Errorf("another's list: got %v, %v", berts, err)
	}
	sameAnswer(t, "ending", h.Keep.EndToken(ctx, bert.Who, made[0].ID), h.Keep.EndToken(ctx, bert.Who, hearkeep.NewID[hearkeep.TokenID]()))
	must(t, h.Keep.EndToken(ctx, anna.Who, made[0].ID))
	wantCode(t, "ending it again", h.Keep.EndToken(ctx, anna.Who, made[0].ID), hearkeep.NotFound)
	_, err = h.Keep.Tokens(ctx, identity.Verified{})
	wantCode(t, "nobody's tokens", err, hearkeep.Unauthorized)
	wantCode(t, "nobody ends one", h.Keep.EndToken(ctx, identity.Verified{}, made[1].ID), hearkeep.Unauthorized)
	if n := kinds(t, h, anna.Vault)[ledger.KindToken]; n != 33 {
		t.Errorf("entries: got %d, want 32 made and 1 ended", n)
	}
	must(t, h.Keep.EndToken(ctx, anna.Who, made[1].ID))
	newGeneration(t, h, anna)
	_, _, err = room.MakeToken(ctx, "Late", false, day)
	wantCode(t, "a token out of a Room that is over", err, hearkeep.Conflict)
}

// A token needs an unlocker that was shown just now, and waits after a change.
func TestMakingATokenNeedsMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := vaulttest.New(t)
		anna := h.Person(t, "Anna")
		ctx := t.Context()
		time.Sleep(6 * time.Minute)
		_, _, err := h.Enter(t, anna).MakeToken(ctx, "Stale", false, day)
		wantCode(t, "without an unlocker", err, hearkeep.StepUp)
		in, err := h.Desk.StepUp(ctx, anna.Who, identity.Proof{Passphrase: "correct horse battery"}, identity.Visitor{})
		must(t, err)
		left := anna
		anna.Who = in.Who
		_, _, err = h.Enter(t, anna).MakeToken(ctx, "Fresh", false, day)
		must(t, err)
		_, _, err = h.Enter(t, left).MakeToken(ctx, "Left behind", false, day)
		if err == nil {
			t.Error("a session that has ended made a token")
		}
		in, err = h.Desk.SetPassphrase(ctx, anna.Who, "a quite different one", identity.Visitor{})
		must(t, err)
		anna.Who = in.Who
		if anna.Who.Waits().IsZero() {
			t.Fatal("a new passphrase makes nothing wait: the test tries nothing")
		}
		_, _, err = h.Enter(t, anna).MakeToken(ctx, "Waits", false, day)
		wantCode(t, "after a change", err, hearkeep.Forbidden)
		if _, words, _ := hearkeep.Explain(err); !strings.Contains(words, anna.Who.Waits().Local().Format("2 January 2006, 15:04")) {
			t.Errorf("it does not say until when: %q", words)
		}
	})
}

// outbox is the letters that a Keep wrote.
type outbox struct {
	to      []hearkeep.AccountID
	letters []hearkeep.Letter
	fail    error
}

func (o *outbox) Tell(_ context.Context, _ *store.Tx, account hearkeep.AccountID, l hearkeep.Letter) error {
	if o.fail == nil {
		o.to, o.letters = append(o.to, account), append(o.letters, l)
	}
	return o.fail
}

// keepOn is another Keep over the same rows and files.
func keepOn(t *testing.T, h *vaulttest.Home, change func(*vault.Config)) *vault.Keep {
	t.Helper()
	journal, err := store.OpenJournal(filepath.Join(h.Dir, "erasures.journal"))
	must(t, err)
	t.Cleanup(func() { journal.Close() })
	c := vault.Config{Store: h.Store, Blobs: h.Blobs, Ledger: h.Ledger, House: h.House, Journal: journal}
	change(&c)
	k, err := vault.Open(t.Context(), c)
	must(t, err)
	return k
}

func TestTokenIsToldByLetter(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	ctx := t.Context()
	var sent outbox
	keep := keepOn(t, h, func(c *vault.Config) { c.Letters = &sent })
	room, err := keep.Enter(ctx, anna.Who, anna.Vault)
	must(t, err)
	token, _, err := room.MakeToken(ctx, "Shopping list", true, 30*day)
	must(t, err)
	if len(sent.letters) != 1 || sent.to[0] != anna.Who.Account() || sent.letters[0].Topic != "token made" {
		t.Fatalf("letters: got %+v", sent)
	}
	text := sent.letters[0].Text
	if !strings.Contains(text, "Shopping list") || !strings.Contains(text, "erase") || strings.Contains(text, token) {
		t.Errorf("the letter says %q", text)
	}
	sent.fail = errors.New("no room for letters")
	if _, _, err = room.MakeToken(ctx, "Untold", false, day); err == nil || rows(t, h, anna) != 1 {
		t.Errorf("a token of which nobody is told was made: %v", err)
	}
}

// A full disk keeps no program out; what it would open is not opened.
func TestTokenOnAFullDisk(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	id := say(t, anna, "full")
	token, made := makeToken(t, h, anna, false)
	h.Store.Fail = store.ErrFull
	r := program(t, h, token)
	_, err := r.Read(t.Context(), id)
	wantCode(t, "reading on a full disk", err, hearkeep.Unavailable)
	h.Store.Fail = nil
	program(t, h, token)
	list, err := h.Keep.Tokens(t.Context(), anna.Who)
	must(t, err)
	if list[0].ID != made.ID || list[0].Used.IsZero() {
		t.Errorf("its use is not noted: %+v", list)
	}
}

// Nothing but a token that was made leads to a Room.
func FuzzProgram(f *testing.F) {
	h := vaulttest.New(f)
	anna := h.Person(f, "Anna")
	token, made, err := anna.Room.MakeToken(f.Context(), "Fuzz", false, time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", vault.TokenPrefix, token[:40], token + "=", "hkt_" + strings.Repeat("A", 64), token[:30] + "\n" + token[30:]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := h.Keep.Program(t.Context(), text)
		if text == token {
			return
		}
		if err == nil || r != nil {
			t.Fatalf("%q is not the token %s and opens a Room", text, made.ID)
		}
		wantCode(t, "a made-up token", err, hearkeep.Unauthorized)
	})
}

// A name is shown to people, on pages and in terminals: it steers neither.
func TestNamesSteerNothing(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	for _, name := range []string{"a\x1b[2Jb", "a\u202eb", "a\x00b"} {
		_, _, err := h.Enter(t, anna).MakeToken(t.Context(), name, false, time.Hour)
		wantCode(t, "a token called "+strconv.Quote(name), err, hearkeep.Invalid)
		_, err = h.Keep.Add(t.Context(), anna.Who, vault.NewVault{Name: name, Kind: vault.Personal})
		wantCode(t, "a vault called "+strconv.Quote(name), err, hearkeep.Invalid)
	}
}
