package portal

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// codes remembers the pairing code that each session was shown, until it is
// used or its time is over, so that a reload shows the same line. They are in
// memory only; a restart asks for a new one. The zero value with a clock is
// ready, and may be used concurrently.
type codes struct {
	now   func() time.Time
	mu    sync.Mutex
	shown map[[32]byte]shownCode // by SHA-256 of the session's cookie
}

type shownCode struct {
	code    string
	binding hearkeep.BindingID
	vault   hearkeep.VaultID // the binding's
	expires time.Time
}

// put remembers a code and drops those that are over.
func (c *codes) put(cookie string, made shownCode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shown == nil {
		c.shown = map[[32]byte]shownCode{}
	}
	for k, s := range c.shown {
		if !c.now().Before(s.expires) {
			delete(c.shown, k)
		}
	}
	c.shown[sha256.Sum256([]byte(cookie))] = made
}

// get returns a session's code; ok is false where none is in force.
func (c *codes) get(cookie string) (s shownCode, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok = c.shown[sha256.Sum256([]byte(cookie))]
	return s, ok && c.now().Before(s.expires)
}

// moved goes on showing a session's code under the session's new cookie.
func (c *codes) moved(from, to string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, ok := c.shown[sha256.Sum256([]byte(from))]; ok {
		delete(c.shown, sha256.Sum256([]byte(from)))
		c.shown[sha256.Sum256([]byte(to))] = s
	}
}

func (c *codes) forget(cookie string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.shown, sha256.Sum256([]byte(cookie)))
}

// used drops a code, whichever session was shown it.
func (c *codes) used(code string) {
	c.drop(func(s shownCode) bool { return s.code == code })
}

// unbound drops the codes of a door that is no more.
func (c *codes) unbound(id hearkeep.BindingID) {
	c.drop(func(s shownCode) bool { return s.binding == id })
}

func (c *codes) drop(which func(shownCode) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.shown, func(_ [32]byte, s shownCode) bool { return which(s) })
}

// terminalView is the line to paste, or the wish for one.
type terminalView struct {
	Pair  string // empty where no code is in force
	Say   string
	Until clock
}

// shownCode is the code that a visit is shown: one of the open vault.
func (p *portal) shownCode(v *visit) (shownCode, bool) {
	s, ok := p.codes.get(v.cookie)
	return s, ok && s.vault == v.room.ID()
}

func (p *portal) terminalView(v *visit) terminalView {
	s, ok := p.shownCode(v)
	if !ok {
		return terminalView{}
	}
	return terminalView{
		Pair:  fmt.Sprintf("./hearkeep pair %s %s", p.origin, s.code),
		Say:   `./hearkeep say "set a timer for ten minutes"`,
		Until: p.clock(s.expires),
	}
}

// pairing makes a terminal's door with a code, where this session is shown no
// code that is in force.
func (p *portal) pairing(ctx context.Context, v *visit) error {
	if _, ok := p.shownCode(v); ok {
		return nil
	}
	bindings, err := v.room.Bindings(ctx)
	if err != nil {
		return err
	}
	door, rule := vault.Door{Name: terminalName(bindings)}, hearkeep.RoomRule{Keep: hearkeep.KeepAll}
	id, err := v.room.Bind(ctx, hearkeep.SourceSay, door, rule)
	if err != nil {
		return err
	}
	return p.pairingOf(ctx, v, id)
}

// terminal makes the line to paste and shows it on the home page.
func (p *portal) terminal(w http.ResponseWriter, r *http.Request, v *visit) error {
	v, err := p.named(w, r, v)
	if err != nil {
		return err
	}
	if err := p.pairing(r.Context(), v); err != nil {
		return err
	}
	http.Redirect(w, r, "/#terminal", http.StatusSeeOther)
	return nil
}

// pair changes a pairing code for a device token. The answer is the only copy.
func (p *portal) pair(w http.ResponseWriter, r *http.Request) error {
	var ask struct {
		Code string `json:"code"`
	}
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&ask); err != nil || ask.Code == "" {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return errTooLarge(tooLarge.Limit)
		}
		return hearkeep.Errorf(hearkeep.Invalid, `A pairing request is {"code": "…"}.`).Because(err)
	}
	token, err := p.Identity.Redeem(r.Context(), ask.Code, p.visitor(r))
	if err != nil {
		return err
	}
	p.codes.used(ask.Code)
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(struct {
		Token string `json:"token"`
	}{token})
}
