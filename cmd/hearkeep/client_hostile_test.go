package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"unicode"
)

// TestAnswersDoNotSteerTheTerminal: whatever a keep answers, nothing that a
// terminal would obey is printed for people.
func TestAnswersDoNotSteerTheTerminal(t *testing.T) {
	const steer = "x\x1b]0;owned\x07\u009b31m\u202e"
	var refuses atomic.Bool
	keep := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		thing := map[string]any{
			"id": steer, "name": steer, "kind": steer, "as": steer, "source": steer, "keep": steer, "quiet": steer, "trouble": steer,
			"scope": steer, "vault": steer, "token": steer, "agent": steer, "from": steer, "words": steer,
			"turn": map[string]any{"intent": steer, "stages": []any{map[string]any{"stage": steer, "engine": steer}}},
		}
		list := []any{thing}
		answer := map[string]any{"vaults": list, "doors": list, "tokens": list, "sessions": list, "recordings": list}
		for name, value := range thing {
			answer[name] = value
		}
		if refuses.Load() && r.URL.Path != "/v1/vaults" {
			answer = map[string]any{"title": steer, "detail": steer, "code": "invalid", "status": 422}
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
		json.NewEncoder(w).Encode(answer)
	}))
	defer keep.Close()
	config := t.TempDir()
	must(t, writeSecret(filepath.Join(config, "hearkeep", "session.json"), signedIn{URL: keep.URL, Name: "Anna", Session: "hks_x"}))
	for _, line := range []string{
		"vaults", "doors", "doors pause", "tokens", "tokens make name", "sessions", "history", "show x", "erase x --yes",
	} {
		for _, refused := range []bool{false, true} {
			refuses.Store(refused)
			var out bytes.Buffer
			cmd := exec.CommandContext(t.Context(), program, strings.Fields(line)...)
			cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+config)
			cmd.Stdout, cmd.Stderr = &out, &out
			cmd.Run() // refused or not, it prints
			if !strings.Contains(out.String(), "owned") {
				t.Errorf("hearkeep %s does not print what it was told: %s", line, &out)
			}
			if i := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && unicode.In(r, unicode.Cc, unicode.Bidi_Control) }); i >= 0 {
				t.Errorf("hearkeep %s (refused: %t) prints %q", line, refused, out.String()[i:min(i+20, out.Len())])
			}
		}
	}
}
