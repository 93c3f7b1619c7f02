package portal

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
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
	"github.com/hearkeep/hearkeep/internal/speech"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
	"github.com/hearkeep/hearkeep/internal/understand"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// canary is a sentence that must be seen only by whoever said it.
const canary = "the heron waits behind the blue gate"

const passphrase = "four unrelated words here"

// home is a whole Hearkeep on real files, with the speech engine faked.
type home struct {
	t         *testing.T
	server    *httptest.Server
	store     store.Store
	ledger    *ledger.Ledger
	desk      *identity.Desk
	keep      *vault.Keep
	act       *act.Desk
	rights    *rights.Desk
	incidents *incident.Desk
	engine    *fakeEngine
	listeners *fakeListeners
	letters   *notify.Desk
	post      *mailbox
	log       *logBuffer
	blobs     string     // the folder of sealed audio
	speech    []byte     // a human voice as WAV
	clip      sound.Clip // the same, decoded
}

// humanSpeech is a recording of a person from Debian's asterisk-core-sounds.
const humanSpeech = "/usr/share/asterisk/sounds/en_US_f_Allison/vm-opts.g722"

func newHome(t *testing.T) *home { return newHomeHearing(t, nil) }

// newHomeHearing is newHome with another engine than the fake.
func newHomeHearing(t *testing.T, engine hear.Engine) *home { return newHomeWaiting(t, engine, 0) }

// newHomeWaiting is that with another waiting time after a change of ways in.
func newHomeWaiting(t *testing.T, engine hear.Engine, wait time.Duration) *home {
	t.Helper()
	dir, ctx := t.TempDir(), t.Context()
	h := &home{t: t, engine: &fakeEngine{}, listeners: &fakeListeners{}, log: &logBuffer{}, blobs: filepath.Join(dir, "blobs"), speech: readSpeech(t)}
	var err error
	check := func() {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	h.clip, _, err = sound.Decode(h.speech, sound.Limits{MaxBytes: hear.MaxBytes, MaxDuration: hear.MaxDuration})
	check()
	h.engine.voice = h.clip.Samples
	if engine == nil {
		engine = h.engine
	}
	db, err := sqlite.Open(ctx, filepath.Join(dir, "store"))
	check()
	h.store = db
	t.Cleanup(func() { db.Close() })
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	t.Cleanup(h.log.holdsNothingPrivate(t))
	blobs, err := files.Open(h.blobs)
	check()
	journal, err := store.OpenJournal(filepath.Join(dir, "journal"))
	check()
	t.Cleanup(func() { journal.Close() })
	h.ledger, err = ledger.Open(ctx, db, filepath.Join(dir, "ledger.key"))
	check()
	house := seal.NewHouseKey()
	h.server = httptest.NewUnstartedServer(nil)
	// By name: browsers make no passkeys for an address of numbers.
	origin := fmt.Sprintf("http://localhost:%d", h.server.Listener.Addr().(*net.TCPAddr).Port)
	h.post = newMailbox(t)
	h.letters, err = notify.New(notify.Config{Store: db, House: house, Origin: origin, Log: log, WebhookHosts: []string{h.post.host()}})
	check()
	h.keep, err = vault.Open(ctx, vault.Config{Store: db, Blobs: blobs, Ledger: h.ledger, House: house, Journal: journal, Letters: h.letters, Log: log})
	check()
	h.desk, err = identity.New(identity.Config{
		Store: db, Ledger: h.ledger, House: house, Costs: lowCosts, Letters: h.letters, Vaults: h.keep, Origin: origin, Wait: wait, Log: log,
	})
	check()
	sentences, err := understand.English()
	check()
	h.act, err = act.New(ctx, act.Config{Store: db, House: house, Log: log})
	check()
	h.rights = rights.New(rights.Config{
		Store: db, Keep: h.keep, Ledger: h.ledger, Letters: h.letters, House: house, Origin: origin, Zone: time.UTC, Wait: wait, Log: log,
	})
	h.incidents, err = incident.New(incident.Config{Store: db, Ledger: h.ledger, Letters: h.letters, House: house, Origin: origin, Log: log})
	check()
	ear := hear.New(hear.Config{Engine: engine, Sentences: sentences, Act: h.act, Store: db, Log: log})

	h.server.Config.Handler, err = New(Config{
		Identity: h.desk, Keep: h.keep, Ear: ear, Act: h.act, Ledger: h.ledger, Doors: h.listeners, Rights: h.rights, Incidents: h.incidents, Operator: true,
		Log: log, Origin: origin, Zone: time.UTC,
	})
	check()
	h.server.Start()
	h.server.URL = origin
	t.Cleanup(h.server.Close)
	return h
}

// logBuffer is the operator's log.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

// holdsNothingPrivate checks, after a test, that nothing that was said or
// typed, and no secret of an address, stands in the log.
func (l *logBuffer) holdsNothingPrivate(t *testing.T) func() {
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, private := range []string{canary, "heron", passphrase, "set a timer", "/setup/", "hkd_", "Anna"} {
			if strings.Contains(l.buf.String(), private) {
				t.Errorf("the log holds %q", private)
			}
		}
	}
}

