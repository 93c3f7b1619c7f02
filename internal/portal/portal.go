// Package portal is the door for people and for terminals: server-rendered
// pages, and the few JSON routes that `hearkeep pair` and `hearkeep say` call.
//
// It keeps nothing but the pairing codes that it has shown and that nobody
// has used yet, and which archives are being prepared, in memory. It promises that every route stands in the one
// table of routes.go with who may call it; that what is missing and what is
// somebody else's answer the same bytes; that every page works without
// JavaScript, loads nothing from elsewhere, and is stored nowhere; and that a
// device token reads nothing.
//
// It refuses requests for a host that it was not told of (a name that an
// attacker points at this machine: DNS rebinding), form posts from other
// sites, and bodies over a route's limit. Handlers are given a visit with the
// Room of the open vault already entered. Which one is open is a cookie, and
// opens nothing by itself: a vault is entered for who holds it.
package portal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/act"
	"github.com/hearkeep/hearkeep/internal/hear"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/incident"
	"github.com/hearkeep/hearkeep/internal/incident/papers"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/rights"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// Config is what the portal stands on. All fields are required but Agents,
// Doors, Operator, Settings, Hosts, Ending, Trust, Zone and Now.
type Config struct {
	Identity  *identity.Desk
	Keep      *vault.Keep
	Ear       *hear.Ear
	Act       *act.Desk
	Ledger    Log
	Rights    *rights.Desk
	Incidents *incident.Desk
	Log       *slog.Logger

	// Operator says that there are pages of clocks, counts and cases for whoever
	// runs the keep (/operator).
	Operator bool
	// Settings are what the impact assessment is filled in from; nil where
	// nothing is known of them.
	Settings func(context.Context) (papers.Settings, error)
	// Agents answers agents that ask in somebody's name; nil where none may.
	Agents *rights.Agents
	// Doors listens for doors that others connect to; nil where nothing does.
	Doors Listeners
	// Origin is where people reach the portal, such as http://localhost:8484.
	// Anything but https is accepted for loopback only.
	Origin string
	// Hosts are further values of the Host header to answer, such as
	// "keep.home:8484". A loopback origin answers to every loopback name.
	Hosts []string
	// Ending ends streams of events, which would go on for ever; nil where
	// only their readers end them.
	Ending context.Context
	// Trust is the keep's own certificate authority, for the page /trust; nil
	// where browsers trust the portal's certificate by themselves.
	Trust *Trust
	// Zone is where days begin and end; time.Local where nil.
	Zone *time.Location
	// Now is the clock; time.Now where nil.
	Now func() time.Time
}

// Log is the ledger as its pages read it.
type Log interface {
	// Checkpoint is the newest signed tree head, which a receipt prints: it
	// commits the operator to the receipt's entry.
	Checkpoint(ctx context.Context) ([]byte, error)
	// EntriesOf lists what concerns an account or its vaults, newest first,
	// below a number.
	EntriesOf(ctx context.Context, account hearkeep.AccountID, vaults []hearkeep.VaultID, before int64, limit int) ([]ledger.Recorded, error)
	// Proof is the receipt of one entry, and Check what it shows.
	Proof(ctx context.Context, seq int64) (ledger.Proof, error)
	Check(p ledger.Proof) (ledger.Proven, error)
	// WriteEntries writes what EntriesOf lists, whole, with proofs.
	WriteEntries(ctx context.Context, w io.Writer, account hearkeep.AccountID, vaults []hearkeep.VaultID) error
	// Keys are what receipts are checked with, oldest first.
	Keys() []string
}

// portal is the handler's state. Everything but codes is read-only.
type portal struct {
	Config
	origin *url.URL
	hosts  []string
	pages  *pages
	codes  codes
	seats  *seats // for sound that is in memory
	api    *document

	bringing  *seats // for small recordings of an archive that is brought
	preparing *preparations
	downloads *places
	redeeming *places // codes that are looked up
}

// uploadsAtOnce bounds the memory that uploads take: each is held whole, since
// a temporary file would be speech on the disk in the clear.
const (
	uploadsAtOnce = 6
	uploadsOfOne  = 2 // of one vault
)

