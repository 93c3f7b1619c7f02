package portal

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/act"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/sound"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// settle lets people move in, share, come, go and be removed.
//
//	home:         Anna and Otto (admins), Mia, Ben, Cleo, Gus, Kim
//	Sven's house: Sven (admin); Rex, who was of home until he was removed
//
// Anna made the shared vault and the child's. Ben has the shared one with the
// past, Cleo without it; Gus is a guardian and Kim the child of the other.
// Otto and Mia hold what is their own.
func (w *town) settle() {
	w.built = time.Now()
	for _, name := range []string{"Anna", "Otto", "Mia", "Ben", "Cleo", "Gus", "Kim", "Rex", "Sven"} {
		w.moveIn(name)
	}
	for _, name := range []string{"Otto", "Mia"} {
		w.comes(name, "", name == "Otto", false)
	}
	w.share()
	w.raise("child's", false)
	w.raise("grown child's", true)
	w.vaults["studio"] = w.add("Sven", vault.NewVault{Name: "Studio", Kind: vault.Shared}, 1)
	for name, p := range w.people {
		if p.house = "home"; name == "Sven" || name == "Rex" {
			p.house = "Sven's"
		}
		p.admin = name == "Anna" || name == "Otto" || name == "Sven"
	}
	for _, name := range []string{"Anna", "Sven", "Mia", "Ben", "Cleo", "Gus", "Kim", "Rex", "Otto"} {
		p := w.people[name]
		w.vaults[name+"'s"] = p.own
		w.furnish(name, name+"'s", p.own, 1)
		w.furnishRights(p)
		w.furnishAccount(p)
	}
	w.readCodes()
	w.furnish("Anna", "the shared, later", w.vaults["shared"], 5)
	w.furnish("Anna", "the child's", w.vaults["child's"], 3)
	w.furnish("Anna", "the grown child's", w.vaults["grown child's"], 3)
	w.furnish("Sven", "the studio's", w.vaults["studio"], 1)
	w.invitations()
	w.credentials()
	w.cases()
	w.reports()
	w.asPlanned()
	for name := range w.people { // what waits for a keyholder is done
		for id := range w.holds[w.people[name].account] {
			w.room(name, id)
		}
	}
}

// asPlanned checks that people live where the rules of the matrix have them.
func (w *town) asPlanned() {
	w.t.Helper()
	ids := map[string]hearkeep.HouseholdID{}
	for name, p := range w.people {
		home, err := w.desk.Household(w.t.Context(), w.as(name))
		w.must(err)
		if ids[p.house].IsZero() {
			ids[p.house] = home.ID
		}
		if home.Admin != p.admin || ids[p.house] != home.ID {
			w.t.Fatalf("%s lives in %s, an admin: %t; want %s, %t", name, home.ID, home.Admin, p.house, p.admin)
		}
	}
}

// moveIn makes an account and two sessions, one of which showed its unlocker
// too long ago.
func (w *town) moveIn(name string) {
	w.t.Helper()
	p := w.home.person(name)
	r := &resident{name: name, account: p.who().Account(), fresh: p.cookie("hearkeep"), own: p.room().ID()}
	r.stale = w.signIn(name, passphrase).cookie("hearkeep")
	w.home.stale(r.stale)
	w.people[name] = r
	w.holds[r.account] = map[hearkeep.VaultID]hearkeep.Generation{r.own: 1}
}

func (w *town) as(name string) identity.Verified {
	w.t.Helper()
	who, err := w.desk.Authenticate(w.t.Context(), w.people[name].fresh)
	w.must(err)
	return who
}

func (w *town) room(name string, id hearkeep.VaultID) *vault.Room {
	w.t.Helper()
	room, err := w.keep.Enter(w.t.Context(), w.as(name), id)
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	return room
}

// comes lets somebody accept an invitation of Anna's: to the household, or to
// one of its vaults.
func (w *town) comes(name, vaultName string, admin, past bool) {
	w.t.Helper()
	var secret string
	var err error
	if vaultName == "" {
		secret, err = w.desk.Invite(w.t.Context(), w.as("Anna"), admin)
	} else {
		as := map[string]string{"Gus": "guardian", "Kim": "child"}[name]
		if as == "" {
			as = "holder"
		}
		secret, err = w.room("Anna", w.vaults[vaultName]).Invite(w.t.Context(), vault.Invitation{As: as, Past: past})
	}
	w.must(err)
	w.must(w.desk.Accept(w.t.Context(), w.as(name), secret))
}

