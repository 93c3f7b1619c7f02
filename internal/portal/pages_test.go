package portal

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
)

// sample is one page with made-up people, in one of its states.
type sample struct {
	name, page string // "home-empty" is page "home"
	data       any
}

// day0 is the clock of the samples.
var day0 = time.Date(2026, 5, 3, 14, 32, 5, 0, time.UTC)

func at(t time.Time) clock {
	p := &portal{Config: Config{Zone: time.UTC}}
	return p.clock(t)
}

func due(in time.Duration) *clock {
	c := at(day0.Add(in))
	return &c
}

func framed(title, here string) frame {
	return frame{Title: title, Name: "Anna Lindqvist", Here: here, Zone: "UTC"}
}

// inVault is framed for somebody who holds several vaults.
func inVault(title, here string) frame {
	f := framed(title, here)
	f.Vault, f.With = "Living room", "with Ben and Carl"
	return f
}

func sampleVaults() []vaultView {
	return []vaultView{
		{strings.Repeat("1a", 16), "Your keep", false, "For you alone", "", false},
		{strings.Repeat("2b", 16), "Living room", true, "Shared with Ben and Carl", "with Ben and Carl", false},
		{strings.Repeat("3c", 16), nasty, false, "A child’s, with " + nasty, "with " + nasty, true},
		{strings.Repeat("4d", 16), strings.Repeat("W", 64), false, "Shared, so far with nobody", "so far with nobody", false},
	}
}

// nasty must come out of every page as text.
const nasty = `<script>alert(1)</script> "quoted" & 'so' on=`

func sampleRow(n int, heard, answer, did string) row {
	return row{
		ID: fmt.Sprintf("%032x", n+1), When: at(day0.Add(-time.Duration(n) * 37 * time.Minute)), From: "Kitchen",
		Heard: heard, Answer: answer, Did: did, Length: "2.4 s", HasAudio: true,
	}
}

func sampleDays() []day {
	silent := sampleRow(3, "", "Sorry, I did not understand that.", "")
	silent.Silent = "Not transcribed"
	damaged := row{ID: fmt.Sprintf("%032x", 99), When: at(day0.AddDate(0, 0, -1)), From: "Terminal", Silent: "Damaged: this cannot be opened any more", Length: "3.1 s", Damaged: true}
	wordsOnly := sampleRow(4, "what time is it", "It is 12:04.", "told the time")
	wordsOnly.HasAudio = false
	return []day{
		{"day-2026-05-03", "Today", "2026-05-03", []row{
			sampleRow(0, "set a timer for ten minutes", "Ten minutes, starting now.", "started a timer"),
			sampleRow(1, "turn on the kitchen light", "I cannot do that yet.", ""),
			sampleRow(2, nasty, strings.Repeat("A long answer that goes on. ", 9), "told the date"),
			silent, wordsOnly,
		}},
		{"day-2026-05-02", "Yesterday", "2026-05-02", []row{damaged, sampleRow(40, strings.Repeat("donaudampfschifffahrtsgesellschaft", 5), "", "")}},
	}
}

func sampleHome(change func(*homePage)) *homePage {
	h := &homePage{frame: framed("Your keep", "home"), Seen: "0.0", First: true, Days: sampleDays(), MaxSize: "32.0 MB", Older: "1-2",
		Talk: talkView{Ready: true, Keeps: "Sound and words", Most: talkSeconds}}
	h.Live = true
	change(h)
	return h
}

func sampleRecording(change func(*recordingPage)) *recordingPage {
	peaks := make([]byte, 200)
	for i := range peaks {
		peaks[i] = byte((i*i*7 + i*31) % 256 * min(i, 200-i) / 100)
	}
	rp := &recordingPage{
		frame: framed("Recording", ""), row: sampleRow(0, "set a pasta timer for ten minutes", "Pasta timer, ten minutes, starting now.", "started a timer"),
		Wave: wavePath(peaks), Intent: "HassStartTimer",
		Slots:  []slotView{{"minutes", "ten", "10"}, {"name", "pasta", "pasta"}},
		Stages: []stageView{{"Read the sound", "1.2 ms", "Hearkeep itself", ""}, {"Turned sound into words", "182.0 ms", "pocketsphinx en-us", ""}, {"Spoke the answer", "2.00 s", "flite slt", "timed out"}},
		Total:  "2.18 s", Until: at(day0.AddDate(0, 0, 90)), KeptFor: "90 days", Number: 12, Kind: "A terminal: hearkeep say",
	}
	change(rp)
	return rp
}

