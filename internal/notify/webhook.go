package notify

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/hearkeep/hearkeep"
)

// Bounds of a webhook's call.
const (
	hookLife   = 10 * time.Second
	maxAnswer  = 4 << 10 // of an answer's body, which is thrown away
	maxHeaders = 16 << 10
)

// posted is the body of a webhook's call.
type posted struct {
	Topic   string    `json:"topic"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	At      time.Time `json:"at"` // when it was queued, in UTC
	ID      string    `json:"id"` // stays when a letter is tried again

	Language hearkeep.Language `json:"language,omitempty"` // of subject and text; empty is English
}

// hookClient follows no redirects, keeps no connections and cookies, and goes
// through no proxy: each would lead past the dialer's look at the address.
func hookClient(d dialer) *http.Client {
	return &http.Client{
		Timeout: hookLife,
		Transport: &http.Transport{
			DialContext:            d.dial,
			DisableKeepAlives:      true,
			ForceAttemptHTTP2:      false,
			MaxResponseHeaderBytes: maxHeaders,
			TLSHandshakeTimeout:    hookLife,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dialer connects to webhooks. It looks at the very address that it is about
// to connect to, so that a name which meant another a moment ago gains nothing.
type dialer struct {
	inside   hosts
	own      func() ([]netip.Prefix, error)
	resolver *net.Resolver // nil is the machine's
}

func (d dialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	dial := net.Dialer{Resolver: d.resolver}
	if !d.inside.holds(host, port) {
		own, err := d.own()
		if err != nil {
			return nil, err // nobody knows what is inside
		}
		dial.Control = func(_, to string, _ syscall.RawConn) error { return outside(to, own) }
	}
	return dial.DialContext(ctx, network, addr)
}

// outside fails where an address is internal or in one of the own networks.
func outside(to string, own []netip.Prefix) error {
	at, err := netip.ParseAddrPort(to)
	if err != nil || internal(at.Addr()) {
		return errInside
	}
	for _, p := range own {
		if p.Contains(at.Addr().Unmap()) {
			return errInside
		}
	}
	return nil
}

// post gives a letter to its webhook. Any 2xx is taken for an answer.
func (d *Desk) post(ctx context.Context, l letter) error {
	address, err := d.inside.checkWebhook(l.Address) // the operator may have named other hosts since
	if err != nil {
		return refusal{why: errInside}
	}
	body, err := json.Marshal(posted{Topic: l.Topic, Subject: l.Subject, Text: l.Text, At: l.At, ID: l.ID, Language: l.Language})
	if err != nil {
		return refusal{why: errors.New("the letter cannot be written")}
	}
	return call(ctx, d.hooks, address, body)
}