func (w *town) add(name string, n vault.NewVault, since hearkeep.Generation) hearkeep.VaultID {
	w.t.Helper()
	id, err := w.keep.Add(w.t.Context(), w.as(name), n)
	w.must(err)
	w.holds[w.people[name].account][id] = since
	return id
}

// share makes the shared vault, with a recording of each of its times: before
// the others came, while Rex was there, and (furnish) since he was removed.
func (w *town) share() {
	id := w.add("Anna", vault.NewVault{Name: "Living room", Kind: vault.Shared}, 1)
	w.vaults["shared"] = id
	w.recording("Anna", "the shared, before", id, 1)
	w.comes("Ben", "shared", false, true)
	w.comes("Cleo", "shared", false, false)
	w.comes("Rex", "shared", false, true)
	w.room("Anna", id)
	w.recording("Anna", "the shared, with Rex", id, 4)
	w.must(w.desk.RemoveMember(w.t.Context(), w.as("Anna"), w.people["Rex"].account))
	w.room("Anna", id)
	w.holds[w.people["Ben"].account][id] = 1
	w.holds[w.people["Cleo"].account][id] = 3
}

// raise makes a child's vault; one that is handed over is the child's to take.
func (w *town) raise(name string, handedOver bool) {
	id := w.add("Anna", vault.NewVault{Name: "Kim’s", Kind: vault.Child, OfAge: time.Now().AddDate(10, 0, 0)}, 1)
	w.vaults[name] = id
	w.comes("Gus", name, false, false)
	w.comes("Kim", name, false, false)
	w.room("Anna", id)
	w.holds[w.people["Gus"].account][id] = 2
	w.holds[w.people["Kim"].account][id] = 1 // a child has its past
	if handedOver {
		w.must(w.room("Gus", id).HandOver(w.t.Context()))
	}
}

// says is what was said in a vault: each vault has a sentence of its own.
func (w *town) says(id hearkeep.VaultID) string { return "the heron of " + id.String() }

// recording keeps one, and checks with which keys.
func (w *town) recording(name, whose string, id hearkeep.VaultID, since hearkeep.Generation) hearkeep.RecordingID {
	w.t.Helper()
	in, err := w.room(name, id).Uploads(w.t.Context())
	w.must(err)
	flac, err := sound.EncodeFLAC(w.clip)
	w.must(err)
	taken := vault.Taken{
		ID: hearkeep.NewID[hearkeep.RecordingID](), Start: time.Now(), Duration: w.clip.Duration(), Audio: flac,
		Waveform: sound.Peaks(w.clip, 200), Words: hearkeep.NewWords(w.says(id)), HasWords: true,
		Turn: hearkeep.Turn{Intent: "HassNevermind", Did: "nothing", Answer: hearkeep.NewWords(w.says(id))},
	}
	w.must(in.Keep(w.t.Context(), taken))
	w.must(w.store.View(w.t.Context(), func(tx *store.Tx) error {
		row, err := tx.Vaults.Recording(w.t.Context(), id, taken.ID)
		if err == nil && row.Generation != since {
			w.t.Fatalf("what is kept of %s has generation %d, want %d", whose, row.Generation, since)
		}
		return err
	}))
	w.things = append(w.things, thing{kind: recording, whose: whose, id: taken.ID.String(), vault: id, since: since})
	return taken.ID
}

// furnish puts one of everything into a vault.
func (w *town) furnish(name, whose string, id hearkeep.VaultID, since hearkeep.Generation) {
	w.t.Helper()
	ctx, room := w.t.Context(), w.room(name, id)
	put := func(kind object, thingID string) {
		w.things = append(w.things, thing{kind: kind, whose: whose, id: thingID, vault: id, house: w.people[name].house})
	}
	kept := w.recording(name, whose, id, since)
	w.recording(name, whose, id, since)
	w.things = w.things[:len(w.things)-1] // it is erased
	last, err := room.Latest(ctx)
	w.must(err)
	if last == kept {
		w.t.Fatal("the last recording is not the newest")
	}
	gone, err := room.Erase(ctx, last)
	w.must(err)
	put(receipt, gone.ID.String())
	put(entry, fmt.Sprint(gone.Entry))
	w.things[len(w.things)-1].account = w.people[name].account
	door, err := room.Bind(ctx, hearkeep.SourceSay, vault.Door{Name: "Hall"}, hearkeep.RoomRule{Keep: hearkeep.KeepAll})
	w.must(err)
	put(binding, door.String())
	put(houseDoor, door.String())
	_, err = w.act.Do(ctx, act.Order{Intent: "HassStartTimer", Vault: id, Binding: door, Slots: []hearkeep.Slot{{Name: "minutes", Value: hearkeep.NewWords("600")}}})
	w.must(err)
	put(timer, w.act.Pending(ctx, id)[0].ID.String())
	w.claimed(name, whose, id, door)
	holders, err := room.Holders(ctx)
	w.must(err)
	for _, h := range holders[min(1, len(holders)-1):] { // the others, where there are some
		put(holder, h.Account.String())
		w.things[len(w.things)-1].account = h.Account
	}
}

