package portal

import (
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// kinds reads the kinds of entries off the ledger's source.
func kinds(t *testing.T) (all []ledger.Kind) {
	t.Helper()
	files, err := filepath.Glob("../ledger/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		tree, err := parser.ParseFile(gotoken.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if ok && len(spec.Values) == 1 && strings.HasPrefix(spec.Names[0].Name, "Kind") {
				text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, ledger.Kind(text))
			}
			return true
		})
	}
	if len(all) < 20 {
		t.Fatalf("the ledger has %d kinds", len(all))
	}
	return all
}

// TestEveryKindIsSaid: each kind is in a group that people choose from, and
// has a sentence that is true of all its entries.
func TestEveryKindIsSaid(t *testing.T) {
	var groups []string
	for _, g := range openedGroups() {
		groups = append(groups, g.Value)
	}
	for _, kind := range kinds(t) {
		if !slices.Contains(groups, string(groupOf(kind))) {
			t.Errorf("%s is in the group %q", kind, groupOf(kind))
		}
		if saysAnyhow(kind) == saysAnyhow("") {
			t.Errorf("%s has no sentence", kind)
		}
		if text, ok := says(ledger.Entry{Kind: kind, Purpose: "never written"}); ok && kind != ledger.KindOperator && kind != ledger.KindReported || text == "" {
			t.Errorf("%s of no known purpose says %q", kind, text)
		}
	}
}

// TestEveryPurposeIsSaid: what the rooms write has a sentence of its own.
// Purposes that are made of two words have all their pairs.
func TestEveryPurposeIsSaid(t *testing.T) {
	written := map[ledger.Kind][]string{}
	for kind, known := range saysKnown() {
		for purpose, text := range known {
			if written[kind] = append(written[kind], purpose); strings.TrimSpace(text) == "" || strings.HasSuffix(text, ".") {
				t.Errorf("%s, %q: %q", kind, purpose, text)
			}
		}
	}
	for _, kind := range hearkeep.RequestKinds() {
		for _, step := range []string{"asked", "received", "confirmed", "ready", "code sent", "extended", "reminded", "answered", "withdrawn", "lapsed"} {
			written[ledger.KindRequest] = append(written[ledger.KindRequest], string(kind)+" "+step)
		}
		written[ledger.KindDisclosed] = append(written[ledger.KindDisclosed], string(kind)+" disclosed, open", string(kind)+" disclosed, sealed")
		written[ledger.KindStopped] = append(written[ledger.KindStopped], string(kind)+" stopped")
	}
	for _, state := range []string{"received", "counted", "erased", "invited", "nothing", "withdrawn", "unanswered"} {
		written[ledger.KindRequest] = append(written[ledger.KindRequest], "claim "+state)
	}
	for _, source := range []hearkeep.Source{hearkeep.SourceSay, hearkeep.SourceUpload, hearkeep.SourceBrowser, hearkeep.SourceWyoming, hearkeep.SourceMoved, hearkeep.SourceImport} {
		for _, rule := range []hearkeep.RoomRule{{Keep: hearkeep.KeepAll}, {Keep: hearkeep.KeepWords, Paused: true}, {Keep: hearkeep.KeepNothing}} {
			purpose := string(source) + " " + rule.String()
			for _, kind := range []ledger.Kind{ledger.KindBound, ledger.KindDoorChanged, ledger.KindUnbound} {
				written[kind] = append(written[kind], purpose)
			}
		}
		written[ledger.KindBound] = append(written[ledger.KindBound], string(source))
		written[ledger.KindUnbound] = append(written[ledger.KindUnbound], string(source)+" by an admin")
	}
	written[ledger.KindBackup] = append(written[ledger.KindBackup], "restored from 2026-05-03T14:32:05Z")
	for _, by := range []string{"passphrase", "passkey", "recovery kit"} {
		written[ledger.KindSignedIn] = append(written[ledger.KindSignedIn], "step-up by "+by)
	}
	for _, kind := range kinds(t) {
		if len(written[kind]) == 0 {
			t.Errorf("%s: no purpose is known", kind)
		}
		for _, purpose := range written[kind] {
			if text, ok := says(ledger.Entry{Kind: kind, Purpose: purpose}); !ok {
				t.Errorf("%s %q says %q, as any of its kind", kind, purpose, text)
			}
		}
	}
	// And all literals that stand as a Purpose in the rooms are known.
	for file, purposes := range purposesIn(t) {
		for _, purpose := range purposes {
			known := false
			for kind := range written {
				known = known || slices.Contains(written[kind], purpose)
			}
			if !known {
				t.Errorf("%s writes %q into the ledger, which has no sentence", file, purpose)
			}
		}
	}
}

