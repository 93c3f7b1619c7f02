package ledger_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep/internal/ledger"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// strictWitness is a witness written from C2SP tlog-witness and
// tlog-cosignature, which knows one log and forgives nothing.
type strictWitness struct {
	t    *testing.T
	name string
	key  ed25519.PrivateKey
	log  note.Verifier

	mu    sync.Mutex
	size  int64
	root  tlog.Hash
	calls int
	// answer takes the place of the protocol, where a test wants it to.
	answer func(w http.ResponseWriter, text, line string) bool
}

func newWitness(t *testing.T, logKey string) (*strictWitness, ledger.Witness) {
	t.Helper()
	v, err := note.NewVerifier(logKey)
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &strictWitness{t: t, name: "witness.example/w1", key: key, log: v}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	setting, err := ledger.ParseWitness(w.vkey() + " " + server.URL + "/sub/")
	if err != nil {
		t.Fatal(err)
	}
	return w, setting
}

func (w *strictWitness) hash() uint32 {
	sum := sha256.Sum256(append([]byte(w.name+"\n\x04"), w.key.Public().(ed25519.PublicKey)...))
	return binary.BigEndian.Uint32(sum[:])
}

func (w *strictWitness) vkey() string {
	return fmt.Sprintf("%s+%08x+%s", w.name, w.hash(), base64.StdEncoding.EncodeToString(append([]byte{4}, w.key.Public().(ed25519.PublicKey)...)))
}

// line cosigns the text of a checkpoint.
func (w *strictWitness) line(text string, at uint64) string {
	sig := ed25519.Sign(w.key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text))
	raw := binary.BigEndian.AppendUint32(nil, w.hash())
	raw = binary.BigEndian.AppendUint64(raw, at)
	return fmt.Sprintf("— %s %s\n", w.name, base64.StdEncoding.EncodeToString(append(raw, sig...)))
}

func (w *strictWitness) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	if r.Method != http.MethodPost || r.URL.Path != "/sub/add-checkpoint" || r.URL.RawQuery != "" {
		http.Error(out, "", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Errorf("witness reads: %v", err)
		return
	}
	head, signed, ok := strings.Cut(string(body), "\n\n")
	lines := strings.Split(head, "\n")
	digits, isOld := strings.CutPrefix(lines[0], "old ")
	old, err := strconv.ParseInt(digits, 10, 64)
	if !ok || !isOld || err != nil || strconv.FormatInt(old, 10) != digits || len(lines) > 64 {
		http.Error(out, "", http.StatusBadRequest)
		return
	}
	var proof tlog.TreeProof
	for _, l := range lines[1:] {
		h, err := tlog.ParseHash(l)
		if err != nil {
			http.Error(out, "", http.StatusBadRequest)
			return
		}
		proof = append(proof, h)
	}
	if origin, _, _ := strings.Cut(signed, "\n"); origin != w.log.Name() {
		http.Error(out, "", http.StatusNotFound)
		return
	}
	opened, err := note.Open([]byte(signed), note.VerifierList(w.log))
	if err != nil {
		http.Error(out, "", http.StatusForbidden)
		return
	}
	text := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(text[1], 10, 64)
	root, rootErr := tlog.ParseHash(text[2])
	switch {
	case err != nil || rootErr != nil || old > size:
		http.Error(out, "", http.StatusBadRequest)
	case w.answer != nil && w.answer(out, opened.Text, w.line(opened.Text, uint64(time.Now().Unix()))):
	case old != w.size:
		out.Header().Set("Content-Type", "text/x.tlog.size")
		out.WriteHeader(http.StatusConflict)
		fmt.Fprintf(out, "%d\n", w.size)
	case old == 0 && len(proof) > 0,
		old == size && (len(proof) > 0 || root != w.root),
		old > 0 && old < size && tlog.CheckTree(proof, size, root, old, w.root) != nil:
		http.Error(out, "", http.StatusUnprocessableEntity)
	default:
		w.size, w.root = size, root
		fmt.Fprint(out, "— somebody.example AAAAAAAAAAAA\n"+w.line(opened.Text, uint64(time.Now().Unix())))
	}
}

// asking is what a log and its witness are asked with, at a time that goes on.
type asking struct {
	*ledger.Witnesses
	now  time.Time
	gone []string
}

func newAsking(log *ledger.Ledger, witnesses ...ledger.Witness) *asking {
	a := &asking{now: time.Now()}
	a.Witnesses = ledger.NewWitnesses(ledger.WitnessConfig{
		Ledger: log, Witnesses: witnesses, Log: slog.New(slog.DiscardHandler),
		Gone: func(_ context.Context, what string) error { a.gone = append(a.gone, what); return nil },
	})
	return a
}

func (a *asking) ask(t *testing.T) {
	t.Helper()
	a.now = a.now.Add(2 * time.Hour)
	a.Ask(t.Context(), a.now)
}