// sampleDoors are doors of all kinds and states; the last is disconnected.
func sampleDoors() []doorView {
	old, newest := at(day0.AddDate(0, -2, 0)), at(day0)
	pair := terminalView{"./hearkeep pair http://localhost:8484 q3kzv7d4mfa2jx6w5nbtyr8hcp", `./hearkeep say "set a timer for ten minutes"`, at(day0.Add(time.Hour))}
	door := func(n int, label string, source hearkeep.Source, rule, how string, state doorState) doorView {
		return doorView{ID: fmt.Sprintf("%032x", n), Label: label, Kind: sourceKind(source), Rule: rule, Since: old, State: state, How: how}
	}
	doors := []doorView{
		door(1, "Uploads", hearkeep.SourceUpload, "Sound and words", "Hears the files that you give.", doorListens),
		door(2, "Terminal", hearkeep.SourceSay, "Words only", "Hears what its terminal sends.", doorListens),
		door(3, "Browser", hearkeep.SourceBrowser, "Nothing", "Nothing is heard here until you let it listen again.", doorPaused),
		door(4, "Kitchen", hearkeep.SourceWyoming, "Sound and words, and nothing from 22:00 to 07:00", "Listens at 127.0.0.1:10300.", doorListens),
		door(5, "Living room", hearkeep.SourceWyoming, "Words only", "The address 0.0.0.0:10301 is not free on this machine.", doorShut),
		door(6, nasty, hearkeep.SourceSay, "Words only", "", doorEnded),
	}
	doors[0].Permanent, doors[1].Terminal, doors[5].Ended = true, &pair, &newest
	doors[3].Connect, doors[4].Connect = connection("127.0.0.1:10300"), connection("0.0.0.0:10301")
	return doors
}

func sampleDoor(change func(*doorPage)) *doorPage {
	d := &doorPage{
		frame: framed("Settings of a door", "doors"), ID: fmt.Sprintf("%032x", 4), Number: "K7QD-2M9X", Source: hearkeep.SourceWyoming, Connect: connection("0.0.0.0:10300"),
		Form: doorForm{Name: "Kitchen", Listen: "0.0.0.0:10300", Allow: "192.168.1.20\n10.0.0.0/8", Relay: "127.0.0.1:10305", Keep: hearkeep.KeepWords, From: "22:00", To: "07:00"},
	}
	change(d)
	return d
}

