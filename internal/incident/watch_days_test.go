package incident_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
)

// normalDays is how many days TestNormalDays lives through; make soak takes
// 10,000, and docs/watch.md shows what came of it.
var normalDays = flag.Int("normal-days", 30, "normal days to live through without an alarm")

// most is how many false alarms of each kind 10,000 normal days of eight
// households may bring. A kind that is not here may bring none.
var most = map[string]int{
	incident.WhatPlace: 120,
	incident.WhatTwice: 120,
	incident.WhatClock: 10,
}

// town is a keep with some households that live their normal days: parties,
// holidays, imports, archives, restarts, power cuts, networks that change.
// What the rooms would write into the ledger is made up; the Desk, the store
// and the ledger are real. Time is the bubble's.
type town struct {
	*testing.T
	r       *rand.Rand
	b       *rand.Rand // of browsers alone
	store   store.Store
	ledger  *ledger.Ledger
	house   seal.HouseKey
	desk    *incident.Desk
	slow    time.Duration // by how much the clock on the wall is slow
	entries []ledger.Entry
	count   int
	homes   []*flat
	alarms  map[string]int
	fetched int // archives
}

// flat is one household.
type flat struct {
	people   []*tenant
	shared   hearkeep.VaultID
	door     hearkeep.BindingID
	assist   netip.Addr // its Home Assistant
	nets     []string   // of its provider: one, or a pool that it moves through
	net      string
	party    bool
	holiday  int // days left
	hotel    string
	numbers  uint64 // of the shared door
	memoried uint64 // the first number that retention left
}

// tenant is one person of it.
type tenant struct {
	of      *flat
	account hearkeep.AccountID
	vault   hearkeep.VaultID
	door    hearkeep.BindingID // a terminal of their own, which they carry along
	session string
	since   time.Time
	token   string
	made    time.Time
	where   string // the network that they are in for this hour
	office  string
	carrier []string
	own     []string // the browsers that they use: of a telephone, and of a laptop
	browser string   // the one that they sit at
	numbers uint64
	kept    []uint64 // the last number of each of the last 90 days
}

func (w *town) chance(p float64) bool { return w.r.Float64() < p }

// about is a count around a mean, as visits and words are.
func (w *town) about(mean float64) int { return int(w.r.ExpFloat64()*mean + 0.5) }

func one[T any](w *town, of []T) T { return of[w.r.IntN(len(of))] }

func (w *town) nets(n int) (nets []string) {
	for range n {
		nets = append(nets, fmt.Sprintf("%d.%d.%d.0/24", 11+w.r.IntN(180), w.r.IntN(256), w.r.IntN(256)))
	}
	return nets
}

func newTown(t *testing.T) *town {
	w := &town{T: t, r: rand.New(rand.NewPCG(6, 7)), b: rand.New(rand.NewPCG(8, 9)), house: seal.NewHouseKey(), alarms: map[string]int{}}
	dir, err := os.MkdirTemp("/dev/shm", "town")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w.store, err = sqlite.Open(t.Context(), dir)
	must(t, err)
	w.ledger, err = ledger.Open(t.Context(), w.store, filepath.Join(dir, "ledger.key"))
	must(t, err)
	w.start()
	for i := range 8 {
		w.moveIn(i)
	}
	return w
}

// start is a start of the program: what was in memory is gone.
func (w *town) start() {
	zone, err := time.LoadLocation("Europe/Berlin")
	must(w, err)
	w.desk, err = incident.New(incident.Config{Store: w.store, Ledger: w.ledger, House: w.house, Zone: zone})
	must(w, err)
}