// lowCosts are Argon2's costs for tests: a literal, since new ones have a floor.
func lowCosts() seal.Argon2Params {
	p := seal.Argon2Params{Memory: 64, Time: 1, Lanes: 1, Salt: make([]byte, 16)}
	rand.Read(p.Salt)
	return p
}

func readSpeech(t *testing.T) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "speech.wav") // a pipe's WAV would not know its length
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-loglevel", "error", "-f", "g722", "-i", humanSpeech,
		"-ar", "16000", "-ac", "1", "-bitexact", file).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	wav, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return wav
}

// fakeEngine hears what it is told to, and speaks with one voice.
type fakeEngine struct {
	mu    sync.Mutex
	words string
	voice []int16
	hold  chan struct{} // where set, speaking waits for it
}

// holds makes speaking wait until the returned function is called.
func (e *fakeEngine) holds() (release func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	hold := make(chan struct{})
	e.hold = hold
	return func() { close(hold) }
}

func (e *fakeEngine) hears(words string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.words = words
}

func (e *fakeEngine) Recognise(context.Context, speech.Audio) (speech.Heard, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return speech.Heard{Words: hearkeep.NewWords(e.words), Speech: true, Engine: "fake"}, nil
}

func (e *fakeEngine) Synthesise(ctx context.Context, _ hearkeep.Words, _ string) (speech.Sound, error) {
	e.mu.Lock()
	hold := e.hold
	e.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return speech.Sound{}, ctx.Err()
		}
	}
	return speech.Sound{Samples: e.voice, Rate: hearkeep.SampleRate, Engine: "fake"}, nil
}

