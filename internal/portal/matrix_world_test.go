package portal

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/act"
	"github.com/hearkeep/hearkeep/internal/blob/files"
	"github.com/hearkeep/hearkeep/internal/hear"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/incident"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/rights"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/sound"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
	"github.com/hearkeep/hearkeep/internal/understand"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// town is a keep with two households, their vaults and one of everything that
// a route can name. It is built once; each reset opens another copy of it, on
// which the same cookies and tokens are good.
type town struct {
	*home
	plan      string // the folder that copies are made of, closed
	copies    int
	house     seal.HouseKey
	handler   atomic.Pointer[http.Handler]
	shut      func()
	transport *http.Transport
	sound     *files.Files
	looks     map[string]*sql.DB
	dir       string // of the open copy
	built     time.Time

	people map[string]*resident
	vaults map[string]hearkeep.VaultID // "Anna's", "shared", "child's", …
	holds  map[hearkeep.AccountID]map[hearkeep.VaultID]hearkeep.Generation
	things []thing
	device string                        // the token of a door of Anna's
	tokens map[string]string             // API tokens by what they are
	codes  map[hearkeep.AccountID]string // that confirm an address
	ended  map[string]string             // cookies of sessions that are over

	operating string // the cookie of an operator
	asked     string // a request whose clock runs
}

// noWait lets archives leave although everybody in the town has just got an
// address. TestArchiveWaits has the time.
const noWait = time.Nanosecond

// resident is somebody with an account.
type resident struct {
	name         string
	account      hearkeep.AccountID
	fresh, stale string // cookies
	own          hearkeep.VaultID
	house        string // "home" or "Sven's"
	admin        bool
}

// thing is an object of the town with what it takes to reach it.
type thing struct {
	kind    object
	whose   string
	id      string
	vault   hearkeep.VaultID    // of what lies in one
	since   hearkeep.Generation // of a recording: it was kept with these keys
	account hearkeep.AccountID  // of what belongs to an account; who made an invitation
	house   string
	works   bool // of a link
}

// newTown builds it and opens a copy.
func newTown(t *testing.T) *town {
	t.Helper()
	w := &town{
		home: &home{t: t, log: &logBuffer{}, speech: readSpeech(t)}, plan: filepath.Join(t.TempDir(), "town"), house: seal.NewHouseKey(),
		people: map[string]*resident{}, vaults: map[string]hearkeep.VaultID{}, tokens: map[string]string{}, ended: map[string]string{}, codes: map[hearkeep.AccountID]string{},
		holds: map[hearkeep.AccountID]map[hearkeep.VaultID]hearkeep.Generation{},
	}
	clip, _, err := sound.Decode(w.speech, sound.Limits{MaxBytes: hear.MaxBytes, MaxDuration: hear.MaxDuration})
	if err != nil {
		t.Fatal(err)
	}
	clip.Samples = clip.Samples[:len(clip.Samples)/16]
	w.clip, w.engine = clip, &fakeEngine{voice: clip.Samples}
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { (*w.handler.Load()).ServeHTTP(rw, r) }))
	origin := fmt.Sprintf("http://localhost:%d", w.server.Listener.Addr().(*net.TCPAddr).Port)
	w.server.Start()
	t.Cleanup(w.server.Close)
	w.server.URL = origin
	w.post = newMailbox(t)
	w.transport = &http.Transport{}
	t.Cleanup(w.transport.CloseIdleConnections)
	t.Cleanup(func() { w.shut() })
	t.Cleanup(w.log.holdsNothingPrivate(t))
	w.open(w.plan)
	w.settle()
	w.shut()
	w.shut = func() {}
	w.must(filepath.WalkDir(w.blobs, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		there := w.plan + "-sound" + strings.TrimPrefix(path, w.blobs)
		return errors.Join(os.MkdirAll(filepath.Dir(there), 0o700), os.Link(path, there))
	}))
	w.reset()
	return w
}

func (w *town) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// reset leaves the copy that is open and opens a new one.
func (w *town) reset() {
	w.t.Helper()
	w.shut()
	w.shut = func() {}
	if w.dir != "" && w.dir != w.plan {
		w.must(os.RemoveAll(w.dir))
	}
	w.copies++
	to := fmt.Sprintf("%s-%d", w.plan, w.copies)
	w.must(os.CopyFS(to, os.DirFS(w.plan)))
	// Sound is never written again: one folder does for all copies, into which
	// what the last one erased is put back.
	w.must(filepath.WalkDir(w.plan+"-sound", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		there := w.plan + "-blobs" + strings.TrimPrefix(path, w.plan+"-sound")
		if err := os.Link(path, there); !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	}))
	w.open(to)
}

// open opens the keep in a folder, as newHome does.
func (w *town) open(dir string) {
	w.t.Helper()
	ctx := w.t.Context()
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelInfo}))
	db, err := sqlite.Open(ctx, filepath.Join(dir, "store"))
	w.must(err)
	w.dir, w.store, w.blobs = dir, db, w.plan+"-blobs"
	if w.sound == nil { // one for all copies
		w.sound, err = files.Open(w.blobs)
		w.must(err)
	}
	journal, err := store.OpenJournal(filepath.Join(dir, "journal"))
	w.must(err)
	w.looks = map[string]*sql.DB{}
	w.shut = func() {
		db.Close()
		journal.Close()
		for _, look := range w.looks {
			look.Close()
		}
	}
	w.ledger, err = ledger.Open(ctx, db, filepath.Join(dir, "ledger.key"))
	w.must(err)
	w.letters, err = notify.New(notify.Config{Store: db, House: w.house, Origin: w.server.URL, Log: log, WebhookHosts: []string{w.post.host()}})
	w.must(err)
	w.keep, err = vault.Open(ctx, vault.Config{Store: db, Blobs: w.sound, Ledger: w.ledger, House: w.house, Journal: journal, Letters: w.letters, Log: log})
	w.must(err)
	w.desk, err = identity.New(identity.Config{
		Store: db, Ledger: w.ledger, House: w.house, Costs: lowCosts, Letters: w.letters, Vaults: w.keep, Origin: w.server.URL, Wait: noWait, Log: log,
	})
	w.must(err)
	sentences, err := understand.English()
	w.must(err)
	w.act, err = act.New(ctx, act.Config{Store: db, House: w.house, Log: log})
	w.must(err)
	w.rights = rights.New(rights.Config{
		Store: db, Keep: w.keep, Ledger: w.ledger, Letters: w.letters, House: w.house, Origin: w.server.URL, Zone: time.UTC, Wait: noWait, Log: log,
	})
	w.incidents, err = incident.New(incident.Config{Store: db, Ledger: w.ledger, Letters: w.letters, House: w.house, Origin: w.server.URL, Log: log})
	w.must(err)
	w.listeners = &fakeListeners{}
	ear := hear.New(hear.Config{Engine: w.engine, Sentences: sentences, Act: w.act, Store: db, Log: log})
	handler, err := New(Config{
		Identity: w.desk, Keep: w.keep, Ear: ear, Act: w.act, Ledger: w.ledger, Doors: w.listeners, Rights: w.rights, Incidents: w.incidents, Operator: true,
		Log: log, Origin: w.server.URL, Zone: time.UTC,
	})
	w.must(err)
	w.handler.Store(&handler)
}