// purposesIn finds the literals that become a Purpose in the rooms' sources:
// of ledger.Entry literals, and of the helpers that make entries.
func purposesIn(t *testing.T) map[string][]string {
	t.Helper()
	helpers := map[string]bool{"entryOf": true, "entry": true, "about": true, "note": true, "noteAdmin": true, "tellRestricted": true}
	all := map[string][]string{}
	for _, room := range []string{"identity", "vault", "rights", "backup", "incident", "act"} {
		files, err := filepath.Glob("../" + room + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tree, err := parser.ParseFile(gotoken.NewFileSet(), file, src, 0)
			if err != nil {
				t.Fatal(err)
			}
			add := func(e ast.Expr) {
				if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == gotoken.STRING {
					if text, err := strconv.Unquote(lit.Value); err == nil && text != "" {
						all[file] = append(all[file], text)
					}
				}
			}
			ast.Inspect(tree, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CompositeLit:
					if sel, ok := n.Type.(*ast.SelectorExpr); !ok || sel.Sel.Name != "Entry" {
						return true
					}
					for _, e := range n.Elts {
						if kv, ok := e.(*ast.KeyValueExpr); ok && fmt.Sprint(kv.Key) == "Purpose" {
							add(kv.Value)
						}
					}
				case *ast.CallExpr:
					name := ""
					switch f := n.Fun.(type) {
					case *ast.Ident:
						name = f.Name
					case *ast.SelectorExpr:
						name = f.Sel.Name
					}
					if helpers[name] {
						for _, arg := range n.Args {
							add(arg)
						}
					}
				}
				return true
			})
		}
	}
	return all
}

// diary compares what the ledger gets with what is done.
type diary struct {
	*home
	next   int64
	vaults map[hearkeep.VaultID]string
	people map[hearkeep.AccountID]string
	recs   map[string]string // "binding:number" to what the test calls it
}

// knows gives a recording a name.
func (d *diary) knows(p *person, of hearkeep.VaultID, id hearkeep.RecordingID, name string) {
	d.t.Helper()
	room, err := d.keep.Enter(d.t.Context(), p.who(), of)
	if err != nil {
		d.t.Fatal(err)
	}
	n, err := room.Place(d.t.Context(), id)
	if err != nil {
		d.t.Fatal(err)
	}
	d.recs[fmt.Sprint(n.Binding, ":", n.Number)] = name
	d.skip()
}

// skip forgets what was written until now.
func (d *diary) skip() { d.t.Helper(); d.read() }

func (d *diary) read() (lines []string) {
	d.t.Helper()
	all, err := d.ledger.Entries(d.t.Context(), hearkeep.VaultID{}, d.next, 1<<20)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, e := range all {
		d.next = e.Seq + 1
		line := fmt.Sprintf("%s %q %s", e.Kind, e.Purpose, e.Role)
		if e.Account != nil {
			line += " " + d.people[*e.Account]
		}
		if e.Vault != nil {
			line += " in " + d.vaults[*e.Vault]
		}
		var names []string
		for _, run := range e.Items {
			for n := run.From; n <= run.To; n++ {
				names = append(names, d.recs[fmt.Sprint(run.Binding, ":", n)])
			}
		}
		if slices.Sort(names); len(names) > 0 {
			line += ": " + strings.Join(names, " ")
		}
		if n := len(names); n != e.Count && !(n == 0 && e.Kind != ledger.KindOpened) {
			line += fmt.Sprintf(" (counted as %d)", e.Count)
		}
		if _, ok := says(e.Entry); !ok {
			d.t.Errorf("%s has no sentence", line)
		}
		lines = append(lines, line)
	}
	return lines
}

// patience is how long a test waits for what comes by itself before it says
// that it never came.
const patience = time.Minute