// samples lists every page empty, ordinary, huge and failing.
func samples() []sample {
	wrong := &problem{"That passphrase is too short.", 422, "At least 12 characters.", hearkeep.Invalid}
	old := at(day0.AddDate(0, -2, 0))
	newest := at(day0)
	groups := []string{"K7QM", "2B9X", "TR4W", "0HJN", "8V3C", "PZ5D", "1YFA", "M6SE", "GQ0R"}
	all := []sample{
		{"setup", "setup", &setupPage{frame: frame{Title: "Set up your keep", Zone: "UTC"}, Link: "abc", MinPassphrase: 12}},
		{"setup-wrong", "setup", &setupPage{frame: frame{Title: "Set up your keep", Zone: "UTC"}, Link: "abc", Given: nasty, MinPassphrase: 12, Problem: wrong}},
		{"kit", "kit", &kitPage{frame: frame{Title: "Your recovery kit", Zone: "UTC"}, First: true, Check: checkForm{"abc", [2]int{2, 9}, "/"}, For: "Anna Lindqvist", Origin: "http://localhost:8484", Made: newest, Groups: groups}},
		{"trust", "trust", &trustPage{frame: frame{Title: "Trust this keep", Zone: "UTC"}, Origin: "https://keep.local:8443", Host: "keep.local", Plain: true,
			Lines: []string{"0C:4B:CC:60:9C:CC:0E:3A", "A7:D4:48:54:9F:B0:BB:A2", "9B:F5:77:57:34:5C:8C:77", "E9:BA:57:1B:3E:6E:33:7B"}, Hash: "0c4bcc609ccc0e3a", Domains: []string{"local", "home.arpa"}, Until: newest}},
		{"signin", "signin", &signInPage{frame: frame{Title: "Sign in", Zone: "UTC"}}},
		{"signin-wrong", "signin", &signInPage{frame: frame{Title: "Sign in", Zone: "UTC"}, Given: nasty, Problem: &problem{"That name and passphrase do not go together.", 401, "Check both.", hearkeep.Unauthorized}}},
		{"kitsignin", "kitsignin", &signInPage{frame: frame{Title: "Use your recovery kit", Zone: "UTC"}}},
		{"kitsignin-wrong", "kitsignin", &signInPage{frame: frame{Title: "Use your recovery kit", Zone: "UTC"}, Given: "Anna", Problem: wrong}},
		{"home-empty", "home", sampleHome(func(h *homePage) {
			h.Days, h.Older = nil, ""
			h.Terminal = terminalView{"./hearkeep pair http://localhost:8484 q3kzv7d4mfa2jx6w5nbtyr8hcp", `./hearkeep say "set a timer for ten minutes"`, at(day0.Add(time.Hour))}
		})},
		{"home", "home", sampleHome(func(h *homePage) {
			h.Timers = []timerView{
				{fmt.Sprintf("%032x", 7), "Timer", "Pasta", "ringing since", due(time.Minute), true, "Stop"},
				{fmt.Sprintf("%032x", 8), "Alarm", "", "rings at", due(17 * time.Hour), false, "Cancel"},
				{fmt.Sprintf("%032x", 9), "Timer", nasty, "paused, 3 min 20 s left", nil, false, "Cancel"},
				{fmt.Sprintf("%032x", 10), "Alarm", "", "missed while Hearkeep was off, at", due(-time.Hour), false, "Dismiss"},
			}
		})},
		{"home-failing", "home", sampleHome(func(h *homePage) { h.Failing = "The disk is full: nothing new is being kept." })},
		{"home-browser-paused", "home", sampleHome(func(h *homePage) { h.Talk.Ready, h.Talk.Door = false, fmt.Sprintf("%032x", 3) })},
		{"home-browser-gone", "home", sampleHome(func(h *homePage) { h.Talk.Ready = false })},
		{"home-vault", "home", sampleHome(func(h *homePage) {
			h.frame, h.Holds, h.From = inVault("Living room", "home"), "Shared with Ben and Carl", nasty
		})},
		{"home-awaits", "home", sampleHome(func(h *homePage) { h.Days, h.Older, h.Awaits = nil, "", sampleAwaits() })},
		{"home-older", "home", sampleHome(func(h *homePage) { h.First, h.Live = false, false })},
		{"home-past-the-end", "home", sampleHome(func(h *homePage) { h.First, h.Live, h.Days, h.Older = false, false, nil, "" })},
		{"live", "live", sampleHome(func(h *homePage) { h.Announce = nasty })},
		{"recording", "recording", sampleRecording(func(*recordingPage) {})},
		{"recording-shared", "recording", sampleRecording(func(r *recordingPage) { r.frame, r.Others = inVault(r.Title, ""), sampleVaults() })},
		{"recording-silent", "recording", sampleRecording(func(r *recordingPage) {
			r.Heard, r.Silent, r.Note, r.Intent, r.Slots, r.Did = "", "Not transcribed", "not transcribed", "", nil, ""
		})},
		{"recording-huge", "recording", sampleRecording(func(r *recordingPage) { r.Heard = strings.Repeat(nasty, 50) })},
		{"recording-damaged", "recording", sampleRecording(func(r *recordingPage) {
			r.Damaged, r.Wave, r.Stages, r.Heard, r.Silent = true, "", nil, "", "Damaged: this cannot be opened any more"
		})},
		{"erase", "erase", &erasePage{framed("Erase this recording?", ""), sampleDays()[0].Rows[2]}},
		{"eraseall", "eraseall", &eraseAllPage{frame: framed("Erase everything", "erase"), Count: 1700, Recordings: countText(1700, "recording"), Speech: "1 h 53 min", Size: "104.1 MB", Oldest: &old}},
		{"eraseall-vault", "eraseall", &eraseAllPage{frame: inVault("Erase everything", "erase"), Of: strings.Repeat("0f", 16), Count: 1, Recordings: "1 recording", Speech: "2.0 s", Size: "40 KB", Oldest: &old}},
		{"eraseall-wrong", "eraseall", &eraseAllPage{frame: framed("Erase everything", "erase"), Count: 1, Recordings: countText(1, "recording"), Speech: "2.0 s", Size: "40 KB", Oldest: &old, Problem: wrong}},
		{"eraseall-empty", "eraseall", &eraseAllPage{frame: framed("Erase everything", "erase")}},
		{"receipt", "receipt", &receiptPage{framed("Erased", ""), strings.Repeat("0f", 16), 1700, "1,700 recordings", newest, 4212, at(day0.AddDate(0, 0, 7)), false, true, "hearkeep.local/4f1c\n4213\nqZ0Xh1n0a0h8mK4t6Zr2C9m0t7Q2m3rJ5k1y8w3b6eM=\n\n— hearkeep.local/4f1c Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"}},
		{"receipt-bare", "receipt", &receiptPage{frame: framed("Erased", ""), Number: strings.Repeat("0f", 16), When: newest, KeysGone: newest}},
		{"receipt-waits", "receipt", &receiptPage{frame: framed("Erased", ""), Number: strings.Repeat("0f", 16), When: newest, KeysGone: newest, KeysWait: true, KeysLater: true}},
		{"kept", "kept", &keptPage{framed("What is kept", "kept"), "1,700 recordings", "104.1 MB", "1 h 53 min", &old, &newest, "90 days", "90 days", "1 day",
			sampleDoors(), "", sampleFrozen()}},
		{"doors", "doors", &doorsPage{frame: framed("Doors", "doors"), Doors: sampleDoors()[:5], Ended: sampleDoors()[5:], Listening: 3, Active: 4, Browser: true}},
		{"doors-vaults", "doors", &doorsPage{frame: inVault("Doors", "doors"), Doors: sampleDoors()[:5], Ended: sampleDoors()[5:], Listening: 3, Active: 4, Browser: true,
			Moved: &movedView{nasty, sampleVaults()[0]}}},
		{"doors-paused", "doors", &doorsPage{frame: framed("Doors", "doors"), Doors: sampleDoors()[2:3]}},
		{"door", "door", sampleDoor(func(*doorPage) {})},
		{"door-new", "door", sampleDoor(func(d *doorPage) {
			d.ID, d.Number, d.Title, d.Connect, d.Form = "", "", "Add a door", nil, doorForm{Listen: "127.0.0.1:10300"}
		})},
		{"door-vaults", "door", sampleDoor(func(d *doorPage) { d.frame, d.Others = inVault(d.Title, "doors"), sampleVaults() })},
		{"door-wrong", "door", sampleDoor(func(d *doorPage) { d.Form.Name, d.Form.Allow, d.Problem = nasty, nasty, wrong })},
		{"door-terminal", "door", sampleDoor(func(d *doorPage) { d.Source, d.Form.Name = hearkeep.SourceSay, "Terminal 2" })},
		{"door-browser", "door", sampleDoor(func(d *doorPage) {
			d.ID, d.Number, d.Title, d.Source, d.Form = "", "", "Add a door", hearkeep.SourceBrowser, doorForm{Name: "Browser"}
		})},
		{"disconnect", "disconnect", &disconnectPage{framed("Disconnect this door?", "doors"), sampleDoors()[3], hearkeep.SourceWyoming}},
		{"disconnect-nasty", "disconnect", &disconnectPage{framed("Disconnect this door?", "doors"), sampleDoors()[5], hearkeep.SourceSay}},
		{"kept-empty", "kept", &keptPage{frame: framed("What is kept", "kept"), Recordings: "0 recordings", Size: "0 bytes", Speech: "0.0 s", Audio: "90 days", Words: "90 days", Turns: "90 days"}},
		{"unkept", "unkept", &unkeptPage{framed("Nothing was kept", ""), "No speech was found in it, so nothing was kept.", "", ""}},
		{"unkept-answered", "unkept", &unkeptPage{framed("Nothing was kept", ""), "The disk is full: nothing new is being kept.", nasty, "Ten minutes, starting now."}},
	}
	all = append(all, accountSamples(wrong, groups)...)
	all = append(all, houseSamples(wrong)...)
	all = append(all, rightsSamples(wrong)...)
	all = append(all, bringSamples()...)
	all = append(all, openedSamples()...)
	all = append(all, sample{"verify", "verify", &verifyPage{framed("Check a receipt", ""), []string{"hearkeep.local/1f0c9a6b5d2e4873+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"}}})
	all = append(all, reportSamples(wrong)...)
	for _, err := range []error{
		errNowhere, errSignIn, errTooLarge(32 << 20), errors.New("a chain"),
		hearkeep.Errorf(hearkeep.Invalid, "%s", nasty).WithHint("%s", nasty),
	} {
		pr := explain(err)
		all = append(all, sample{fmt.Sprintf("problem-%d", pr.Status), "problem", &problemPage{frame{Title: pr.Title, Zone: "UTC"}, pr}})
	}
	return all
}

