package portal

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hearkeep/hearkeep"
)

func TestOriginsThatAreTaken(t *testing.T) {
	for _, tc := range []struct {
		origin string
		hosts  string // empty where it is refused
	}{
		{"http://localhost:8484", "localhost:8484 localhost:8484 127.0.0.1:8484 [::1]:8484"},
		{"http://127.0.0.1", "127.0.0.1 localhost 127.0.0.1 [::1]"},
		{"http://[::1]:80", "[::1]:80 localhost:80 127.0.0.1:80 [::1]:80"},
		{"https://keep.example", "keep.example"},
		{"https://localhost", "localhost localhost 127.0.0.1 [::1]"},
		{"http://keep.example", ""}, {"http://192.168.1.5:8484", ""}, {"http://localhost.evil.example", ""},
		{"ftp://localhost", ""}, {"localhost:8484", ""}, {"", ""}, {"https://a.example/path", ""},
		{"https://user@a.example", ""}, {"https://a.example?x", ""}, {"https://a.example#x", ""},
	} {
		u, err := parseOrigin(tc.origin)
		if (err == nil) != (tc.hosts != "") {
			t.Errorf("%q: %v", tc.origin, err)
			continue
		}
		if err != nil {
			continue
		}
		if got := strings.Join(hostsOf(u), " "); got != tc.hosts {
			t.Errorf("%q answers to %q, want %q", tc.origin, got, tc.hosts)
		}
	}
}

func TestCookies(t *testing.T) {
	for _, tc := range []struct {
		origin, name string
		secure       bool
	}{{"https://keep.example", "__Host-hearkeep", true}, {"http://localhost:8484", "hearkeep", false}} {
		u, err := url.Parse(tc.origin)
		if err != nil {
			t.Fatal(err)
		}
		p := &portal{Config: Config{Now: time.Now}, origin: u}
		w := httptest.NewRecorder()
		p.setCookie(w, "hearkeep", "secret", time.Now().Add(time.Hour))
		p.setCookie(w, "hearkeep", "", time.Time{})
		set := w.Result().Cookies()
		for _, c := range set {
			if c.Name != tc.name || c.Secure != tc.secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
				t.Errorf("%s: %s", tc.origin, c)
			}
		}
		if set[0].MaxAge <= 0 || set[1].MaxAge >= 0 {
			t.Errorf("%s: a cookie lives %d s, an ended one %d s", tc.origin, set[0].MaxAge, set[1].MaxAge)
		}
	}
}

// TestFailTellsPeopleNoChain: what went wrong inside is for the operator, who
// is told the route and not the address.
func TestFailTellsPeopleNoChain(t *testing.T) {
	ps, err := loadPages()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	p := &portal{Config: Config{Log: slog.New(slog.NewTextHandler(&log, nil)), Now: time.Now, Zone: time.UTC}, pages: ps, hosts: []string{"example.com"}}
	p.origin, _ = url.Parse("https://example.com")
	for name, h := range map[string]func(w http.ResponseWriter, r *http.Request){
		"an error": func(w http.ResponseWriter, r *http.Request) {
			r.Pattern = "GET /setup/{secret}"
			p.fail(w, r, errors.New("chain-of-ids"))
		},
		"a panic with an error": func(http.ResponseWriter, *http.Request) { panic(errors.New("chain-of-ids")) },
		"a panic with a text":   func(http.ResponseWriter, *http.Request) { panic("spoken words") },
	} {
		for _, accept := range []string{"text/html", "application/json"} {
			r := httptest.NewRequest("GET", "/setup/thesecret", nil)
			r.Header.Set("Accept", accept)
			w := httptest.NewRecorder()
			p.guard(http.HandlerFunc(h)).ServeHTTP(w, r)
			body, _ := io.ReadAll(w.Body)
			if w.Code != http.StatusInternalServerError || !strings.Contains(string(body), "Something failed on our side.") {
				t.Errorf("%s: %d %s", name, w.Code, body)
			}
			for _, private := range []string{"chain-of-ids", "spoken words", "goroutine"} {
				if strings.Contains(string(body), private) {
					t.Errorf("%s: the page says %q", name, private)
				}
			}
		}
	}
	if got := log.String(); !strings.Contains(got, "chain-of-ids") || strings.Contains(got, "thesecret") || strings.Contains(got, "spoken words") {
		t.Errorf("the log says %s", got)
	}
}

func TestCodesAreShownUntilUsedOrOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := codes{now: time.Now}
		door := hearkeep.NewID[hearkeep.BindingID]()
		c.put("anna", shownCode{"one", door, hearkeep.VaultID{}, time.Now().Add(time.Hour)})
		c.put("ben", shownCode{"two", hearkeep.NewID[hearkeep.BindingID](), hearkeep.VaultID{}, time.Now().Add(time.Hour)})
		if s, ok := c.get("anna"); !ok || s.code != "one" {
			t.Errorf("anna is shown %q, %t", s.code, ok)
		}
		if _, ok := c.get("eve"); ok {
			t.Error("a session that made no code is shown one")
		}
		c.used("one")
		if _, ok := c.get("anna"); ok {
			t.Error("a used code is shown")
		}
		time.Sleep(time.Hour)
		if _, ok := c.get("ben"); ok {
			t.Error("a code is shown after its hour")
		}
		c.put("eve", shownCode{"three", door, hearkeep.VaultID{}, time.Now().Add(time.Hour)})
		if len(c.shown) != 1 {
			t.Errorf("%d codes are remembered, want 1", len(c.shown))
		}
		c.forget("eve")
		if _, ok := c.get("eve"); ok {
			t.Error("a code is shown after sign-out")
		}
		c.put("eve", shownCode{"four", door, hearkeep.VaultID{}, time.Now().Add(time.Hour)})
		c.unbound(door)
		if _, ok := c.get("eve"); ok {
			t.Error("a code is shown after its door is no more")
		}
	})
}

func TestTextsForPeople(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{lengthText(840 * time.Millisecond), "0.8 s"}, {lengthText(12400 * time.Millisecond), "12 s"},
		{lengthText(65 * time.Second), "1 min 5 s"}, {lengthText(59900 * time.Millisecond), "1 min 0 s"},
		{lengthText(9970 * time.Millisecond), "10 s"}, {lengthText(113 * time.Minute), "1 h 53 min"},
		{lengthText(time.Hour - time.Millisecond), "1 h 0 min"},
		{tookText(1234 * time.Microsecond), "1.2 ms"}, {tookText(2 * time.Second), "2.00 s"}, {tookText(900 * time.Nanosecond), "under 0.1 ms"},
		{spanText(90 * 24 * time.Hour), "90 days"}, {spanText(24 * time.Hour), "1 day"}, {spanText(36 * time.Hour), "36 hours"},
		{countText(0, "recording"), "0 recordings"}, {countText(1, "recording"), "1 recording"},
		{countText(999, "x"), "999 xs"}, {countText(1700, "x"), "1,700 xs"}, {countText(1234567, "x"), "1,234,567 xs"},
		{sizeText(1), "1 byte"}, {sizeText(40 << 10), "40 KB"}, {sizeText(32 << 20), "32.0 MB"}, {sizeText(3 << 30), "3.0 GB"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %q, want %q", tc.got, tc.want)
		}
	}
}

// TestEveryCodeHasAStatus: a code without one would pass for our own failure.
func TestEveryCodeHasAStatus(t *testing.T) {
	seen := []int{}
	for _, code := range []hearkeep.Code{hearkeep.Invalid, hearkeep.NotFound, hearkeep.Unauthorized, hearkeep.Forbidden,
		hearkeep.Conflict, hearkeep.TooLarge, hearkeep.TooMany, hearkeep.Unavailable, hearkeep.Internal} {
		s := statusOf(code)
		if (s == http.StatusInternalServerError) != (code == hearkeep.Internal) || slices.Contains(seen, s) {
			t.Errorf("code %s answers %d", code, s)
		}
		seen = append(seen, s)
	}
}