// New returns the portal's handler. It fails on a configuration that would
// send cookies in the clear over a network.
func New(c Config) (http.Handler, error) {
	if c.Identity == nil || c.Keep == nil || c.Ear == nil || c.Act == nil || c.Ledger == nil || c.Rights == nil || c.Incidents == nil || c.Log == nil {
		return nil, errors.New("portal: a required part of the configuration is missing")
	}
	origin, err := parseOrigin(c.Origin)
	if err != nil {
		return nil, err
	}
	if c.Zone == nil {
		c.Zone = time.Local
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	pages, err := loadPages()
	if err != nil {
		return nil, err
	}
	p := &portal{
		Config: c,
		origin: origin,
		hosts:  append(hostsOf(origin), c.Hosts...),
		pages:  pages,
		codes:  codes{now: c.Now},
		seats:  newSeats(uploadsAtOnce, uploadsOfOne),

		bringing:  newSeats(bringsAtOnce, bringsOfOne),
		preparing: newPreparations(c.Now),
		downloads: newPlaces(downloadsAtOnce, downloadsOfOne),
		redeeming: newPlaces(redeemsAtOnce, redeemsOfOne),
	}
	rows := p.routes()
	if p.api, err = newDocument(rows); err != nil {
		return nil, err
	}
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.fail(w, r, hearkeep.Errorf(hearkeep.Forbidden, "This form was sent from another site, so nothing was done.").
			WithHint("Open the page here and try again."))
	}))
	return p.guard(crossOrigin.Handler(p.mux(rows))), nil
}

// parseOrigin accepts https, and http for loopback names only.
func parseOrigin(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("portal: %q is not an origin such as http://localhost:8484", s)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return nil, fmt.Errorf("portal: the origin %q must be https, or http on a loopback name", s)
	}
	return u, nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// hostsOf lists the Host headers of an origin. On loopback the names mean the
// same machine, and none of them can be pointed at it by somebody else.
func hostsOf(origin *url.URL) []string {
	hosts := []string{origin.Host}
	if isLoopback(origin.Hostname()) {
		for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
			if port := origin.Port(); port != "" {
				hosts = append(hosts, net.JoinHostPort(name, port))
			} else {
				hosts = append(hosts, strings.TrimSuffix(net.JoinHostPort(name, ""), ":"))
			}
		}
	}
	return hosts
}

// csp lets a page load its own files and nothing else, and run no inline
// script or style. data: is for images only, and blob: for a spoken answer.
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard refuses foreign hosts, and keeps what every answer keeps.
func (p *portal) guard(next http.Handler) http.Handler {
	return p.keepToItself(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.ContainsFunc(p.hosts, func(host string) bool { return strings.EqualFold(host, r.Host) }) {
			p.misdirected(w, r)
			return
		}
		next.ServeHTTP(w, r)
	}))
}

// misdirected answers a request for a foreign host, in text: the pages are
// this origin's.
func (p *portal) misdirected(w http.ResponseWriter, r *http.Request) {
	const title = "Hearkeep does not answer to this name."
	detail := "Open " + p.origin.String() + " instead."
	if strings.HasPrefix(r.URL.Path, "/v1/") {
		tellProblem(w, problem{Title: title, Status: http.StatusMisdirectedRequest, Detail: detail, Code: "misdirected"})
		return
	}
	http.Error(w, title+" "+detail, http.StatusMisdirectedRequest)
}

// keepToItself sets the headers that hold for every answer, and turns a panic
// into a page.
func (p *portal) keepToItself(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", csp)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(self)")
		h.Set("Cache-Control", "no-store") // the files of static.go set their own
		defer func() {
			switch v := recover().(type) {
			case nil:
			case error:
				if errors.Is(v, http.ErrAbortHandler) {
					panic(v)
				}
				p.fail(w, r, fmt.Errorf("portal: panic: %w\n%s", v, debug.Stack()))
			default: // its text could be anything, speech included
				p.fail(w, r, fmt.Errorf("portal: panic: %T\n%s", v, debug.Stack()))
			}
		}()
		next.ServeHTTP(w, r)
	})
}