// moveIn makes a household: of one to five people, a third of them with an
// address of their provider that changes every night.
func (w *town) moveIn(i int) {
	f := &flat{shared: hearkeep.NewID[hearkeep.VaultID](), door: hearkeep.NewID[hearkeep.BindingID](), nets: w.nets(1),
		assist: netip.AddrFrom4([4]byte{192, 168, byte(10 + i), 5})}
	if i%3 == 0 {
		f.nets = w.nets(40)
	}
	f.net = f.nets[0]
	household := hearkeep.NewID[hearkeep.HouseholdID]()
	ctx := w.Context()
	must(w, w.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.Houses.InsertHousehold(ctx, store.Household{ID: household, Created: time.Now()}); err != nil {
			return err
		}
		for n := range 1 + w.r.IntN(5) {
			p := &tenant{of: f, account: hearkeep.NewID[hearkeep.AccountID](), vault: hearkeep.NewID[hearkeep.VaultID](), door: hearkeep.NewID[hearkeep.BindingID](),
				office: one(w, w.nets(1)), carrier: w.nets(64), own: []string{fmt.Sprint("telephone ", n, i), fmt.Sprint("laptop ", n, i)}}
			f.people = append(f.people, p)
			name := fmt.Sprintf("person %d of %d", n, i)
			if err := tx.Identity.InsertAccount(ctx, store.Account{ID: p.account, Name: name, Display: name, Created: time.Now()}); err != nil {
				return err
			}
			if err := tx.Houses.PutMember(ctx, store.Member{Account: p.account, Household: household, Role: "member", Since: time.Now()}); err != nil {
				return err
			}
			if err := w.vault(tx, p.vault, p.door, p.account); err != nil {
				return err
			}
		}
		var all []hearkeep.AccountID
		for _, p := range f.people {
			all = append(all, p.account)
		}
		return w.vault(tx, f.shared, f.door, all...)
	}))
	for _, p := range f.people {
		w.signIn(p)
		if w.chance(0.25) { // a program of theirs
			w.makeToken(p)
		}
	}
	w.homes = append(w.homes, f)
}

// vault writes the rows of a vault, as far as whoever follows reads them.
func (w *town) vault(tx *store.Tx, id hearkeep.VaultID, door hearkeep.BindingID, holders ...hearkeep.AccountID) error {
	ctx := w.Context()
	err := cmp.Or(
		tx.Vaults.InsertVault(ctx, store.Vault{ID: id, Kind: "personal", Created: time.Now(), Retention: store.Retention{Audio: time.Hour, Words: time.Hour, Turn: time.Hour}}),
		tx.Vaults.InsertGeneration(ctx, store.Generation{Vault: id, N: 1, HPKEPublic: []byte{1}, SignPublic: []byte{1}, Keyholders: holders, Signature: []byte{1}, Created: time.Now()}),
		tx.Vaults.InsertBinding(ctx, store.Binding{ID: door, Vault: id, Generation: 1, Source: hearkeep.SourceSay, Rule: hearkeep.RoomRule{Keep: hearkeep.KeepAll}, Label: []byte{1}, Signature: []byte{1}, Pin: []byte{1}, Next: 1, Created: time.Now()}))
	for _, a := range holders {
		err = cmp.Or(err, tx.Vaults.InsertKeyholder(ctx, store.Keyholder{Vault: id, Generation: 1, Account: a, Wrap: []byte{1}}))
	}
	return err
}

func (w *town) name() string { return fmt.Sprintf("%016x", w.r.Uint64()) }

// write adds an entry of this moment, as the wall's clock has it.
func (w *town) write(e ledger.Entry) {
	e.At = time.Now().Add(-w.slow)
	w.entries = append(w.entries, e)
}

// minute is one turn of the schedule: what was written is followed, and what
// is reported is a false alarm, which the operator closes.
func (w *town) minute() {
	if len(w.entries) == 0 {
		return
	}
	ctx := w.Context()
	_, err := w.ledger.Write(ctx, w.entries...)
	must(w, err)
	w.count += len(w.entries)
	w.entries = w.entries[:0]
	must(w, w.desk.Follow(ctx, time.Now()))
	must(w, w.store.Update(ctx, func(tx *store.Tx) error {
		open, err := tx.Incidents.OpenReports(ctx, 100)
		for _, r := range open {
			w.alarms[r.What]++
			err = cmp.Or(err, tx.Incidents.CloseReport(ctx, r.ID, time.Now()))
		}
		return err
	}))
}

