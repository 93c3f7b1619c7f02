package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// hook is a webhook on this machine and how often it was called.
type hook struct {
	*httptest.Server
	calls atomic.Int32
}

func newHook(t *testing.T, answer http.HandlerFunc) *hook {
	h := new(hook)
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.calls.Add(1)
		answer(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) host() string { return h.Listener.Addr().String() }

func (h *hook) port() string {
	_, port, _ := net.SplitHostPort(h.host())
	return port
}

// deskFor lets webhooks go to some hosts inside.
func deskFor(t *testing.T, inside ...string) *Desk {
	t.Helper()
	d, err := New(Config{Origin: "https://keep.local:8443", WebhookHosts: inside})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func toHook(address string) letter {
	l := aLetter()
	l.Kind, l.Address = Webhook, address
	return l
}

func TestWebhook(t *testing.T) {
	var got *http.Request
	var body []byte
	h := newHook(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusNoContent)
	})
	l := toHook("http://" + h.host() + "/T0/secret?x=1")
	if err := deskFor(t, h.host()).post(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	if got.Method != http.MethodPost || got.URL.String() != "/T0/secret?x=1" || got.Header.Get("Content-Type") != "application/json" || got.Header.Get("Cookie") != "" {
		t.Errorf("got %s %s %v", got.Method, got.URL, got.Header)
	}
	var read map[string]any
	if err := json.Unmarshal(body, &read); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"topic": l.Topic, "subject": l.Subject, "text": l.Text, "at": "2026-11-22T10:00:00Z", "id": l.ID}
	if diff := cmp.Diff(want, read); diff != "" {
		t.Error(diff)
	}
}

func TestWebhookRefused(t *testing.T) {
	for _, c := range []struct {
		status  int
		want    string
		forGood bool
	}{
		{http.StatusOK, "", false},
		{http.StatusAccepted, "", false},
		{http.StatusNotModified, "the answer was 304", false},
		{http.StatusNotFound, "the answer was 404", false},
		{http.StatusGone, "the answer was 410", true},
		{http.StatusTooManyRequests, "the answer was 429", false},
		{http.StatusInternalServerError, "the answer was 500", false},
	} {
		h := newHook(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(c.status)
			fmt.Fprint(w, "secret@example.org")
		})
		err := deskFor(t, h.host()).post(t.Context(), toHook(h.URL+"/secret"))
		var why refusal
		if errors.As(err, &why); err == nil && c.want != "" || err != nil && (err.Error() != c.want || why.forGood != c.forGood) {
			t.Errorf("%d: got %v (for good: %v), want %q", c.status, err, why.forGood, c.want)
		}
	}
	t.Run("redirects", func(t *testing.T) {
		inside := newHook(t, func(http.ResponseWriter, *http.Request) {})
		for _, status := range []int{301, 302, 303, 307, 308} {
			h := newHook(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, inside.URL, status) })
			err := deskFor(t, h.host(), inside.host()).post(t.Context(), toHook(h.URL))
			if err == nil || err.Error() != fmt.Sprintf("the answer was %d", status) {
				t.Errorf("got %v, want %d", err, status)
			}
		}
		if n := inside.calls.Load(); n != 0 {
			t.Errorf("%d redirects were followed", n)
		}
	})
	t.Run("hangs", func(t *testing.T) {
		over := make(chan struct{})
		h := newHook(t, func(_ http.ResponseWriter, r *http.Request) { <-over })
		defer close(over)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		err := deskFor(t, h.host()).post(ctx, toHook(h.URL+"/secret"))
		if err == nil || err.Error() != errSlow.Error() {
			t.Errorf("got %v, want %v", err, errSlow)
		}
	})
	t.Run("a body without end", func(t *testing.T) {
		h := newHook(t, func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		})
		if err := deskFor(t, h.host()).post(t.Context(), toHook(h.URL)); err != nil {
			t.Errorf("got %v: it had answered 200", err)
		}
	})
	t.Run("headers without end", func(t *testing.T) {
		h := newHook(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X", string(make([]byte, 2*maxHeaders)))
		})
		if err := deskFor(t, h.host()).post(t.Context(), toHook(h.URL)); err == nil {
			t.Error("they were read")
		}
	})
	t.Run("a certificate of nobody's", func(t *testing.T) {
		h := httptest.NewUnstartedServer(http.NotFoundHandler())
		h.Config.ErrorLog = quietLog()
		h.StartTLS()
		defer h.Close()
		err := deskFor(t, h.Listener.Addr().String()).post(t.Context(), toHook(h.URL+"/secret"))
		if err == nil || err.Error() != errTLS.Error() {
			t.Errorf("got %v, want %v", err, errTLS)
		}
	})
	t.Run("no longer named", func(t *testing.T) {
		h := newHook(t, func(http.ResponseWriter, *http.Request) {})
		if err := deskFor(t).post(t.Context(), toHook(h.URL)); err == nil || err.Error() != errInside.Error() || h.calls.Load() != 0 {
			t.Errorf("got %v, %d calls", err, h.calls.Load())
		}
	})
}