// furnishAccount makes one of everything that an account has.
func (w *town) furnishAccount(p *resident) {
	w.t.Helper()
	ctx, who := w.t.Context(), w.as(p.name)
	put := func(kind object, id string) {
		w.things = append(w.things, thing{kind: kind, whose: p.name + "'s", id: id, account: p.account, house: p.house})
	}
	ways, err := w.desk.Ways(ctx, who)
	w.must(err)
	for _, way := range ways {
		if way.Kind == identity.KindPassphrase {
			put(wayIn, way.ID.String())
		}
	}
	passkey := store.Unlocker{ID: hearkeep.NewID[hearkeep.UnlockerID](), Account: p.account, Kind: identity.KindPasskey, Name: "Phone", Params: []byte("{}"), Created: time.Now()}
	w.must(w.store.Update(ctx, func(tx *store.Tx) error { return tx.Identity.InsertUnlocker(ctx, passkey) }))
	put(wayIn, passkey.ID.String())
	put(session, w.another(p.name))
	_, made, err := w.room(p.name, p.own).MakeToken(ctx, "Backup", false, 24*time.Hour)
	w.must(err)
	put(token, made.ID.String())
	at, err := w.desk.AddAddress(ctx, who, "webhook", w.post.server.URL+"/"+p.name)
	w.must(err)
	put(channel, at.String())
	put(member, p.account.String())
}

// readCodes sends the letters that addresses were added with, and reads the
// codes in them.
func (w *town) readCodes() {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.letters.Run(ctx) }()
	for _, p := range w.people {
		w.codes[p.account] = codeIn(w.t, w.letter("/"+p.name, "address code", 1))
	}
	stop()
	<-done
}

// another begins one more session and names it as the list of sessions does.
func (w *town) another(name string) string {
	w.t.Helper()
	cookie := w.signIn(name, passphrase).cookie("hearkeep")
	who, err := w.desk.Authenticate(w.t.Context(), cookie)
	w.must(err)
	return who.Session()
}

// invitations makes links that work, and links that worked once.
func (w *town) invitations() {
	w.t.Helper()
	ctx := w.t.Context()
	invite := func(name, whose, vaultName string) {
		before, err := w.desk.Household(ctx, w.as(name))
		w.must(err)
		var secret string
		if vaultName == "" {
			secret, err = w.desk.Invite(ctx, w.as(name), false)
		} else {
			secret, err = w.room(name, w.vaults[vaultName]).Invite(ctx, vault.Invitation{As: "holder"})
		}
		w.must(err)
		home, err := w.desk.Household(ctx, w.as(name))
		w.must(err)
		had := map[hearkeep.InvitationID]bool{}
		for _, o := range before.Invitations {
			had[o.ID] = true
		}
		for _, o := range home.Invitations {
			if !had[o.ID] {
				p := w.people[name]
				w.things = append(w.things,
					thing{kind: invitation, whose: whose, id: o.ID.String(), account: p.account, house: p.house},
					thing{kind: joinLink, whose: whose, id: secret, works: true})
			}
		}
	}
	invite("Anna", "to the household", "")
	invite("Ben", "to the shared vault", "shared")
	invite("Sven", "to Sven's household", "")
	w.things = append(w.things, thing{kind: setUpLink, whose: "for anybody", id: w.setupLink(), works: true},
		thing{kind: setUpLink, whose: "replaced", id: "abcdefghijklmnopqrstuvwxyz"},
		thing{kind: leaveLink, whose: "Sven's", id: w.farewellLink("Sven", time.Hour), works: true},
		thing{kind: leaveLink, whose: "Sven's, expired", id: w.farewellLink("Sven", -time.Hour)})
	// A link that somebody accepted, who waits for a keyholder.
	secret, err := w.room("Sven", w.vaults["studio"]).Invite(ctx, vault.Invitation{As: "holder"})
	w.must(err)
	w.must(w.desk.Accept(ctx, w.as("Rex"), secret))
	w.things = append(w.things, thing{kind: joinLink, whose: "used", id: secret})
	w.room("Sven", w.vaults["studio"])
	w.holds[w.people["Rex"].account][w.vaults["studio"]] = 2
}

