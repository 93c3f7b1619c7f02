package notify

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A Caller reaches the hosts that the operator named, and no other inside;
// where one sends it elsewhere, it does not go.
func TestCaller(t *testing.T) {
	t.Parallel()
	var got []string
	mux := http.NewServeMux()
	mux.HandleFunc("POST /status", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, string(body)+" "+r.Header.Get("Content-Type"))
	})
	mux.HandleFunc("POST /elsewhere", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/status", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("POST /gone", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusGone) })
	server := httptest.NewServer(mux)
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")

	named, err := NewCaller([]string{host})
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewCaller([]string{"127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := named.Post(t.Context(), server.URL+"/status", []byte(`{"n":1}`)); err != nil {
		t.Errorf("a host that was named: got %v, want no error", err)
	}
	for what, err := range map[string]error{
		"a redirect":                   named.Post(t.Context(), server.URL+"/elsewhere", nil),
		"gone":                         named.Post(t.Context(), server.URL+"/gone", nil),
		"a host that was not named":    other.Post(t.Context(), server.URL+"/status", nil),
		"the same over https":          other.Post(t.Context(), "https://"+host+"/status", nil),
		"a name that leads inside":     other.Post(t.Context(), "https://localhost:8443/status", nil),
		"an address of another scheme": named.Post(t.Context(), "file:///etc/passwd", nil),
		"an address with a password":   named.Post(t.Context(), "http://a:b@"+host+"/status", nil),
	} {
		if err == nil {
			t.Errorf("%s: got no error, want a refusal", what)
		} else if strings.Contains(err.Error(), "127.0.0.1") || strings.Contains(err.Error(), "localhost") {
			t.Errorf("%s: the error names the address: %v", what, err)
		}
	}
	if want := `{"n":1} application/json`; len(got) != 1 || got[0] != want {
		t.Errorf("what was received: got %q, want %q once", got, want)
	}
	if _, err := NewCaller([]string{"not a host"}); err == nil {
		t.Error("NewCaller took what is no host")
	}
}