func wantCosigned(t *testing.T, log *ledger.Ledger, size int64, trouble string) {
	t.Helper()
	got, err := log.Cosigned(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Under.Size != size || got[0].Trouble != trouble {
		t.Errorf("cosigned: got %+v, want %d entries and trouble %q", got, size, trouble)
	}
}

func TestWitnessCosignsWhatGrows(t *testing.T) {
	f, ctx := open(t), t.Context()
	witness, setting := newWitness(t, f.log.Key())
	a := newAsking(f.log, setting)
	a.ask(t)
	if witness.calls != 0 {
		t.Errorf("calls for an empty log: got %d, want none", witness.calls)
	}
	for _, more := range []int{1, 6, 300} {
		f.grow(t, more)
		a.ask(t)
		head, err := f.log.Latest(ctx)
		if err != nil {
			t.Fatal(err)
		}
		wantCosigned(t, f.log, head.Size, "")
		known, err := ledger.Trust(f.log.Key(), witness.vkey())
		if err != nil {
			t.Fatal(err)
		}
		if got := head.Cosignatures(known); len(got) != 1 || got[0].Witness != witness.name {
			t.Errorf("cosignatures on the newest checkpoint: got %v, want the witness'", got)
		}
	}
	calls := witness.calls
	a.ask(t)
	if witness.calls != calls {
		t.Errorf("calls where nothing is new: got %d more, want none", witness.calls-calls)
	}
	if _, err := ledger.Open(ctx, f.store, f.key); err != nil {
		t.Errorf("open of a cosigned log: %v", err)
	}
	if err := f.log.Verify(ctx); err != nil {
		t.Errorf("verify of a cosigned log: %v", err)
	}
}

// A log that does not know what its witness has seen asks for it, once.
func TestWitnessThatIsAheadOfWhatWeKnow(t *testing.T) {
	f := open(t)
	witness, setting := newWitness(t, f.log.Key())
	f.grow(t, 10)
	newAsking(f.log, setting).ask(t)
	f.rewrite(t, `DELETE FROM ledger_witnesses`)
	f.grow(t, 10)
	calls := witness.calls
	newAsking(f.log, setting).ask(t)
	wantCosigned(t, f.log, 20, "")
	if got := witness.calls - calls; got != 2 {
		t.Errorf("calls: got %d, want one that is refused with a size, and one from there", got)
	}
}

// Everything in the folder was put back, also what is known of the witness,
// and nothing was written since: at start it is asked all the same.
func TestWitnessIsAskedAtStart(t *testing.T) {
	f := open(t)
	witness, setting := newWitness(t, f.log.Key())
	f.grow(t, 10)
	newAsking(f.log, setting).ask(t)
	old := filepath.Join(t.TempDir(), "old")
	must(t, f.log.Close(t.Context()))
	must(t, f.store.Close())
	must(t, os.CopyFS(old, os.DirFS(filepath.Dir(f.key))))
	must(t, f.start(t))
	f.grow(t, 1)
	newAsking(f.log, setting).ask(t)
	if witness.size != 11 {
		t.Fatalf("the witness has cosigned %d, want 11", witness.size)
	}
	must(t, f.store.Close())
	must(t, os.RemoveAll(filepath.Dir(f.key)))
	must(t, os.CopyFS(filepath.Dir(f.key), os.DirFS(old)))
	must(t, f.start(t))
	a := newAsking(f.log, setting)
	a.ask(t)
	wantCosigned(t, f.log, 10, ledger.TroubleRewound)
	if len(a.gone) != 1 {
		t.Errorf("told: got %v, want that the ledger went back", a.gone)
	}
}

// A database that was put back is found by a witness, though everything in the
// folder was put back with it.
func TestWitnessHasSeenMore(t *testing.T) {
	f, back := open(t), open(t)
	witness, setting := newWitness(t, f.log.Key())
	f.grow(t, 10)
	newAsking(f.log, setting).ask(t)

	// The same key, and a history of its own.
	copyFile(t, f.key, back.key)
	for _, gone := range []string{ledger.FileKeys, ledger.FileCheckpoints} {
		remove(t, filepath.Join(filepath.Dir(back.key), gone))
	}
	var err error
	if back.log, err = ledger.Open(t.Context(), back.store, back.key); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		more int
		want string
		size int64
	}{{9, ledger.TroubleRewound, 0}, {5, ledger.TroubleForked, 0}} {
		back.grow(t, tc.more)
		a := newAsking(back.log, setting)
		a.ask(t)
		wantCosigned(t, back.log, tc.size, tc.want)
		if len(a.gone) != 1 || a.gone[0] != tc.want {
			t.Errorf("told: got %v, want %s once", a.gone, tc.want)
		}
		a.ask(t)
		if len(a.gone) != 1 {
			t.Errorf("told again of what is known: got %v", a.gone)
		}
	}
	if witness.size != 10 {
		t.Errorf("the witness took %d entries of another history", witness.size)
	}
}

