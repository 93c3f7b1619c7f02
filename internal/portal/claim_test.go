package portal

import (
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/rights"
	"github.com/hearkeep/hearkeep/internal/store"
)

// number is what the page of the person's own door for uploads says.
func (p *person) number() string {
	p.t.Helper()
	_, page := p.get("/doors/" + p.door(hearkeep.SourceUpload).ID.String())
	found := regexp.MustCompile(`href="/claim\?door=([0-9A-Z]{4}-[0-9A-Z]{4})"`).FindStringSubmatch(page)
	if found == nil {
		p.t.Fatalf("the door's page does not say its number: %s", page)
	}
	return found[1]
}

// heardAt is a claim about the last half hour at a door.
func heardAt(number string) url.Values {
	from, to := time.Now().UTC().Add(-30*time.Minute), time.Now().UTC().Add(time.Minute)
	return url.Values{
		"door": {number}, "day": {from.Format(time.DateOnly)}, "from": {from.Format("15:04")}, "to": {to.Format("15:04")},
		"about": {"I said: " + canary}, "reach": {"carl@example.org"},
	}
}

// files makes a claim and returns the path of its page.
func (p *person) files(form url.Values) string {
	p.t.Helper()
	resp, page := p.post("/claim", form)
	to := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusSeeOther || !regexp.MustCompile(`^/claim/[A-Z2-7]{26}$`).MatchString(to) {
		p.t.Fatalf("a claim: %d to %q: %s", resp.StatusCode, to, page)
	}
	return to
}

var toAnswer = regexp.MustCompile(`action="(/claims/[0-9a-f]{32})"`)

// TestClaimsByForms: somebody without an account asks what a device kept of
// them, and those who hold its vault answer, without JavaScript (V12).
func TestClaimsByForms(t *testing.T) {
	for _, c := range []struct {
		how    string
		left   int
		told   string // to the claimant
		listed string // to Anna
	}{
		{rights.AnswerCount, 2, "2 recordings of that time are kept", "They were told how many: 2 recordings."},
		{rights.AnswerErase, 0, "2 recordings of that time were erased, sound and words", "Erased: 2 recordings."},
		{rights.AnswerInvite, 2, "invite you", "They were given an invitation."},
	} {
		t.Run(c.how, func(t *testing.T) {
			h := newHome(t)
			anna, ben, carl := h.person("Anna"), h.person("Ben"), h.stranger()
			anna.speak("good morning")
			anna.speak(canary)
			ben.speak("good evening")
			_, page := carl.get("/help/sign-in")
			want(t, nil, 0, page, `href="/claim"`)
			number := anna.number()
			resp, page := carl.get("/claim?door=" + number)
			want(t, resp, http.StatusOK, page, `value="`+number+`"`, "You need no account")
			path := carl.files(heardAt(strings.ToLower(number)))
			resp, page = carl.get(path)
			want(t, resp, http.StatusOK, page, "to be answered by", "Withdraw it")
			holdsNothing(t, "the claimant's page", page)

			// Anna is shown it, and nobody else.
			_, page = anna.get("/rights")
			want(t, nil, 0, page, "heard them.", `href="/claims"`)
			resp, page = anna.get("/claims")
			want(t, resp, http.StatusOK, page, "2 recordings in that time", number, "carl@example.org", canary)
			to := toAnswer.FindStringSubmatch(page)[1]
			resp, page = ben.get("/claims")
			want(t, resp, http.StatusOK, page, "Nobody waits for an answer")
			_, page = ben.get("/rights")
			if strings.Contains(page, "heard them.") {
				t.Error("Ben is told of a claim about Anna's device")
			}
			form := url.Values{"how": {c.how}, "remark": {"Sorry."}}
			if c.how == rights.AnswerInvite {
				_, page := anna.post("/household/invite", nil)
				form.Set("link", regexp.MustCompile(`http://localhost:\d+/join/[\w-]{43}`).FindString(page))
			}
			theirs, beyond := ben.asks404(to, form), ben.asks404("/claims/"+hearkeep.NewID[hearkeep.ClaimID]().String(), form)
			if theirs != beyond {
				t.Error("another household's claim differs from none")
			}
			if resp, _ := carl.post(to, form); resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("answered by nobody: %d", resp.StatusCode)
			}
			if c.how == rights.AnswerErase {
				resp, page = anna.post(to, form)
				want(t, resp, http.StatusUnprocessableEntity, page, "the box was not ticked", "Nothing was done")
				form.Set("sure", "yes")
			}
			for _, bad := range []url.Values{{}, {"how": {"sound"}}, {"how": {"invite"}, "link": {"https://elsewhere.example/join/x"}}} {
				resp, page = anna.post(to, bad)
				want(t, resp, http.StatusUnprocessableEntity, page, `id="problem"`)
			}
			if anna.count() != 2 || strings.Contains(carl.page(path), "Sorry") {
				t.Fatal("it was answered by what was refused")
			}
			resp, _ = anna.post(to, form)
			wantRedirect(t, resp, "/claims")
			if anna.count() != c.left || ben.count() != 1 {
				t.Errorf("%d of Anna's recordings are left and %d of Ben's, want %d and 1", anna.count(), ben.count(), c.left)
			}
			want(t, nil, 0, anna.page("/claims"), c.listed)
			resp, page = carl.get(path)
			want(t, resp, http.StatusOK, page, c.told, "“Sorry.”")
			holdsNothing(t, "the answer", page)
			if c.how == rights.AnswerInvite {
				link := regexp.MustCompile(`href="(/join/[\w-]{43})"`).FindStringSubmatch(page)
				resp, page = carl.get(link[1])
				want(t, resp, http.StatusOK, page, "You are invited")
			}
			if resp, _ = anna.post(to, form); resp.StatusCode != http.StatusConflict {
				t.Errorf("answered twice: %d", resp.StatusCode)
			}
			if resp, _ = carl.post(path+"/withdraw", nil); resp.StatusCode != http.StatusConflict {
				t.Errorf("withdrawn after the answer: %d", resp.StatusCode)
			}
			h.log.mu.Lock()
			defer h.log.mu.Unlock()
			if strings.Contains(h.log.buf.String(), strings.TrimPrefix(path, "/claim/")) || strings.Contains(h.log.buf.String(), "carl@") {
				t.Error("the log has a claim's link, or how to reach its claimant")
			}
		})
	}
}

