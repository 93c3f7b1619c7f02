package portal

import (
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// Whoever asks often must not learn by the time of an answer whether what is
// not theirs is there. 0.5 tells nothing; the standard error of 5,000 against
// 5,000 is 0.006.
const (
	timingSamples = 10_000
	timingLowest  = 0.48
	timingHighest = 0.52
)

// TestTimesAreNotToldApart measures, for every kind of object, how well the
// time of an answer tells what is somebody else's from what is not there: the
// area under the ROC curve of randomly interleaved requests on one connection.
// It is part of `make soak`: a busy machine must not fail a test.
func TestTimesAreNotToldApart(t *testing.T) {
	if !soaks() {
		t.Log("only measured by make soak")
		return
	}
	n := timingSamples
	if s := os.Getenv("HEARKEEP_SAMPLES"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	watch := &stopwatch{rng: rand.New(rand.NewPCG(1, 1))}
	cases := watch.enters(newTown(t))
	for i := range cases {
		if time.Since(watch.w.built) > identity.StepUpLife/2 { // its sessions are fresh for a while only
			cases = watch.enters(newTown(t))
		}
		tc := cases[i]
		t.Run(tc.name, func(t *testing.T) {
			theirs, absent := watch.measure(t, tc, n)
			area, wide := auc(theirs, absent)
			t.Logf("area %.4f, 95 %% %.4f to %.4f; median %v theirs, %v absent; %d requests",
				area, area-wide, area+wide, median(theirs), median(absent), n)
			if area < timingLowest || area > timingHighest {
				t.Error("the times tell them apart")
			}
		})
	}
}

// timedCase is one case: requests for what is somebody else's, and for what never
// was.
type timedCase struct {
	name   string
	theirs func(i int) *http.Request
	absent func(i int) *http.Request
}

// stopwatch measures on one connection.
type stopwatch struct {
	w      *town
	rng    *rand.Rand
	client *http.Client
}

// enters lists the cases of a town.
func (c *stopwatch) enters(w *town) []timedCase {
	w.transport.MaxConnsPerHost = 1
	c.w, c.client = w, w.client()
	return w.timed()
}

func (c *stopwatch) measure(t *testing.T, tc timedCase, n int) (theirs, absent []time.Duration) {
	t.Helper()
	order := make([]bool, n)
	for i := range order {
		order[i] = i%2 == 0
	}
	c.rng.Shuffle(n, func(a, b int) { order[a], order[b] = order[b], order[a] })
	status := 0
	for i := -200; i < n; i++ {
		first := i >= 0 && order[i] || i < 0 && i%2 == 0
		make := tc.absent
		if first {
			make = tc.theirs
		}
		req := make(c.rng.IntN(1 << 30))
		begin := time.Now()
		resp, err := c.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		took := time.Since(begin)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if status == 0 {
			status = resp.StatusCode
		}
		if resp.StatusCode != status || status == http.StatusTooManyRequests {
			t.Fatalf("%s: answers %d and %d", tc.name, status, resp.StatusCode)
		}
		if i < 0 {
			continue
		}
		if first {
			theirs = append(theirs, took)
		} else {
			absent = append(absent, took)
		}
	}
	return theirs, absent
}

// timed lists the cases: Sven, who is signed in, asks for what is Anna's.
func (w *town) timed() []timedCase {
	sven, ctx := w.people["Sven"], w.t.Context()
	request := func(method, path string, header http.Header, form url.Values) *http.Request {
		var body io.Reader
		if form != nil {
			body = strings.NewReader(form.Encode())
		}
		req, err := http.NewRequestWithContext(ctx, method, w.server.URL+path, body)
		w.must(err)
		req.Header = header.Clone()
		if req.Header == nil {
			req.Header = http.Header{}
		}
		if form != nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return req
	}
	ids := func(kind object, vaults ...hearkeep.VaultID) (out []string) {
		for _, o := range w.things {
			if o.kind == kind && o.house == "home" && (len(vaults) == 0 || slices.Contains(vaults, o.vault)) {
				out = append(out, o.id)
			}
		}
		return out
	}
	for range 30 {
		w.recording("Anna", "Anna's", w.people["Anna"].own, 1)
	}
	for i := range w.things {
		if o := &w.things[i]; o.kind == recording && o.vault != w.people["Sven"].own && o.vault != w.vaults["studio"] {
			o.house = "home"
		}
	}
	var all []timedCase
	ask := func(name, method, path string, header http.Header, form url.Values, theirs []string, none func() string) {
		if len(theirs) == 0 {
			w.t.Fatalf("%s: nothing to ask for", name)
		}
		absent := make([]string, len(theirs))
		for i := range absent {
			absent[i] = none()
		}
		from := func(list []string) func(int) *http.Request {
			return func(i int) *http.Request {
				return request(method, strings.ReplaceAll(path, "ID", list[i%len(list)]), header, form)
			}
		}
		all = append(all, timedCase{name, from(theirs), from(absent)})
	}
	never := func() string { return hearkeep.NewID[hearkeep.RecordingID]().String() }
	page, api := cookies(sven.fresh), bears(sessionPrefix+sven.fresh)
	own := "/v1/vaults/" + sven.own.String()
	form := url.Values{"sure": {"yes"}}
	control := make([]string, 30)
	for i := range control {
		control[i] = never()
	}
	ask("control: not there, twice", "GET", "/recordings/ID", page, nil, control, never)
	ask("page of a recording", "GET", "/recordings/ID", page, nil, ids(recording), never)
	ask("its sound", "GET", "/recordings/ID/audio", page, nil, ids(recording), never)
	ask("API: recording, in one's own vault", "GET", own+"/recordings/ID", api, nil, ids(recording), never)
	ask("API: erase a recording", "DELETE", own+"/recordings/ID", api, nil, ids(recording), never)
	var vaults []string
	for name, id := range w.vaults {
		if _, ok := w.holds[sven.account][id]; !ok {
			vaults = append(vaults, w.vaults[name].String())
		}
	}
	ask("API: vault", "GET", "/v1/vaults/ID", api, nil, vaults, never)
	ask("page: receipt", "GET", "/receipts/ID", page, nil, ids(receipt), never)
	ask("page: door", "GET", "/doors/ID", page, nil, ids(binding), never)
	ask("API: timer, ended", "DELETE", own+"/timers/ID", api, nil, ids(timer), never)
	ask("API: token, ended", "DELETE", "/v1/tokens/ID", api, nil, ids(token), never)
	ask("page: session, ended", "POST", "/account/sessions/ID/end", page, form, ids(session), func() string { return never()[:16] })
	ask("page: way in, removed", "POST", "/account/ways/ID/remove", page, form, ids(wayIn), never)
	ask("page: address, removed", "POST", "/account/addresses/ID/remove", page, form, ids(channel), never)
	ask("page: member, removed", "POST", "/household/members/ID/remove", page, form, ids(member), never)
	ask("API: member, removed", "DELETE", "/v1/household/members/ID", api, nil, ids(member), never)
	ask("API: household's door, disconnected", "DELETE", "/v1/household/doors/ID", api, nil, ids(houseDoor), never)
	ask("page: invitation, withdrawn", "POST", "/household/invitations/ID/withdraw", page, form, ids(invitation), never)
	ask("page: holder, removed", "POST", "/sharing/holders/ID/remove", page, form, ids(member), never)

	// Links that were used and wait for a keyholder, and links that never were.
	secret, err := w.room("Ben", w.vaults["shared"]).Invite(ctx, vault.Invitation{As: "holder"})
	w.must(err)
	w.must(w.desk.Accept(ctx, w.as("Mia"), secret))
	link := func() string { return strings.Repeat("A", 10) + secret[10:len(secret)-12] + never()[:12][:11] + "A" }
	ask("an invitation's link, used", "GET", "/join/ID", nil, nil, []string{secret}, link)
	return append(all, w.timedNames(request)...)
}

// timedNames asks with names that somebody has, and that nobody has, each time
// from another network, so that no limit answers.
func (w *town) timedNames(request func(string, string, http.Header, url.Values) *http.Request) []timedCase {
	real := *w.handler.Load()
	var elsewhere http.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-From") != "" {
			r.RemoteAddr = r.Header.Get("X-From")
		}
		real.ServeHTTP(rw, r)
	})
	w.handler.Store(&elsewhere)
	names := []string{"Anna", "Otto", "Mia", "Ben", "Cleo", "Gus", "Kim", "Rex"}
	w.must(w.store.Update(w.t.Context(), func(tx *store.Tx) error {
		for _, name := range names {
			channels, err := tx.Letters.Channels(w.t.Context(), w.people[name].account)
			if err != nil {
				return err
			}
			channels[0].Confirmed = time.Now()
			if err := tx.Letters.SetChannel(w.t.Context(), channels[0]); err != nil {
				return err
			}
		}
		return nil
	}))
	somebody := func(i int) string { return names[i%len(names)] }
	nobody := func(i int) string { return []string{"Enna", "Atto", "Pia", "Ken", "Theo", "Hus", "Tim", "Max"}[i%8] }
	ask := func(name, path string, form func(string) url.Values) timedCase {
		with := func(who func(int) string) func(int) *http.Request {
			return func(i int) *http.Request {
				var from [16]byte
				from[0], from[1] = 0x20, 0x01
				for j := 2; j < 16; j++ {
					from[j] = byte(rand.IntN(256))
				}
				header := http.Header{"X-From": {netip.AddrPortFrom(netip.AddrFrom16(from), 1).String()}}
				return request("POST", path, header, form(who(i)))
			}
		}
		return timedCase{name, with(somebody), with(nobody)}
	}
	return []timedCase{
		ask("sign-in: a name, wrong passphrase", "/sign-in", func(name string) url.Values {
			return url.Values{"name": {name}, "passphrase": {"not the passphrase"}}
		}),
		ask("sign-in: passkeys of a name", "/sign-in/passkey/begin", func(name string) url.Values { return url.Values{"name": {name}} }),
		ask("lost: a name with its address", "/lost", func(name string) url.Values {
			return url.Values{"name": {name}, "address": {w.post.server.URL + "/" + name}}
		}),
		ask("lost: a name with another address", "/lost", func(name string) url.Values {
			return url.Values{"name": {name}, "address": {w.post.server.URL + "/elsewhere"}}
		}),
	}
}

