package portal

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// placeOf is the network that the breach desk takes for one place: a /24 of
// IPv4, a /48 of IPv6. Room incident keeps a mark of it and not its name.
func placeOf(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	bits := 48
	switch {
	case !a.IsValid():
		return ""
	case a.IsLoopback():
		return "loopback"
	case a.Is4():
		bits = 24
	}
	return netip.PrefixFrom(a, bits).Masked().String()
}

// from is from where somebody comes who is signed in.
func (p *portal) from(r *http.Request, account hearkeep.AccountID) incident.From {
	v := p.visitor(r)
	return incident.From{Network: placeOf(v.Addr), Browser: p.Identity.Browser(account, v.Known)}
}

// usedBy notes from where an account is used. That it fails keeps nobody out.
func (p *portal) usedBy(r *http.Request, account hearkeep.AccountID) {
	if err := p.Incidents.Seen(r.Context(), account, p.from(r, account)); err != nil && r.Context().Err() == nil {
		p.Log.Error("where an account is used was not noted", "account", account, "err", err)
	}
}

// fetchedBy tells the breach desk that an archive begins to leave. That it
// fails does not stop what was asked for: the ledger and the letters say it.
func (p *portal) fetchedBy(r *http.Request, d download) {
	from := p.from(r, d.account)
	if d.coded { // whoever has the code need not be whose browser this is
		from.Browser = ""
	}
	if err := p.Incidents.Fetched(context.WithoutCancel(r.Context()), d.account, d.ID, from); err != nil {
		p.Log.Error("from where an archive is fetched was not looked at", "archive", d.ID, "err", err)
	}
}

// heardAt tells the breach desk from where a device showed its token.
func (p *portal) heardAt(r *http.Request, in *vault.Inbox) {
	from := p.visitor(r).Addr.Unmap()
	err := p.Incidents.HeardToken(context.WithoutCancel(r.Context()), in.Vault(), in.Binding(), placeOf(from), from.Is6())
	if err != nil {
		p.Log.Error("from where a device speaks was not looked at", "binding", in.Binding(), "err", err)
	}
}