// setupLink makes a link with which one more person gets a keep.
func (h *home) setupLink() string {
	h.t.Helper()
	link, err := h.desk.AnotherLink(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return link
}

// entries counts the ledger.
func (h *home) entries() int {
	h.t.Helper()
	all, err := h.ledger.Entries(h.t.Context(), hearkeep.VaultID{}, 0, 1<<20)
	if err != nil {
		h.t.Fatal(err)
	}
	return len(all)
}

// person is somebody's browser, or a terminal.
type person struct {
	t      *testing.T
	home   *home
	client *http.Client
}

// stranger is a browser that nobody signed in with.
func (h *home) stranger() *person {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return &person{h.t, h, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// person sets up an account and stays signed in.
func (h *home) person(name string) *person {
	h.t.Helper()
	p := h.stranger()
	resp, body := p.post("/setup/"+h.setupLink(), url.Values{"name": {name}, "passphrase": {passphrase}})
	if resp.StatusCode != http.StatusOK {
		h.t.Fatalf("setting up %s: %d %s", name, resp.StatusCode, body)
	}
	return p
}

func (p *person) send(req *http.Request) (*http.Response, string) {
	p.t.Helper()
	resp, err := p.client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp, string(body)
}

func (p *person) request(method, path, kind string, body []byte) *http.Request {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.home.server.URL+path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	return req
}

func (p *person) get(path string) (*http.Response, string) {
	p.t.Helper()
	return p.send(p.request("GET", path, "", nil))
}

func (p *person) post(path string, form url.Values) (*http.Response, string) {
	p.t.Helper()
	return p.send(p.request("POST", path, "application/x-www-form-urlencoded", []byte(form.Encode())))
}

func (p *person) postJSON(path string, v any) (*http.Response, string) {
	p.t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.send(p.request("POST", path, "application/json", body))
}

// say sends sound or text as a device does.
func (p *person) say(token, kind string, data []byte) (*http.Response, string) {
	p.t.Helper()
	req := p.request("POST", "/v1/say", kind, data)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return p.send(req)
}

// redeem pairs as `hearkeep pair` does.
func (p *person) redeem(code string) (token string) {
	p.t.Helper()
	resp, body := p.postJSON("/v1/pair", map[string]string{"code": code})
	var got struct{ Token string }
	if err := json.Unmarshal([]byte(body), &got); err != nil || resp.StatusCode != http.StatusOK || got.Token == "" {
		p.t.Fatalf("pairing: %d %s", resp.StatusCode, body)
	}
	return got.Token
}

// token is a device token of the person's keep.
func (p *person) token() string {
	p.t.Helper()
	p.post("/terminal", nil)
	_, page := p.get("/")
	return p.home.stranger().redeem(code(p.t, page))
}

// room enters the person's keep beside the portal.
func (p *person) room() *vault.Room {
	p.t.Helper()
	u, err := url.Parse(p.home.server.URL)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, c := range p.client.Jar.Cookies(u) {
		if c.Name != "hearkeep" {
			continue
		}
		who, err := p.home.desk.Authenticate(p.t.Context(), c.Value)
		if err != nil {
			p.t.Fatal(err)
		}
		ids, err := p.home.keep.Vaults(p.t.Context(), who)
		if err != nil {
			p.t.Fatal(err)
		}
		room, err := p.home.keep.Enter(p.t.Context(), who, ids[0].ID)
		if err != nil {
			p.t.Fatal(err)
		}
		return room
	}
	p.t.Fatal("not signed in")
	return nil
}

// speak keeps a recording as if these words had been heard.
func (p *person) speak(words string) hearkeep.RecordingID {
	p.t.Helper()
	in, err := p.room().Uploads(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	flac, err := sound.EncodeFLAC(p.home.clip)
	if err != nil {
		p.t.Fatal(err)
	}
	taken := vault.Taken{
		ID: hearkeep.NewID[hearkeep.RecordingID](), Start: time.Now(), Duration: p.home.clip.Duration(),
		Audio: flac, Waveform: sound.Peaks(p.home.clip, 200), Words: hearkeep.NewWords(words), HasWords: true,
		Turn: hearkeep.Turn{
			Intent: "HassStartTimer", Did: "started a timer", Answer: hearkeep.NewWords("Ten minutes, starting now."),
			Slots:  []hearkeep.Slot{{Name: "minutes", Spoken: hearkeep.NewWords("ten"), Value: hearkeep.NewWords("10")}},
			Stages: []hearkeep.StageTime{{Stage: hearkeep.StageRecognise, Took: 180 * time.Millisecond, Engine: "pocketsphinx en-us"}},
		},
	}
	if err := in.Keep(p.t.Context(), taken); err != nil {
		p.t.Fatal(err)
	}
	return taken.ID
}

// door is the person's first open door of a kind.
func (p *person) door(source hearkeep.Source) vault.Binding {
	p.t.Helper()
	bindings, err := p.room().Bindings(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	for _, b := range bindings {
		if b.Source == source && b.Ended.IsZero() {
			return b
		}
	}
	p.t.Fatalf("no door of the kind %s", source)
	return vault.Binding{}
}

func (p *person) newest() hearkeep.RecordingID {
	p.t.Helper()
	id, err := p.room().Latest(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

func (p *person) count() int {
	p.t.Helper()
	totals, err := p.room().Totals(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return totals.Recordings
}

func (p *person) erase(id hearkeep.RecordingID) hearkeep.ReceiptID {
	p.t.Helper()
	rc, err := p.room().Erase(p.t.Context(), id)
	if err != nil {
		p.t.Fatal(err)
	}
	return rc.ID
}

// timer sets a timer of ten minutes by voice.
func (p *person) timer() hearkeep.TimerID {
	p.t.Helper()
	p.home.engine.hears("set a timer for ten minutes")
	if resp, body := p.say(p.token(), "audio/wav", p.home.speech); resp.StatusCode != http.StatusOK || strings.Contains(body, `"failed"`) {
		p.t.Fatalf("setting a timer: %d %s", resp.StatusCode, body)
	}
	pending := p.home.act.Pending(p.t.Context(), p.room().ID())
	if len(pending) == 0 {
		p.t.Fatal("no timer waits")
	}
	return pending[0].ID
}
