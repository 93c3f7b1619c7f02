package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestCasesAtTheTerminal files a report as somebody without an account does,
// and goes on with its case in a home that is served without the operator's
// pages: beside the server, and with the server stopped.
func TestCasesAtTheTerminal(t *testing.T) {
	h := newHouse(t)
	d := h.desk(t)
	keep := []string{"--keep", h.keep}
	incident := func(want int, args ...string) string {
		t.Helper()
		return d.run(want, "", append(append([]string{"incident"}, args...), keep...)...)
	}
	if out := incident(0); out != "There are no cases.\n" {
		t.Errorf("at first: %s", out)
	}
	d.run(0, "Anna\n"+passphrase+"\n", "sign-in", h.url)
	for range 2 {
		h.speak(t, "what time is it")
	}
	d.run(0, "", "rights", "archive", "--out", "mine.zip")
	archive := regexp.MustCompile(`archive ([0-9a-f]{32})`).FindStringSubmatch(d.run(0, "", "archive", "verify", "mine.zip"))
	if archive == nil {
		t.Fatal("the archive has no id")
	}
	const canary = "marzipan submarine"
	status, page, err := h.server.browser().post("/report", url.Values{"about": {canary}, "evidence": {archive[1]}})
	if err != nil || status != http.StatusOK {
		t.Fatalf("report: %d, %v\n%s", status, err, page)
	}

	var told incidentTold
	must(t, json.Unmarshal([]byte(incident(0, "list", "--json")), &told))
	if len(told.Cases) != 1 {
		t.Fatalf("got cases %+v, want one", told.Cases)
	}
	c := told.Cases[0]
	if c.State != "open" || c.People != 1 || c.Items != 2 || c.Reports != 1 || c.TellBy.IsZero() {
		t.Errorf("got %+v", c)
	}
	id := c.ID.String()
	if out := incident(0); !strings.Contains(out, id) || !strings.Contains(out, "71h") {
		t.Errorf("list: %s", out)
	}
	out := incident(0, "show", id[:6])
	for _, want := range []string{"CASE", id, "archive " + archive[1], "handed over", "1-2", "not yet", "acknowledged", "frozen", "1 person, 2 recordings"} {
		if !strings.Contains(out, want) {
			t.Errorf("show does not say %q:\n%s", want, out)
		}
	}
	for _, refused := range [][]string{
		{"show", strings.Repeat("0f", 16)}, {"show", "zz"}, {"hold", id, "--reasons", " "}, {"close", id, "--conclusion", "Nothing."},
	} {
		if out := incident(1, refused...); !strings.Contains(out, "error") {
			t.Errorf("%v: %s", refused, out)
		}
	}
	incident(2, "close", id)
	incident(2, "decide", id, "perhaps", "--reasons", "none")

	if out := incident(0, "hold", id, "--reasons", canary); !strings.Contains(out, "held") || strings.Contains(out, "people are told") {
		t.Errorf("held: %s", out)
	}
	if out := incident(1, "close", id, "--conclusion", "Nothing."); !strings.Contains(out, "not decided") {
		t.Errorf("closed before it was decided: %s", out)
	}
	if out := incident(0, "tell", id); strings.Contains(out, "not yet") || !strings.Contains(out, "told") {
		t.Errorf("told: %s", out)
	}
	if out := incident(1, "tell", id); !strings.Contains(out, "error") {
		t.Errorf("told twice: %s", out)
	}

	must(t, h.stop(syscall.SIGTERM))
	if out := incident(0, "show", id); !strings.Contains(out, "told") {
		t.Errorf("without a server: %s", out)
	}
	incident(0, "decide", id, "no", "--reasons", canary)
	out = incident(0, "close", id, "--conclusion", canary, "--json")
	told = incidentTold{}
	must(t, json.Unmarshal([]byte(out), &told))
	if c := told.Case; c == nil || c.State != "closed" || c.Closed.IsZero() || c.Notify != "no" {
		t.Errorf("closed: %s", out)
	}
	for _, out := range []string{out, incident(0, "show", id), incident(0, "show", id, "--json"), incident(0, "list", "--json"), h.log()} {
		if strings.Contains(out, canary) || strings.Contains(out, "what time") {
			t.Errorf("it says what somebody wrote:\n%s", out)
		}
	}
	if out := d.run(1, "", "incident", "--keep", filepath.Join(d.dir, "nothing")); !strings.Contains(out, "error") {
		t.Errorf("no keep: %s", out)
	}

	h.restart(t)
	if out := incident(0); !strings.Contains(out, "closed") {
		t.Errorf("served again: %s", out)
	}
}

// TestIncidentDrill plays the drill as its user does, in both forms.
func TestIncidentDrill(t *testing.T) {
	t.Parallel()
	for _, form := range [][]string{{"--entries", "500"}, {"--entries", "0", "--open"}} {
		d := (&house{server: &server{}}).desk(t)
		d.env = []string{"TMPDIR=" + d.dir}
		var r drillResult
		must(t, json.Unmarshal([]byte(d.run(0, "", append([]string{"incident", "drill", "--json", "--target", "1h", "--out", filepath.Join(d.dir, "out")}, form...)...)), &r))
		if !r.Met || r.Total <= 0 || len(r.Steps) < 10 {
			t.Errorf("%v: got %+v", form, r)
		}
		for _, s := range r.Steps {
			if s.Failed != "" || s.Detail == "" {
				t.Errorf("%v: %+v", form, s)
			}
		}
		for _, left := range []string{"out/notification.html", "out/notification.pdf", "out/letter-*-to-anna@drill.example.eml"} {
			if found, _ := filepath.Glob(filepath.Join(d.dir, left)); len(found) == 0 {
				t.Errorf("%v: no %s", form, left)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(d.dir, "hearkeep-drill-*")); len(left) > 0 {
			t.Errorf("%v: the scratch folder stays: %v", form, left)
		}
	}
	d := (&house{server: &server{}}).desk(t)
	if out := d.run(1, "", "incident", "drill", "--entries", "0", "--target", "1ms"); !strings.Contains(out, "! missed") {
		t.Errorf("a target that was missed: %s", out)
	}
	if out := d.run(1, "", "incident", "drill", "--entries=-1"); !strings.Contains(out, "error") {
		t.Errorf("fewer than no entries: %s", out)
	}
}