func (p *person) page(path string) string {
	p.t.Helper()
	_, page := p.get(path)
	return page
}

// asks404 posts a form to what is not there, and returns the page that says so.
func (p *person) asks404(path string, form url.Values) string {
	p.t.Helper()
	resp, page := p.post(path, form)
	if resp.StatusCode != http.StatusNotFound {
		p.t.Errorf("%s: %d", path, resp.StatusCode)
	}
	return page
}

// holdsNothing checks that a claimant is not told who lives there, nor what
// was said, nor what they had written themselves, which others may see later.
func holdsNothing(t *testing.T, what, page string) {
	t.Helper()
	for _, private := range []string{"Anna", "Ben", "heron", "morning", "carl@", "Uploads", `href="/kept"`} {
		if strings.Contains(page, private) {
			t.Errorf("%s says %q", what, private)
		}
	}
}

// TestClaimTellsNothing: whether a device is known here shows nowhere, before
// the answer or without one; and what is no claim's link is no claim.
func TestClaimTellsNothing(t *testing.T) {
	h := newHome(t)
	anna, carl := h.person("Anna"), h.stranger()
	anna.speak(canary)
	form := heardAt(anna.number())
	form.Set("place", "the hall")
	known := carl.files(form)
	form.Set("door", "0000-0000")
	unknown := carl.files(form)
	form.Set("door", "not a number")
	without := carl.files(form)
	same := func(when string) {
		t.Helper()
		pages := map[string]string{}
		for _, path := range []string{known, unknown, without} {
			resp, page := carl.get(path)
			resp.Header.Del("Date")
			pages[path] = strings.ReplaceAll(page, path, "/claim/SECRET")
			for name, values := range resp.Header {
				pages[path] += "\n" + name + ": " + strings.Join(values, ",")
			}
		}
		for _, path := range []string{unknown, without} {
			if len(pages[path]) != len(pages[known]) || diffLines(pages[known], pages[path]) != "" {
				t.Errorf("%s, a known device differs from another:\n%s", when, diffLines(pages[known], pages[path]))
			}
		}
	}
	same("while it waits")
	if got := strings.Count(anna.page("/claims"), `action="/claims/`); got != 1 {
		t.Errorf("Anna has %d to answer, want the one that names her device", got)
	}
	if err := h.rights.Expire(t.Context(), time.Now().AddDate(0, 2, 0)); err != nil {
		t.Fatal(err)
	}
	same("unanswered")
	want(t, nil, 0, carl.page(known), "not answered in time", "data protection authority")

	secret := strings.TrimPrefix(known, "/claim/")
	other := "A"
	if strings.HasSuffix(secret, other) {
		other = "B"
	}
	for _, end := range []string{"", "/withdraw"} {
		ask := func(secret string) string {
			resp, page := carl.get("/claim/" + secret)
			if end != "" {
				resp, page = carl.post("/claim/"+secret+end, nil)
			}
			if resp.StatusCode != http.StatusNotFound {
				t.Errorf("/claim/%s%s: %d", secret, end, resp.StatusCode)
			}
			return page
		}
		if ask(secret[:25]+other) != ask("nosuchclaim") {
			t.Error("a link that was altered differs from one that never was")
		}
	}
}

