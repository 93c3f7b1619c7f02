package notify

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
)

// Caller posts JSON to addresses that others named, as webhooks are called:
// over https to the public internet or, where the operator named the host, to
// one inside. It follows no redirect, goes through no proxy, keeps no cookie,
// and throws answers away. It may be used concurrently.
type Caller struct {
	inside hosts
	client *http.Client
}

// NewCaller returns a Caller. inside are the hosts, "name" or "name:port",
// that may lie inside the network and be called without TLS.
func NewCaller(inside []string) (*Caller, error) {
	h, err := parseHosts(inside)
	if err != nil {
		return nil, err
	}
	return &Caller{h, hookClient(dialer{inside: h, own: ownNetworks})}, nil
}

// Check returns an address in its one spelling, or fails with Invalid where it
// may not be called. What its name leads to is looked at when it is called.
func (c *Caller) Check(address string) (string, error) { return c.inside.checkWebhook(address) }

// Post calls an address. Any 2xx is taken for an answer. Its errors name no
// address.
func (c *Caller) Post(ctx context.Context, address string, body []byte) error {
	address, err := c.Check(address) // the operator may have named other hosts since
	if err != nil {
		return refusal{why: errInside}
	}
	return call(ctx, c.client, address, body)
}

// call posts JSON.
func call(ctx context.Context, client *http.Client, address string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return refusal{why: errors.New("the address cannot be called")}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Hearkeep")
	answer, err := client.Do(r)
	if err != nil {
		return refusal{why: reason(err)}
	}
	defer answer.Body.Close()
	io.CopyN(io.Discard, answer.Body, maxAnswer) // it has answered: what follows is of no interest
	switch {
	case answer.StatusCode >= 200 && answer.StatusCode < 300:
		return nil
	case answer.StatusCode == http.StatusGone:
		return refusal{code: answer.StatusCode, forGood: true}
	}
	return refusal{code: answer.StatusCode}
}