// auc is the area under the ROC curve of two samples: how likely one of a is
// above one of b, ties half. wide is half of its 95 % interval (DeLong 1988).
func auc(a, b []time.Duration) (area, wide float64) {
	above := func(of, than []time.Duration) []float64 {
		sorted := slices.Sorted(slices.Values(than))
		out := make([]float64, len(of))
		for i, x := range of {
			low, _ := slices.BinarySearch(sorted, x)
			high, _ := slices.BinarySearch(sorted, x+1)
			out[i] = (float64(low) + float64(high-low)/2) / float64(len(sorted))
		}
		return out
	}
	mean := func(x []float64) (m, v float64) {
		for _, y := range x {
			m += y / float64(len(x))
		}
		for _, y := range x {
			v += (y - m) * (y - m) / float64(len(x)-1)
		}
		return m, v
	}
	area, va := mean(above(a, b))
	_, vb := mean(above(b, a))
	return area, 1.96 * math.Sqrt(va/float64(len(a))+vb/float64(len(b)))
}

func median(x []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(x))[len(x)/2].Round(time.Microsecond)
}

// TestAUC holds the measure against samples whose areas are known.
func TestAUC(t *testing.T) {
	for _, tc := range []struct {
		a, b []time.Duration
		want float64
	}{
		{[]time.Duration{1, 2, 3}, []time.Duration{1, 2, 3}, 0.5},
		{[]time.Duration{4, 5}, []time.Duration{1, 2, 3}, 1},
		{[]time.Duration{1, 2}, []time.Duration{3, 4}, 0},
		{[]time.Duration{1, 3}, []time.Duration{2, 2}, 0.5},
		{[]time.Duration{2, 3}, []time.Duration{1, 2}, 0.875},
	} {
		if got, _ := auc(tc.a, tc.b); math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("%v against %v: got %v, want %v", tc.a, tc.b, got, tc.want)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	inside := 0
	for range 200 {
		a, b := make([]time.Duration, 300), make([]time.Duration, 300)
		for i := range a {
			a[i], b[i] = time.Duration(rng.IntN(1000)), time.Duration(rng.IntN(1000))
		}
		if area, wide := auc(a, b); math.Abs(area-0.5) < wide {
			inside++
		}
	}
	if inside < 180 {
		t.Errorf("%d of 200 intervals hold 0.5, want about 190", inside)
	}
}