// diffLines is what differs, without the order of headers.
func diffLines(a, b string) string {
	sorted := func(s string) map[string]int {
		n := map[string]int{}
		for line := range strings.Lines(s) {
			n[strings.TrimSpace(line)]++
		}
		return n
	}
	return cmp.Diff(sorted(a), sorted(b))
}

// TestClaimForm: what is typed comes back, and one network files ten a day.
func TestClaimForm(t *testing.T) {
	h := newHome(t)
	carl := h.stranger()
	for name, edit := range map[string]func(url.Values){
		"no day": func(f url.Values) { f.Set("day", "") }, "no time": func(f url.Values) { f.Set("from", "noon") },
		"tomorrow": func(f url.Values) { f.Set("day", time.Now().UTC().AddDate(0, 0, 2).Format(time.DateOnly)) },
		"nowhere":  func(f url.Values) { f.Set("door", " ") },
	} {
		form := heardAt("K7QD-2M9X")
		edit(form)
		resp, page := carl.post("/claim", form)
		want(t, resp, http.StatusUnprocessableEntity, page, `role="alert"`, canary, "carl@example.org")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	for range 10 {
		carl.files(heardAt("K7QD-2M9X"))
	}
	resp, page := carl.post("/claim", heardAt("K7QD-2M9X"))
	want(t, resp, http.StatusTooManyRequests, page, "Too many claims came from here today", canary)
}

func TestClaimWindow(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	p := &portal{Config: Config{Zone: berlin}}
	for _, c := range []struct {
		from, to string
		length   time.Duration
	}{{"14:00", "16:00", 2*time.Hour + time.Minute}, {"14:00", "14:00", time.Minute}, {"23:30", "00:30", time.Hour + time.Minute}, {"00:00", "23:59", 24 * time.Hour}, {"", "16:00", 0}, {"14:00", "25:00", 0}} {
		begin, end := p.window(claimForm{Day: "2026-05-03", From: c.from, To: c.to})
		if got := end.Sub(begin); got != c.length || c.length > 0 && begin.UTC().Format("02 15:04") != map[string]string{"14:00": "03 12:00", "23:30": "03 21:30", "00:00": "02 22:00"}[c.from] {
			t.Errorf("%s to %s: %s from %s, want %s", c.from, c.to, got, begin, c.length)
		}
	}
}

func TestNetworkOf(t *testing.T) {
	for addr, want := range map[string]string{"192.0.2.7": "192.0.2.7", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "::1": "::/64"} {
		if got := networkOf(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s files as %s, want %s", addr, got, want)
		}
	}
	if got := networkOf(netip.Addr{}); got == "" {
		t.Error("an address that is not known files as nothing")
	}
}

// TestRequestNamesItsAgent: whoever asks in somebody's name is named to them.
func TestRequestNamesItsAgent(t *testing.T) {
	h := newHome(t)
	anna, ben := h.person("Anna"), h.person("Ben")
	directory, err := rights.OpenDirectory(agentsFile(t, nil, "ONE"))
	if err != nil {
		t.Fatal(err)
	}
	agents, err := rights.NewAgents(rights.AgentsConfig{Desk: h.rights, Directory: directory, Business: "KEEP"})
	if err != nil {
		t.Fatal(err)
	}
	who, one := anna.who(), rights.Request{ID: hearkeep.NewID[hearkeep.RequestID](), Via: hearkeep.ViaAgent}
	p := &portal{}
	via := func() string {
		t.Helper()
		text, err := p.cameBy(t.Context(), &visit{who: who}, one)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if got := via(); got != viaText(hearkeep.ViaAgent) {
		t.Errorf("without a directory: %q", got)
	}
	p.Agents = agents
	if got := via(); got != viaText(hearkeep.ViaAgent) {
		t.Errorf("where no agent is known: %q", got)
	}
	err = h.store.Update(t.Context(), func(tx *store.Tx) error {
		return tx.Agents.InsertAgentRequest(t.Context(), store.AgentRequest{
			ID: hearkeep.NewID[hearkeep.AgentRequestID](), Agent: "ONE", Exercise: "access", State: "waiting", Account: who.Account(), Request: one.ID, Received: time.Now(), Due: time.Now(),
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := via(); got != "“Agent ONE”, which speaks for you, made it." {
		t.Errorf("got %q", got)
	}
	if who = ben.who(); via() != viaText(hearkeep.ViaAgent) {
		t.Error("Ben is told who asked for Anna")
	}
}