// does checks that what is done writes these entries and no other.
func (d *diary) does(what string, do func(), want ...string) {
	d.t.Helper()
	d.skip()
	do()
	got := d.read()
	for deadline := time.Now().Add(patience); len(got) < len(want) && time.Now().Before(deadline); { // what ends after its answer was sent
		time.Sleep(20 * time.Millisecond)
		got = append(got, d.read()...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		d.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestWhoOpenedIsAll opens recordings in every way that the program has, each
// in a session that has opened nothing yet, and compares what the ledger got
// with what was done: nothing is missing, and nothing stands there twice. What
// its pages and the API then show is that list.
func TestWhoOpenedIsAll(t *testing.T) {
	h := newHome(t)
	anna := h.person("Anna")
	own := anna.room().ID()
	d := &diary{home: h, vaults: map[hearkeep.VaultID]string{own: "her keep"}, people: map[hearkeep.AccountID]string{anna.who().Account(): "Anna"}, recs: map[string]string{}}
	var one, two, three hearkeep.RecordingID
	d.does("keeping", func() { one, two, three = anna.speak(canary), anna.speak("good morning"), anna.speak("good night") })
	d.knows(anna, own, one, "one")
	d.knows(anna, own, two, "two")
	d.knows(anna, own, three, "three")
	as := func() *person { d.t.Helper(); p := h.signIn("Anna", passphrase); d.skip(); return p }
	get := func(p *person, path string, status int) func() {
		return func() {
			t.Helper()
			if resp, body := p.get(path); resp.StatusCode != status {
				t.Errorf("GET %s answers %d: %s", path, resp.StatusCode, body)
			}
		}
	}
	const all = "in her keep: one three two"
	at := func(id hearkeep.RecordingID) string { return "/recordings/" + id.String() }

	// The pages.
	d.does("signing in", func() { h.signIn("Anna", passphrase) }, `signed-in "passphrase" keyholder Anna`)
	p := as()
	d.does("the history", get(p, "/", 200), `opened "browse" keyholder Anna `+all)
	d.does("the history again", get(p, "/", 200))
	p = as()
	_, page := p.get("/")
	_, poll, _ := strings.Cut(page, `hx-get="`)
	poll, _, _ = strings.Cut(poll, `"`)
	zero := anna.speak("good evening")
	d.knows(anna, own, zero, "zero")
	d.does("what polling brings", get(p, poll, 200), `opened "browse" keyholder Anna in her keep: zero`)
	d.does("erasing", func() { p.post(at(zero)+"/erase", nil) }, `erased "chosen" keyholder Anna in her keep: zero`)
	p = as()
	d.does("a recording's page", get(p, at(one), 200), `opened "read" keyholder Anna in her keep: one`, `opened "waveform" keyholder Anna in her keep: one`)
	d.does("its sound", get(p, at(one)+"/audio", 200), `opened "listen" keyholder Anna in her keep: one`)
	d.does("ranges of it", func() {
		for from := range 20 {
			if resp, _ := p.fetch("GET", at(one)+"/audio", map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", from*500, from*500+499)}); resp.StatusCode != http.StatusPartialContent {
				t.Errorf("a range answers %d", resp.StatusCode)
			}
		}
	})
	d.does("only ranges", func() { as().fetch("GET", at(one)+"/audio", map[string]string{"Range": "bytes=100-199"}) },
		`opened "listen" keyholder Anna in her keep: one`)
	d.does("asking for its length", func() { as().fetch("HEAD", at(two)+"/audio", nil) }, `opened "listen" keyholder Anna in her keep: two`)
	d.does("the form of its words", get(as(), at(two)+"/words", 200), `opened "read" keyholder Anna in her keep: two`)
	d.does("the form that erases it", get(as(), at(two)+"/erase", 200), `opened "read" keyholder Anna in her keep: two`)
	p = as()
	d.does("pages that open nothing", func() {
		for _, path := range []string{"/kept", "/doors", "/vaults", "/household", "/rights", "/erase", "/account", "/opened", "/opened?kind=opened", "/opened?recording=" + one.String(), "/bring", "/sharing"} {
			get(p, path, 200)()
		}
	})
	d.does("correcting", func() { as().post(at(three)+"/words", url.Values{"words": {"good night, moon"}}) }, `corrected "words" keyholder Anna in her keep: three`)
	p = as()
	d.does("freezing", func() { p.post(at(three)+"/restrict", nil) },
		`opened "read" keyholder Anna in her keep: three`, `request "restriction received" keyholder Anna`, `restricted "restricted" keyholder Anna in her keep: three`, `request "restriction answered" keyholder Anna`)
	d.skip()
	frozen, err := anna.room().Restrictions(t.Context())
	if err != nil || len(frozen) != 1 {
		t.Fatalf("%d are frozen: %v", len(frozen), err)
	}
	d.does("freeing", func() { p.post("/restrictions/"+frozen[0].ID.String()+"/lift", nil) }, `restricted "lifted" keyholder Anna in her keep: three`)

	// The API: a terminal, and programs.
	of := "/v1/vaults/" + own.String()
	c := h.terminal("Anna")
	d.skip()
	ok := func(c *caller, path string) func() { return func() { t.Helper(); c.must(200, "GET", path, nil, nil) } }
	d.does("a terminal's list", ok(c, of+"/recordings"), `opened "browse" keyholder Anna `+all)
	d.does("and one of it", ok(c, of+at(one)))
	d.does("its loudness", ok(c, of+at(one)+"/waveform"), `opened "waveform" keyholder Anna in her keep: one`)
	d.does("its sound", ok(c, of+at(one)+"/audio"), `opened "listen" keyholder Anna in her keep: one`)
	d.does("what opens nothing", func() {
		for _, path := range []string{"/v1/vaults", of, of + "/doors", of + "/timers", of + "/restrictions", of + "/holders", "/v1/opened", "/v1/requests", "/v1/me"} {
			ok(c, path)()
		}
		s := c.watch(own.String())
		s.close()
	})
	program := c.program("read")
	d.skip()
	d.does("a program's look", ok(program, of+at(two)), `opened "read" token Anna in her keep: two`)
	d.does("a program's listening", ok(program, of+at(two)+"/audio"), `opened "listen" token Anna in her keep: two`)
	d.does("its list", ok(program, of+"/recordings"), `opened "browse" token Anna in her keep: one three`)

	// Hearing is no opening, nor is bringing along.
	p = as()
	d.does("a file that is given", func() { p.upload("sound", "a.wav", h.speech) })
	four := anna.newest()
	d.knows(anna, own, four, "four")

	// Another vault, and somebody else.
	shared := anna.vaultOf("Living room", "shared", "")
	d.vaults[shared] = "the living room"
	five := anna.speakIn(shared, "what is for dinner")
	d.knows(anna, shared, five, "five")
	ben := h.joined("Ben", anna.inviteTo(shared, "holder", ""))
	d.people[ben.who().Account()] = "Ben"
	get(anna, "/vaults", 200)() // completes what waits
	get(ben, "/", 200)()
	six := ben.speakIn(shared, "fish")
	d.knows(ben, shared, six, "six")
	ben.setCookie(vaultCookie, shared.String())
	d.does("another keyholder's list, without the past", get(ben, "/", 200), `opened "browse" keyholder Ben in the living room: six`)
	d.does("what they may not open", get(ben, at(five), 404))
	d.does("what is not theirs", get(ben, at(one), 404))
	d.does("sharing the past", func() {
		anna.post("/sharing/holders/"+ben.id()+"/past?of="+shared.String(), url.Values{"sure": {"yes"}})
	},
		`keys-changed "past given" keyholder Anna in the living room`, `keys-changed "past given" keyholder Ben in the living room`)
	d.does("the past", get(ben, at(five)+"/audio", 200), `opened "listen" keyholder Ben in the living room: five`)
	d.does("moving", func() { as().post(at(four)+"/move", url.Values{"vault": {shared.String()}}) },
		`opened "move" keyholder Anna in her keep: four`, `bound "moved audio+words" keyholder Anna in the living room`, `erased "moved" keyholder Anna in her keep: four`)
	room, err := h.keep.Enter(t.Context(), anna.who(), shared)
	if err != nil {
		t.Fatal(err)
	}
	doors, err := room.Bindings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	came := doors[slices.IndexFunc(doors, func(b vault.Binding) bool { return b.Source == hearkeep.SourceMoved })].ID
	d.recs[fmt.Sprint(came, ":", 1)] = "four, moved"

	// Archives: an open one is opened as it is prepared; a sealed one never is.
	p = as()
	asked, archive := "", ""
	in := func(what string) []string {
		return []string{what + ` keyholder Anna in her keep: one three two`, what + ` keyholder Anna in the living room: five four, moved six`}
	}
	d.does("an archive that is prepared", func() { asked, archive = p.access() },
		append(append([]string{`request "access received" keyholder Anna`}, in(`opened "archive"`)...), `request "access ready" keyholder Anna`)...)
	d.does("the archive that leaves", get(p, "/rights/archives/"+archive, 200), append(in(`disclosed "access disclosed, open"`), `request "access answered" system Anna`)...)
	d.does("a range of it", func() { p.fetch("GET", "/rights/archives/"+archive, map[string]string{"Range": "bytes=0-99"}) })
	_ = asked
	to := ""
	d.does("a sealed archive that is made", func() {
		to = p.asks(hearkeep.RequestPortability)
		p.post(to+"/sealed", nil)
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if _, page := p.get(to); strings.Contains(page, to+"/sealed\"") {
				return
			}
		}
	}, `request "portability received" keyholder Anna`, `request "portability ready" keyholder Anna`)
	d.does("the sealed archive that leaves", get(p, to+"/sealed", 200),
		append(in(`disclosed "portability disclosed, sealed"`), `request "portability answered" system Anna`)...)

	// What does not open any more.
	if n, err := filepath.Glob(h.blobs + "/*"); err != nil || len(n) == 0 {
		t.Fatalf("no sounds: %v", err)
	}
	h.damageSound(t)
	d.does("a damaged sound", func() { as().get(at(one) + "/audio") },
		`opened "listen" keyholder Anna in her keep: one`, `opening-failed "listen" keyholder Anna in her keep: one`)

	// What people are shown is what the ledger has.
	everything, err := h.ledger.Entries(t.Context(), hearkeep.VaultID{}, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []*person{anna, ben} {
		holds := map[hearkeep.VaultID]bool{}
		for _, v := range who.vaults() {
			holds[v.ID] = true
		}
		var want []int64
		for _, e := range slices.Backward(everything) {
			if e.Account != nil && *e.Account == who.who().Account() || e.Vault != nil && holds[*e.Vault] {
				want = append(want, e.Seq)
			}
		}
		if diff := cmp.Diff(want, who.shownOnPages()); diff != "" {
			t.Errorf("the pages (-ledger +shown):\n%s", diff)
		}
		c := &caller{t, h, sessionPrefix + who.cookie("hearkeep")}
		if diff := cmp.Diff(want, c.shown()); diff != "" {
			t.Errorf("the API (-ledger +shown):\n%s", diff)
		}
	}
	if _, page := ben.get("/opened?kind=opened"); strings.Contains(page, "her keep") || strings.Contains(page, one.String()) || !strings.Contains(page, "<strong>Anna</strong> handed over") && !strings.Contains(page, "<strong>Anna</strong> opened, to put it into an archive, 3 recordings.") {
		t.Errorf("Ben is shown: %s", page)
	}
}

// damageSound cuts all sealed sound short.
func (h *home) damageSound(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(h.blobs, func(path string, f os.DirEntry, err error) error {
		if err != nil || f.IsDir() {
			return err
		}
		if err := os.Chmod(path, 0o600); err != nil {
			return err
		}
		return os.Truncate(path, 100)
	})
	if err != nil {
		t.Fatal(err)
	}
}

var (
	shownEntry = regexp.MustCompile(`<li class="entry[^"]*" id="e-(\d+)">`)
	olderPage  = regexp.MustCompile(`rel="next" href="(/opened\?[^"]*)"`)
)

// shownOnPages goes through all pages, and returns the numbers of the entries.
func (p *person) shownOnPages() (seqs []int64) {
	p.t.Helper()
	for path := "/opened"; path != ""; {
		resp, page := p.get(path)
		if resp.StatusCode != http.StatusOK {
			p.t.Fatalf("%s answers %d", path, resp.StatusCode)
		}
		for _, m := range shownEntry.FindAllStringSubmatch(page, -1) {
			n, err := strconv.ParseInt(m[1], 10, 64)
			if err != nil {
				p.t.Fatal(err)
			}
			seqs = append(seqs, n)
		}
		path = ""
		if m := olderPage.FindStringSubmatch(page); m != nil {
			path = html.UnescapeString(m[1])
		}
	}
	return seqs
}

// shown is the same by the API, in small pages.
func (c *caller) shown() (seqs []int64) {
	c.t.Helper()
	for next := ""; ; {
		var page openedJSON
		c.must(http.StatusOK, "GET", "/v1/opened?"+url.Values{"limit": {"7"}, "before": {next}}.Encode(), nil, &page)
		for _, e := range page.Entries {
			seqs = append(seqs, e.Seq)
		}
		if next = page.Next; next == "" {
			return seqs
		}
	}
}