func (w *town) signIn(p *tenant) {
	p.session, p.since = w.name(), time.Now()
	w.write(ledger.Entry{Kind: ledger.KindSignedIn, Role: hearkeep.RoleKeyholder, Account: &p.account, Session: p.session, Purpose: "passphrase"})
}

// makeToken gives a program of theirs a key for a quarter.
func (w *town) makeToken(p *tenant) {
	p.token, p.made = w.name(), time.Now()
	w.write(ledger.Entry{Kind: ledger.KindToken, Role: hearkeep.RoleKeyholder, Account: &p.account, Vault: &p.vault, Session: p.session, Token: p.token, Purpose: "token made: reads"})
}

// open is one opening of a person's, or of their program.
func (w *town) open(p *tenant, role hearkeep.Role, session, purpose string, vault hearkeep.VaultID, door hearkeep.BindingID, from, to uint64) {
	if from = max(from, 1); to < from {
		return
	}
	w.write(ledger.Entry{Kind: ledger.KindOpened, Role: role, Account: &p.account, Vault: &vault, Session: session, Purpose: purpose,
		Items: []hearkeep.Run{{Binding: door, From: hearkeep.Number(from), To: hearkeep.Number(to)}}, Count: int(to - from + 1)})
}

// goes is where somebody is for the next hour.
func (w *town) goes(p *tenant) string {
	switch x := w.r.Float64(); {
	case p.of.holiday > 0 && x < 0.7:
		return p.of.hotel
	case p.of.holiday > 0 || x < 0.15:
		return one(w, p.carrier)
	case x < 0.3:
		return p.office
	}
	return p.of.net
}

// visit is somebody looking at their pages, at home or on the way.
func (w *town) visit(p *tenant) {
	if time.Since(p.since) > 13*24*time.Hour || w.chance(0.02) { // it has ended, or another browser
		w.signIn(p)
	}
	if w.chance(0.05) { // shows the passphrase again, and goes on under another name
		w.signIn(p)
	}
	w.sits(p)
	must(w, w.desk.Seen(w.Context(), p.account, incident.From{Network: p.where, Browser: p.browser}))
	w.open(p, hearkeep.RoleKeyholder, p.session, "browse", p.vault, p.door, p.numbers-min(p.numbers, 50), p.numbers)
	if w.chance(0.1) { // a search looks at every word
		w.open(p, hearkeep.RoleKeyholder, p.session, "search", p.vault, p.door, p.kept[0]+1, p.numbers)
		w.open(p, hearkeep.RoleKeyholder, p.session, "search", p.of.shared, p.of.door, p.of.memoried, p.of.numbers)
	}
	listens := w.about(4)
	if w.chance(1. / 60) { // an evening of memories
		listens = 100 + w.about(150)
	}
	for range min(listens, 1000) {
		n := p.kept[0] + 1 + w.r.Uint64N(max(p.numbers-p.kept[0], 1))
		w.open(p, hearkeep.RoleKeyholder, p.session, "listen", p.vault, p.door, n, n)
	}
	if w.chance(1. / 200) { // some hundred are moved to the vault of all
		n := min(uint64(50+w.r.IntN(400)), p.numbers)
		w.open(p, hearkeep.RoleKeyholder, p.session, "move", p.vault, p.door, p.numbers-n+1, p.numbers)
		p.of.numbers += n
	}
	if w.chance(0.03) {
		w.write(ledger.Entry{Kind: ledger.KindSignedOut, Role: hearkeep.RoleKeyholder, Account: &p.account, Session: p.session})
		p.since = time.Time{}
	}
	if w.chance(1. / 180) { // twice a year they take what there is with them
		w.archive(p)
	}
}

// sits chooses the browser of a visit. Some are somebody else's or clear
// themselves each time; some are new, and go on being used.
func (w *town) sits(p *tenant) {
	n := w.b.IntN(len(p.own))
	switch x := w.b.Float64(); {
	case x < 0.03:
		p.browser = fmt.Sprintf("private %x", w.b.Uint64())
		return
	case x < 0.035:
		p.own[n] = fmt.Sprintf("new %x", w.b.Uint64())
	}
	p.browser = p.own[n]
}