// TestEveryPageIsWhole draws every sample and checks what a browser and a
// screen reader need of it, and what the content policy forbids.
func TestEveryPageIsWhole(t *testing.T) {
	ps, err := loadPages()
	if err != nil {
		t.Fatal(err)
	}
	drawn := map[string]bool{}
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			var buf bytes.Buffer
			if err := ps.execute(&buf, s.page, s.data); err != nil {
				t.Fatal(err)
			}
			for _, fault := range checkHTML(buf.String(), s.page != "live") {
				t.Error(fault)
			}
			if strings.Contains(buf.String(), "<script>alert") {
				t.Error("speech became markup")
			}
		})
		drawn[s.page] = true
	}
	for name := range ps.byName {
		if !drawn[name] {
			t.Errorf("page %s has no sample", name)
		}
	}
}

func TestCheckHTMLFindsFaults(t *testing.T) {
	for _, bad := range []string{
		`<p id="a"></p><p id="a"></p>`, `<input name="x">`, `<p style="color: red"></p>`, `<style>p{}</style>`,
		`<script>x</script>`, `<a href="/" onclick="x">y</a>`, `<p><b></p>`, `<p>`, `<a href="/"></a>`,
		`<label for="gone">x</label>`, `<p aria-describedby="gone"></p>`, `<img src="https://elsewhere.example/x.png" alt="">`,
		`<audio controls src="/a"></audio>`, `<form action="/x" method="post"></form><form action="//x" method="post"></form>`,
	} {
		if len(checkHTML(bad, false)) == 0 {
			t.Errorf("%s passed", bad)
		}
	}
}

