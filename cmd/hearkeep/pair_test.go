package main

import (
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// A terminal that is connected to one keep and then to another says so: what
// is said there is heard elsewhere from then on.
func TestPairingElsewhereIsSaid(t *testing.T) {
	h := newHouse(t)
	out, err := exec.Command(program, "setup-link", "--keep", h.keep).CombinedOutput()
	must(t, err)
	link := regexp.MustCompile(`/setup/\w+`).FindString(string(out))
	ben := h.server.browser()
	_, _, err = ben.post(link, url.Values{"name": {"Ben"}, "passphrase": {passphrase}})
	must(t, err)
	_, page, err := ben.get("/")
	must(t, err)
	line := pairLine.FindStringSubmatch(page)
	if line == nil {
		t.Fatal("Ben's page shows no line to paste")
	}
	if said, code := h.run("pair", line[1], line[2]); code != 0 || !strings.Contains(said, "takes the place of another connection") {
		t.Errorf("pairing elsewhere: exit %d, %s", code, said)
	}
	// The same door again is no other.
	_, page, err = ben.get("/doors")
	must(t, err)
	terminal := regexp.MustCompile(`id="n-(\w+)">Terminal`).FindStringSubmatch(page)
	if terminal == nil {
		t.Fatal("Ben's doors show no terminal")
	}
	again := "/doors/" + terminal[1] + "/pair"
	_, page, err = ben.post(again, nil)
	must(t, err)
	if line = pairLine.FindStringSubmatch(page); line == nil {
		t.Fatalf("no new line is shown at %s", again)
	}
	if said, code := h.run("pair", line[1], line[2]); code != 0 || strings.Contains(said, "takes the place") {
		t.Errorf("the same door again: exit %d, %s", code, said)
	}
}
