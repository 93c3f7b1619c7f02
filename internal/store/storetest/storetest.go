// Package storetest is the contract of store.Store as tests. Every driver
// runs all of them; a case that only one driver can answer lies with it.
//
// It promises that a driver which passes keeps vaults apart, loses nothing
// that it acknowledged, and pages, counts and forgets alike.
package storetest

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Opener opens an empty store that ends with the test. reopen closes it and
// opens it again on the same disk.
type Opener func(t *testing.T) (st store.Store, reopen func() store.Store)

// Run runs the contract.
func Run(t *testing.T, open Opener) {
	cases := []struct {
		name string
		run  func(*testing.T, Opener)
	}{
		{"stranger", stranger}, // first: what failed in 2018 (C2)
		{"savepoints", savepoints},
		{"panics", panics},
		{"cancellation", cancellation},
		{"snapshot", snapshot},
		{"transactions end", transactionsEnd},
		{"durability", durability},
		{"accounts", accounts},
		{"an account changes", accountChanges},
		{"an account goes", accountGoes},
		{"sessions", sessions},
		{"an account's sessions", accountSessions},
		{"tokens", tokens},
		{"links", links},
		{"a link works once", linkOnce},
		{"households", households},
		{"invitations", invitations},
		{"an invitation is accepted once", acceptOnce},
		{"farewells", farewells},
		{"channels", channels},
		{"deliveries", deliveries},
		{"what waits to be said at a door", spokenDeliveries},
		{"vaults", vaults},
		{"vaults change hands", vaultChanges},
		{"keyholders", keyholders},
		{"departures", departures},
		{"API tokens", apiTokens},
		{"bindings", bindings},
		{"hand out without gaps", handOut},
		{"recordings", recordings},
		{"paging over equal times", paging},
		{"spans of generations", spans},
		{"parts", parts},
		{"totals", totals},
		{"due parts", dueParts},
		{"tombstones", tombstones},
		{"erasures", erasures},
		{"imports", importRows},
		{"ledger", ledgerRows},
		{"ledger hashes", ledgerHashes},
		{"ledger in bulk", ledgerInBulk},
		{"ledger keys and witnesses", ledgerKeys},
		{"openings", openings},
		{"timers, cursors, counters", acts},
		{"jobs", jobs},
		{"requests", requests},
		{"requests whose clock runs", openRequests},
		{"archives", archives},
		{"reports", reports},
		{"cases", incidents},
		{"steps of cases", incidentSteps},
		{"reports of cases", incidentReports},
		{"what cases froze", frozenByCases},
		{"who is affected", affected},
		{"letters about cases", communications},
		{"who is asked to delete", recipients},
		{"languages and places", languagesAndPlaces},
		{"what is anybody's by its id", anybodys},
		{"what the follower remembers", watchNotes},
		{"reports of the same fault", reportsAlike},
		{"restrictions", restrictions},
		{"what is restricted does not fall due", frozenParts},
		{"claims", claims},
		{"a door by its number", numbered},
		{"what lies in a window", between},
		{"agents' tokens", agentTokens},
		{"agents' messages", agentMessages},
		{"agents' requests", agentRequests},
		{"confirmed e-mail channels", confirmedEmails},
		{"backups", backups},
		{"access ends", accessEnds},
		{"numbers are skipped", skipNumbers},
		{"keys", keys},
		{"keys are listed", keysEach},
		{"envelopes", envelopes},
		{"model", model},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if i > 0 {
				t.Parallel() // they wait for the disk, each on files of its own
			}
			c.run(t, open)
		})
	}
}

// noon is a time as a store keeps it: milliseconds, UTC.
var noon = time.Date(2026, time.March, 29, 12, 0, 0, 0, time.UTC)

func update(t *testing.T, st store.Store, fn func(*store.Tx) error) {
	t.Helper()
	if err := st.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, st store.Store, fn func(*store.Tx) error) {
	t.Helper()
	if err := st.View(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// wantErr expects the very error: a wrapped one could tell more.
func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

// equal compares; nil and empty lists and bytes are the same.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func bytesOf(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// Vault is a vault with one generation, keyholder and binding.
type Vault struct {
	ID      hearkeep.VaultID
	Account hearkeep.AccountID
	Binding hearkeep.BindingID
}

// NewVault inserts a vault to keep recordings in.
func NewVault(t testing.TB, st store.Store) Vault {
	t.Helper()
	v := Vault{hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.AccountID](), hearkeep.NewID[hearkeep.BindingID]()}
	ctx := t.Context()
	err := st.Update(ctx, func(tx *store.Tx) error {
		return errors.Join(
			tx.Vaults.InsertVault(ctx, store.Vault{ID: v.ID, Kind: "personal", Created: noon,
				Retention: store.Retention{Audio: hearkeep.DefaultRetention, Words: hearkeep.DefaultRetention, Turn: hearkeep.DefaultRetention}}),
			tx.Vaults.InsertGeneration(ctx, store.Generation{Vault: v.ID, N: 1, HPKEPublic: bytesOf(64), SignPublic: bytesOf(32),
				Keyholders: []hearkeep.AccountID{v.Account}, Signature: bytesOf(64), Created: noon}),
			tx.Vaults.InsertKeyholder(ctx, store.Keyholder{Vault: v.ID, Generation: 1, Account: v.Account, Wrap: bytesOf(113)}),
			tx.Vaults.InsertBinding(ctx, store.Binding{ID: v.Binding, Vault: v.ID, Generation: 1, Source: hearkeep.SourceSay,
				Label: bytesOf(20), Rule: hearkeep.RoomRule{Keep: hearkeep.KeepAll}, Signature: bytesOf(64), Pin: bytesOf(40), Next: 1, Created: noon}),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// NewRecording makes up a recording of a vault with all of its parts.
func NewRecording(v Vault, n hearkeep.Number, start time.Time) (store.Recording, []store.Part) {
	id := hearkeep.NewID[hearkeep.RecordingID]()
	r := store.Recording{ID: id, Vault: v.ID, Binding: v.Binding, Number: n, Generation: 1,
		Envelope: hearkeep.NewID[hearkeep.EnvelopeID](), Start: start, Duration: 3100 * time.Millisecond,
		Blob: id.String(), Kept: start.Add(time.Second)}
	var parts []store.Part
	for _, name := range hearkeep.Parts() {
		p := store.Part{Recording: id, Part: name, Version: 1, Size: 200, Until: start.Add(hearkeep.DefaultRetention)}
		if name != hearkeep.PartAudio {
			p.Bytes = bytesOf(200)
		}
		p.Hash = sha256.Sum256(p.Bytes)
		parts = append(parts, p)
	}
	return r, parts
}

// keep inserts a made-up recording.
func keep(t *testing.T, st store.Store, v Vault, n hearkeep.Number, start time.Time) (store.Recording, []store.Part) {
	t.Helper()
	r, parts := NewRecording(v, n, start)
	update(t, st, func(tx *store.Tx) error { return tx.Vaults.InsertRecording(t.Context(), r, parts) })
	return r, parts
}