// archive is fetched at home by most, and by some wherever they are: a tenth
// of them by the code of a letter, wherever that is opened.
func (w *town) archive(p *tenant) {
	if time.Since(p.since) > 13*24*time.Hour {
		w.signIn(p)
	}
	net := p.where
	if p.of.holiday == 0 && w.chance(0.8) {
		net = p.of.net
	}
	from := incident.From{Network: net, Browser: p.browser}
	must(w, w.desk.Seen(w.Context(), p.account, from))
	if w.b.Float64() < 0.1 {
		from.Browser = ""
	}
	w.fetched++
	id := hearkeep.NewID[hearkeep.ArchiveID]()
	runs := []hearkeep.Run{{Binding: p.door, From: 1, To: hearkeep.Number(max(p.numbers, 1))}}
	w.write(ledger.Entry{Kind: ledger.KindOpened, Role: hearkeep.RoleKeyholder, Account: &p.account, Vault: &p.vault, Session: p.session, Purpose: "archive", Archive: &id, Items: runs})
	w.write(ledger.Entry{Kind: ledger.KindDisclosed, Role: hearkeep.RoleKeyholder, Account: &p.account, Session: p.session, Purpose: "access disclosed", Archive: &id, Items: runs})
	must(w, w.desk.Fetched(w.Context(), p.account, id, from))
}

// speak is what is said in a home within an hour: to a terminal that goes
// along, and through Home Assistant to the doors of all its vaults.
func (w *town) speak(f *flat, hour int) {
	ctx := w.Context()
	if f.holiday == 0 {
		f.numbers += uint64(w.about(2))
		if f.party {
			f.numbers += uint64(w.about(60))
		}
		if hour%6 == 0 {
			must(w, w.desk.HeardPeer(ctx, f.door, f.assist))
			for _, p := range f.people {
				must(w, w.desk.HeardPeer(ctx, p.door, f.assist))
			}
		}
	}
	for _, p := range f.people {
		p.numbers += uint64(w.about(1.5))
		p.where = w.goes(p)
		for range w.about(0.5) {
			must(w, w.desk.HeardToken(ctx, p.vault, p.door, p.where, false))
		}
		if !w.chance(0.0006) {
			continue
		}
		for range 2 + w.r.IntN(6) { // in and out at the edge of the wireless network, speaking now and then
			if net := one(w, []string{f.net, p.carrier[0], ""}); net != "" {
				must(w, w.desk.HeardToken(ctx, p.vault, p.door, net, false))
			}
		}
	}
}

// day is what begins with a day: a provider's new address, a holiday, a party,
// an import; and, rarely, a power cut.
func (w *town) day() {
	for _, f := range w.homes {
		f.net = one(w, f.nets)
		if f.party = w.chance(1. / 45); f.holiday > 0 {
			f.holiday--
		} else if w.chance(1. / 120) {
			f.holiday, f.hotel = 5+w.r.IntN(12), one(w, w.nets(1))
		}
		f.memoried = max(f.memoried, f.numbers-min(f.numbers, 5000))
		for _, p := range f.people {
			if len(p.kept) == 0 {
				p.kept = make([]uint64, 90)
			}
			p.kept = append(p.kept[1:], p.numbers)
			if w.chance(1. / 2000) { // years of recordings of another provider
				p.numbers += uint64(5000 + w.r.IntN(20_000))
			}
			if w.chance(1. / 5000) { // pasted once at home, and once on the way
				w.write(ledger.Entry{Kind: ledger.KindPaired, Role: hearkeep.RoleDevice, Vault: &p.vault, Binding: &p.door, Purpose: incident.CodeAgain})
			}
		}
	}
	if w.chance(1. / 7) {
		w.minute()
		w.start()
	}
	if w.chance(1. / 180) {
		w.powerCut()
	}
}

