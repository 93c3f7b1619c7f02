package rights

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/archive"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// office is a keep with a Desk, real letters, and people.
type office struct {
	*testing.T
	home *vaulttest.Home
	desk *Desk
}

func openOffice(t *testing.T) *office {
	t.Helper()
	o := &office{T: t, home: vaulttest.New(t)}
	o.start()
	return o
}

// start makes the Desk anew, as a restart of the program does.
func (o *office) start() {
	o.Helper()
	letters, err := notify.New(notify.Config{Store: o.home.Store, House: o.home.House, Origin: "https://keep.example", Mail: notify.MailServer{Host: "mail.example"}})
	o.must(err)
	o.desk = New(Config{
		Store: o.home.Store, Keep: o.home.Keep, Ledger: o.home.Ledger, Letters: letters, House: o.home.House,
		Origin: "https://keep.example", Zone: time.UTC,
	})
}

func (o *office) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

func (o *office) wants(code hearkeep.Code, what string, err error) {
	o.Helper()
	if got := hearkeep.CodeOf(err); err == nil || got != code {
		o.Errorf("%s: got %v (%s), want %s", what, err, got, code)
	}
}

// person has an account, a vault, a terminal, and an address.
func (o *office) person(name string) vaulttest.Person {
	o.Helper()
	p := o.home.Person(o.T, name)
	o.address(p, strings.ToLower(name)+"@example.org")
	return p
}

func (o *office) address(p vaulttest.Person, at string) {
	o.Helper()
	id := hearkeep.NewID[hearkeep.ChannelID]()
	sealed, err := o.desk.Letters.Seal(id, at)
	o.must(err)
	o.must(o.home.Store.Update(o.Context(), func(tx *store.Tx) error {
		return tx.Letters.InsertChannel(o.Context(), store.Channel{ID: id, Account: p.Who.Account(), Kind: notify.Email, Address: sealed, Created: now(), Confirmed: now()})
	}))
}

// again signs p in anew: another session of the same account.
func (o *office) again(p vaulttest.Person) vaulttest.Person {
	o.Helper()
	in, err := o.home.Desk.SignIn(o.Context(), p.Who.Name(), "correct horse battery", identity.Visitor{Addr: netip.MustParseAddr("127.0.0.1")})
	o.must(err)
	p.Who = in.Who
	return p
}

// says keeps a recording.
func (o *office) says(p vaulttest.Person, words string) hearkeep.RecordingID {
	o.Helper()
	r := vault.Taken{
		ID: hearkeep.NewID[hearkeep.RecordingID](), Start: time.Now(), Duration: 3 * time.Second,
		Audio: bytes.Repeat([]byte("fLaC the sound of "+words+"; "), 2000), Waveform: []byte{1, 2, 3},
		Words: hearkeep.NewWords(words), HasWords: true,
		Turn: hearkeep.Turn{Intent: "HassStartTimer", Did: "started a timer", Answer: hearkeep.NewWords("Ten minutes.")},
	}
	o.must(p.Inbox.Keep(o.Context(), r))
	return r.ID
}

// asks makes a request in the portal.
func (o *office) asks(p vaulttest.Person, kind hearkeep.RequestKind) Request {
	o.Helper()
	r, err := o.desk.Ask(o.Context(), p.Who, kind, hearkeep.ViaPortal)
	o.must(err)
	return r
}

// letter is a letter as it is queued.
type letter struct{ Topic, Subject, Text string }

// letters are those queued to an account, the newest first.
func (o *office) letters(p vaulttest.Person) (list []letter) {
	o.Helper()
	var rows []store.Delivery
	o.must(o.home.Store.View(o.Context(), func(tx *store.Tx) (err error) {
		rows, err = tx.Letters.Deliveries(o.Context(), p.Who.Account(), 1000)
		return err
	}))
	for _, row := range rows {
		plain, err := seal.OpenHouse(o.home.House, seal.HouseLetter, row.Channel, row.Sealed)
		o.must(err)
		var l letter
		o.must(json.Unmarshal(plain, &l))
		list = append(list, l)
	}
	return list
}

func (o *office) topics(p vaulttest.Person) (topics []string) {
	o.Helper()
	for _, l := range o.letters(p) {
		topics = append(topics, l.Topic)
	}
	return topics
}

// code is the one of the newest letter that carries one.
func (o *office) code(p vaulttest.Person) string {
	o.Helper()
	for _, l := range o.letters(p) {
		if _, text, found := strings.Cut(l.Text, "sealed:\n\n"); found {
			code, _, _ := strings.Cut(text, "\n")
			return code
		}
	}
	o.Fatal("no code was sent")
	return ""
}

// entries are the ledger's of an account, of some kinds, the oldest first.
func (o *office) entries(p vaulttest.Person, kinds ...ledger.Kind) (list []ledger.Recorded) {
	o.Helper()
	all, err := o.home.Ledger.Entries(o.Context(), hearkeep.VaultID{}, 0, 10_000)
	o.must(err)
	for _, e := range all {
		for _, k := range kinds {
			if e.Kind == k && e.Account != nil && *e.Account == p.Who.Account() {
				list = append(list, e)
			}
		}
	}
	return list
}

// reports are those that are open.
func (o *office) reports() (list []store.Report) {
	o.Helper()
	o.must(o.home.Store.View(o.Context(), func(tx *store.Tx) (err error) {
		list, err = tx.Incidents.OpenReports(o.Context(), 1000)
		return err
	}))
	return list
}

// sql writes rows behind the program's back, as an intruder with the file can.
func (o *office) sql(statement string, args ...any) {
	o.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(o.home.Dir, "hearkeep.db")+"?_pragma=busy_timeout(5000)")
	o.must(err)
	defer db.Close()
	res, err := db.ExecContext(context.Background(), statement, args...)
	o.must(err)
	if n, err := res.RowsAffected(); err != nil || n == 0 && !strings.HasPrefix(statement, "CREATE") {
		o.Fatalf("%s: no row changed (%v)", statement, err)
	}
}

// fetches reads a whole open archive.
func (o *office) fetches(p vaulttest.Person, a Open) []byte {
	o.Helper()
	var b bytes.Buffer
	o.must(o.desk.Send(o.Context(), p.Who, a.ID, &b, 0, a.Size))
	return b.Bytes()
}

// verified checks a bag with the archive room's own checker.
func (o *office) verified(bag []byte) archive.Verified {
	o.Helper()
	v, err := archive.Verify(o.Context(), bytes.NewReader(bag), int64(len(bag)))
	o.must(err)
	return v
}

// in the words of a note: the value of the first line of a name.
func field(note []byte, name string) string {
	for line := range strings.Lines(string(note)) {
		if value, found := strings.CutPrefix(line, name+": "); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

var errGone = errors.New("the reader went away")

// leaver is a reader who goes away after some bytes.
type leaver struct{ left int }

func (l *leaver) Write(b []byte) (int, error) {
	if l.left -= len(b); l.left < 0 {
		return 0, errGone
	}
	return len(b), nil
}