// checkHTML lists what is wrong with a page or, where whole is false, a piece.
func checkHTML(page string, whole bool) (faults []string) {
	c := &htmlCheck{ids: map[string]bool{}, labels: map[string]bool{}, count: map[string]int{}}
	dec := xml.NewDecoder(strings.NewReader(page))
	dec.Strict = false
	dec.Entity = xml.HTMLEntity
	for {
		tok, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return append(c.faults, "does not parse: "+err.Error())
		}
		c.token(tok)
	}
	c.end(whole)
	return c.faults
}

type element struct {
	name  string
	attr  map[string]string
	named bool // it has text, or a label
}

type htmlCheck struct {
	faults []string
	stack  []*element
	ids    map[string]bool
	labels map[string]bool // values of for
	refs   []string        // ids that must be there
	inputs []string        // ids that must be labelled
	count  map[string]int
}

func (c *htmlCheck) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

var (
	voidElements = []string{"meta", "link", "input", "br", "hr", "img"}
	mustBeNamed  = []string{"a", "button", "h1", "h2", "h3", "label", "summary", "title", "audio", "svg", "nav", "legend"}
)

func (c *htmlCheck) token(tok xml.Token) {
	switch tok := tok.(type) {
	case xml.StartElement:
		e := &element{name: tok.Name.Local, attr: map[string]string{}}
		for _, a := range tok.Attr {
			name := a.Name.Local
			if a.Name.Space != "" {
				name = a.Name.Space + ":" + name
			}
			e.attr[name] = a.Value
		}
		c.open(e)
	case xml.EndElement:
		c.close(tok.Name.Local)
	case xml.CharData:
		if strings.TrimSpace(string(tok)) != "" {
			for _, e := range c.stack {
				e.named = true
			}
			if n := len(c.stack); n > 0 && (c.stack[n-1].name == "script" || c.stack[n-1].name == "style") {
				c.fault("inline %s", c.stack[n-1].name)
			}
		}
	}
}