// names is a DNS server that answers for every name: the first questions with
// one address each, and all later ones with the last.
func names(t *testing.T, ips ...string) (*net.Resolver, *atomic.Int32) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := new(atomic.Int32)
	s := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		ip := netip.MustParseAddr(ips[min(int(asked.Load()), len(ips)-1)])
		head := dns.RR_Header{Name: q.Question[0].Name, Class: dns.ClassINET}
		switch t := q.Question[0].Qtype; {
		case t == dns.TypeA && ip.Is4():
			head.Rrtype = t
			m.Answer = append(m.Answer, &dns.A{Hdr: head, A: ip.AsSlice()})
			asked.Add(1)
		case t == dns.TypeAAAA && ip.Is6():
			head.Rrtype = t
			m.Answer = append(m.Answer, &dns.AAAA{Hdr: head, AAAA: ip.AsSlice()})
			asked.Add(1)
		}
		w.WriteMsg(m)
	})}
	ready := make(chan struct{})
	s.NotifyStartedFunc = func() { close(ready) }
	go s.ActivateAndServe()
	<-ready
	t.Cleanup(func() { s.Shutdown() })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}, asked
}

// A webhook's name that leads inside reaches nothing, whatever it meant when
// it was looked at first.
func TestWebhookInside(t *testing.T) {
	h := newHook(t, func(http.ResponseWriter, *http.Request) {})
	for _, ip := range []string{"127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.1.1", "0.0.0.0", "::1", "fd00::1", "fe80::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"} {
		resolver, _ := names(t, ip)
		d := deskFor(t)
		d.hooks = hookClient(dialer{inside: d.inside, own: ownNetworks, resolver: resolver})
		err := d.post(t.Context(), toHook("https://hooks.example.org:"+h.port()+"/secret"))
		if err == nil || err.Error() != errInside.Error() {
			t.Errorf("%s: got %v, want %v", ip, err, errInside)
		}
	}

	resolver, asked := names(t, "1.1.1.1", "127.0.0.1") // the first for whoever looks, the second for who calls
	first, err := resolver.LookupNetIP(t.Context(), "ip4", "hooks.example.org")
	if err != nil || internal(first[0]) {
		t.Fatalf("got %v, %v", first, err)
	}
	d := deskFor(t)
	d.hooks = hookClient(dialer{inside: d.inside, own: ownNetworks, resolver: resolver})
	if err := d.post(t.Context(), toHook("https://hooks.example.org:"+h.port())); err == nil || err.Error() != errInside.Error() || asked.Load() < 2 {
		t.Errorf("rebound: got %v, %d questions, want %v", err, asked.Load(), errInside)
	}

	d = deskFor(t, "hooks.example.org") // the twin: named by the operator, it may
	d.hooks = hookClient(dialer{inside: d.inside, own: ownNetworks, resolver: resolver})
	if err := d.post(t.Context(), toHook("http://hooks.example.org:"+h.port())); err != nil || h.calls.Load() != 1 {
		t.Errorf("named: got %v, %d calls", err, h.calls.Load())
	}
	if err := d.post(t.Context(), toHook("https://other.example.org:"+h.port())); err == nil || err.Error() != errInside.Error() {
		t.Errorf("another name of the same machine: got %v", err)
	}
}

// The neighbours of a home with IPv6 have public addresses.
func TestWebhookNeighbours(t *testing.T) {
	own := []netip.Prefix{netip.MustParsePrefix("2a00:1450:4001::/64"), netip.MustParsePrefix("1.2.3.0/24")}
	for to, want := range map[string]error{
		"[2a00:1450:4001::5]:443":   errInside,
		"[2a00:1450:4001:1::5]:443": nil,
		"1.2.3.9:443":               errInside,
		"[::ffff:1.2.3.9]:443":      errInside,
		"1.2.4.9:443":               nil,
		"no address":                errInside,
	} {
		if got := outside(to, own); got != want {
			t.Errorf("%s: got %v, want %v", to, got, want)
		}
	}
	d := dialer{own: func() ([]netip.Prefix, error) { return nil, errors.New("nobody knows") }}
	if _, err := d.dial(t.Context(), "tcp", "1.1.1.1:443"); err == nil {
		t.Error("it dialled without knowing what is inside")
	}
	if own, err := ownNetworks(); err != nil || len(own) == 0 {
		t.Errorf("got %v, %v", own, err)
	}
}

// A proxy in the environment would be asked to look inside for us.
func TestWebhookProxy(t *testing.T) {
	proxy := newHook(t, func(http.ResponseWriter, *http.Request) {})
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("HTTPS_PROXY", proxy.URL)
	transport := deskFor(t).hooks.Transport.(*http.Transport)
	if transport.Proxy != nil {
		u, err := transport.Proxy(&http.Request{URL: &url.URL{Scheme: "https", Host: "example.org"}})
		t.Errorf("got proxy %v, %v", u, err)
	}
}

func noContent(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