// farewellLink makes the link that a letter would bring.
func (w *town) farewellLink(name string, life time.Duration) string {
	secret := strings.ToLower(name) + "farewell" + life.String()
	w.must(w.store.Update(w.t.Context(), func(tx *store.Tx) error {
		id := w.people[name].account
		channels, err := tx.Letters.Channels(w.t.Context(), id)
		if err != nil {
			return err
		}
		channels[0].Confirmed = time.Now()
		if err := tx.Letters.SetChannel(w.t.Context(), channels[0]); err != nil {
			return err
		}
		return tx.Identity.PutLink(w.t.Context(), store.Link{
			Kind: "farewell", Hash: sha256.Sum256([]byte(secret)), Payload: slices.Concat(id[:], channels[0].ID[:]), Expires: time.Now().Add(life),
		})
	}))
	return secret
}

// credentials makes tokens, and cookies and tokens that are over.
func (w *town) credentials() {
	w.t.Helper()
	ctx := w.t.Context()
	door, err := w.room("Anna", w.people["Anna"].own).Bind(ctx, hearkeep.SourceSay, vault.Door{Name: "Desk"}, hearkeep.RoomRule{Keep: hearkeep.KeepAll})
	w.must(err)
	code, err := w.desk.PairingCode(ctx, w.as("Anna"), door)
	w.must(err)
	w.device, err = w.desk.Redeem(ctx, code, identity.Visitor{})
	w.must(err)
	for _, tok := range []struct {
		name, of string
		in       hearkeep.VaultID
		write    bool
	}{
		{"Anna's, reads", "Anna", w.people["Anna"].own, false}, {"Anna's, writes", "Anna", w.people["Anna"].own, true},
		{"the shared vault's, writes", "Cleo", w.vaults["shared"], true},
		{"Sven's, reads", "Sven", w.people["Sven"].own, false}, {"Sven's, writes", "Sven", w.people["Sven"].own, true},
		{"ended", "Anna", w.people["Anna"].own, true}, {"expired", "Anna", w.people["Anna"].own, true},
	} {
		secret, made, err := w.room(tok.of, tok.in).MakeToken(ctx, tok.name, tok.write, 24*time.Hour)
		w.must(err)
		w.tokens[tok.name] = secret
		switch tok.name {
		case "ended":
			w.must(w.keep.EndToken(ctx, w.as("Anna"), made.ID))
		case "expired":
			w.must(w.store.Update(ctx, func(tx *store.Tx) error {
				row, err := tx.Vaults.APIToken(ctx, made.ID)
				if err != nil {
					return err
				}
				row.Expires = time.Now().Add(-time.Minute)
				if err := tx.Vaults.DeleteAPIToken(ctx, row.Account, row.ID); err != nil {
					return err
				}
				return tx.Vaults.InsertAPIToken(ctx, row)
			}))
		}
	}
	w.ended["signed out"] = w.signIn("Anna", passphrase).cookie("hearkeep")
	w.must(w.desk.SignOut(ctx, w.ended["signed out"]))
	w.ended["expired"] = w.signIn("Anna", passphrase).cookie("hearkeep")
	w.expire(w.ended["expired"])
}

// expire lets a session be over, as stale lets it be stale.
func (w *town) expire(cookie string) {
	w.t.Helper()
	ctx := w.t.Context()
	raw, err := base64.RawURLEncoding.DecodeString(cookie)
	w.must(err)
	w.must(w.store.Update(ctx, func(tx *store.Tx) error {
		row, err := tx.Identity.Session(ctx, sha256.Sum256(raw[:16]))
		if err != nil {
			return err
		}
		of := seal.SessionContext{Account: row.Account, SessionHash: row.IDHash, Created: row.Created, Expires: row.Expires, SteppedUp: row.SteppedUp}
		key, err := seal.UnwrapSession([32]byte(raw[16:]), row.Wrap, of)
		if err != nil {
			return err
		}
		row.Expires = time.Now().Add(-time.Minute).UTC().Truncate(time.Millisecond)
		of.Expires = row.Expires
		if row.Wrap, err = seal.WrapSession([32]byte(raw[16:]), key, of); err != nil {
			return err
		}
		if err := tx.Identity.DeleteSession(ctx, row.IDHash); err != nil {
			return err
		}
		return tx.Identity.InsertSession(ctx, row)
	}))
}