func (c *htmlCheck) open(e *element) {
	c.count[e.name]++
	if e.name == "style" {
		c.fault("a style element")
	}
	for name, value := range e.attr {
		switch {
		case name == "id" && (value == "" || c.ids[value]):
			c.fault("id %q is not unique", value)
		case name == "id":
			c.ids[value] = true
		case name == "for":
			c.labels[value] = true
			c.refs = append(c.refs, value)
		case name == "style" || strings.HasPrefix(name, "on") || strings.HasPrefix(name, "hx-on"):
			c.fault("<%s %s>", e.name, name)
		case name == "aria-labelledby" || name == "aria-describedby" || name == "data-copy" || name == "data-reveal":
			c.refs = append(c.refs, strings.Fields(value)...)
		case name == "src" || name == "href" || name == "action":
			if !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "#") || strings.HasPrefix(value, "//") {
				c.fault("<%s %s=%q> leaves the origin", e.name, name, value)
			}
		}
	}
	if slices.Contains([]string{"input", "textarea", "select"}, e.name) && e.attr["type"] != "hidden" {
		c.inputs = append(c.inputs, e.attr["id"])
	}
	e.named = e.attr["aria-label"] != "" || e.attr["aria-labelledby"] != "" || e.attr["aria-hidden"] == "true"
	if !slices.Contains(voidElements, e.name) {
		c.stack = append(c.stack, e)
	}
}

func (c *htmlCheck) close(name string) {
	n := len(c.stack)
	if slices.Contains(voidElements, name) {
		return // how the decoder ends <input/>
	}
	if n == 0 || c.stack[n-1].name != name {
		c.fault("</%s> closes nothing", name)
		return
	}
	e := c.stack[n-1]
	c.stack = c.stack[:n-1]
	if slices.Contains(mustBeNamed, name) && !e.named {
		c.fault("<%s> without a name", name)
	}
}

func (c *htmlCheck) end(whole bool) {
	for _, e := range c.stack {
		c.fault("<%s> is not closed", e.name)
	}
	for _, id := range c.inputs {
		if id == "" || !c.labels[id] {
			c.fault("input %q has no label", id)
		}
	}
	for _, id := range c.refs {
		if !c.ids[id] {
			c.fault("nothing has the id %q", id)
		}
	}
	if whole && (c.count["h1"] != 1 || c.count["main"] != 1 || c.count["title"] != 1) {
		c.fault("a page has one h1, one main and one title: %v", c.count)
	}
}