// powerCut is some hours or, rarely, days without power. A machine without a
// clock of its own goes on at the time at which it stopped, until it is told.
func (w *town) powerCut() {
	w.minute()
	off := time.Duration(w.r.ExpFloat64() * float64(4*time.Hour))
	if w.chance(0.05) {
		off = time.Duration(1+w.r.IntN(3)) * 24 * time.Hour
	}
	time.Sleep(off)
	w.start()
	if !w.chance(0.3) {
		return
	}
	w.slow = off
	w.homes[0].people[0].since = time.Time{}
	w.signIn(w.homes[0].people[0])
	w.minute()
	must(w, w.desk.ClockJumped(w.Context(), time.Now(), w.slow)) // what the schedule sees when it is told
	w.slow = 0
	for _, p := range w.homes[0].people {
		p.since = time.Time{}
	}
}

// Normal days bring few false alarms, and of most kinds none at all.
func TestNormalDays(t *testing.T) {
	began := time.Now()
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		defer func() { must(t, w.store.Close()) }()
		for range *normalDays {
			w.day()
			for hour := range 24 {
				for _, f := range w.homes {
					if hour >= 7 {
						w.speak(f, hour)
					}
					for _, p := range f.people {
						if p.token != "" {
							if time.Since(p.made) > 90*24*time.Hour {
								w.makeToken(p)
							}
							w.open(p, hearkeep.RoleToken, p.token, "browse", p.vault, p.door, p.numbers-min(p.numbers, 50), p.numbers)
						}
						if hour >= 7 && w.chance(0.03) {
							w.visit(p)
						}
					}
				}
				w.minute()
				time.Sleep(time.Hour)
			}
		}
		t.Logf("%d days of %d households with %d people: %d entries, %d archives fetched", *normalDays, len(w.homes), w.people(), w.count, w.fetched)
		for _, what := range slices.Sorted(maps.Keys(w.alarms)) {
			t.Logf("%-32s %4d false alarms", what, w.alarms[what])
			if n, limit := w.alarms[what], most[what]*(*normalDays)/10_000+1; n > limit || most[what] == 0 {
				t.Errorf("%s: got %d false alarms, want at most %d", what, n, limit)
			}
		}
		w.attack()
	})
	t.Logf("took %s", time.Since(began).Round(time.Second))
}

func (w *town) people() (n int) {
	for _, f := range w.homes {
		n += len(f.people)
	}
	return n
}

// attack is one day on which what is to be found happens among all of that.
func (w *town) attack() {
	w.Helper()
	clear(w.alarms)
	victim, thief := w.homes[0].people[0], w.homes[1].people[0]
	ctx := context.WithoutCancel(w.Context())
	w.signIn(victim)
	there := incident.From{Network: "9.9.9.0/24", Browser: "a thief's"}
	must(w, w.desk.Seen(ctx, victim.account, incident.From{Network: victim.of.net, Browser: victim.own[0]}))
	time.Sleep(72 * time.Hour)
	must(w, w.desk.Seen(ctx, victim.account, there))
	w.open(victim, hearkeep.RoleKeyholder, thief.session, "listen", victim.vault, victim.door, 1, 1)
	w.open(victim, hearkeep.RoleKeyholder, victim.session, "listen", victim.vault, victim.door, 1, 1500)
	must(w, w.desk.Fetched(ctx, victim.account, hearkeep.NewID[hearkeep.ArchiveID](), there))
	for range 4 {
		must(w, w.desk.HeardToken(ctx, victim.vault, victim.door, victim.of.net, false))
		must(w, w.desk.HeardToken(ctx, victim.vault, victim.door, "9.9.9.0/24", false))
	}
	must(w, w.desk.HeardPeer(ctx, thief.door, w.homes[1].assist))
	must(w, w.desk.HeardPeer(ctx, victim.door, w.homes[1].assist))
	w.minute()
	for _, what := range []string{incident.WhatSession, incident.WhatVolume, incident.WhatPlace, incident.WhatTwice} {
		if w.alarms[what] == 0 {
			w.Errorf("%s: not found among normal days", what)
		}
	}
}