func TestWitnessThatAnswersWrongly(t *testing.T) {
	write := func(status int, kind, body string) func(http.ResponseWriter, string, string) bool {
		return func(w http.ResponseWriter, _, _ string) bool {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			io.WriteString(w, body)
			return true
		}
	}
	for name, tc := range map[string]struct {
		answer func(http.ResponseWriter, string, string) bool
		want   string
	}{
		"no signature":           {write(200, "", ""), ledger.TroubleSignature},
		"another's":              {write(200, "", "— other.example AAAAAAAAAAAA\n"), ledger.TroubleSignature},
		"of another text":        {nil, ledger.TroubleSignature},
		"no line at all":         {write(200, "", "thanks"), ledger.TroubleSignature},
		"too much":               {write(200, "", strings.Repeat("— other.example AAAAAAAAAAAA\n", 4000)), ledger.TroubleUnreachable},
		"elsewhere":              {write(302, "", ""), ledger.TroubleUnreachable},
		"its own error":          {write(503, "", ""), ledger.TroubleUnreachable},
		"a size of another kind": {write(409, "text/plain", "3\n"), ledger.TroubleAnswer},
		"a size without end":     {write(409, "text/x.tlog.size", "3"), ledger.TroubleAnswer},
		"a size with zeroes":     {write(409, "text/x.tlog.size", "03\n"), ledger.TroubleAnswer},
		"a negative size":        {write(409, "text/x.tlog.size", "-3\n"), ledger.TroubleAnswer},
		"always another size":    {write(409, "text/x.tlog.size", "3\n"), ledger.TroubleAnswer},
		"unknown log":            {write(404, "", ""), ledger.TroubleUnknownLog},
		"unknown key":            {write(403, "", ""), ledger.TroubleUnknownKey},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			witness, setting := newWitness(t, f.log.Key())
			witness.answer = tc.answer
			switch name {
			case "of another text":
				witness.answer = func(w http.ResponseWriter, text, _ string) bool {
					io.WriteString(w, witness.line(strings.Replace(text, "\n5\n", "\n6\n", 1), 1_700_000_000))
					return true
				}
			case "elsewhere":
				witness.answer = func(w http.ResponseWriter, _, _ string) bool {
					w.Header().Set("Location", "/elsewhere")
					w.WriteHeader(http.StatusTemporaryRedirect)
					return true
				}
			}
			f.grow(t, 5)
			a := newAsking(f.log, setting)
			a.ask(t)
			wantCosigned(t, f.log, 0, tc.want)
			witness.answer = nil
			a.ask(t)
			wantCosigned(t, f.log, 5, "")
		})
	}
}

// A cosignature of no time, or of one to come, says nothing.
func TestCosignatureHasATime(t *testing.T) {
	for name, at := range map[string]uint64{"none": 0, "to come": uint64(time.Now().Add(48 * time.Hour).Unix()), "beyond": 1 << 63} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			witness, setting := newWitness(t, f.log.Key())
			witness.answer = func(w http.ResponseWriter, text, _ string) bool {
				io.WriteString(w, witness.line(text, at))
				return true
			}
			f.grow(t, 5)
			newAsking(f.log, setting).ask(t)
			wantCosigned(t, f.log, 0, ledger.TroubleSignature)
		})
	}
}

func TestWitnessIsLeftAloneWhenItFails(t *testing.T) {
	f := open(t)
	witness, setting := newWitness(t, f.log.Key())
	witness.answer = func(w http.ResponseWriter, _, _ string) bool {
		w.WriteHeader(http.StatusInternalServerError)
		return true
	}
	f.grow(t, 5)
	a := newAsking(f.log, setting)
	for range 24 * 60 {
		a.now = a.now.Add(time.Minute)
		a.Ask(t.Context(), a.now)
	}
	if witness.calls > 32 {
		t.Errorf("calls within a day of failing: got %d, want at most about one an hour", witness.calls)
	}
}

func TestWitnessSettings(t *testing.T) {
	witness, good := newWitness(t, open(t).log.Key())
	for _, bad := range []string{
		"", witness.vkey(), good.URL, witness.vkey() + " ftp://w.example", witness.vkey() + " http://w.example",
		witness.vkey() + " https://u:p@w.example", witness.vkey() + " https://w.example/?a=b", witness.vkey() + " https://w.example/#a",
		witness.vkey() + " https:///path", "x" + witness.vkey() + " https://w.example",
	} {
		if _, err := ledger.ParseWitness(bad); err == nil {
			t.Errorf("setting %q was taken", bad)
		}
	}
	got, err := ledger.ParseWitness(" " + witness.vkey() + "  https://w.example/prefix/ ")
	if want := (ledger.Witness{Key: witness.vkey(), URL: "https://w.example/prefix"}); err != nil || got != want {
		t.Errorf("setting: got %v, %v, want %v", got, err, want)
	}
}
