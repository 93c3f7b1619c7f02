package portal

import (
	"context"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
)

// openedIn says which entries, and where to go on.
type openedIn struct {
	Before string `json:"before,omitempty" maxLength:"20" doc:"next of the answer before; absent for the newest"`
	Limit  int    `json:"limit,omitempty" minimum:"1" maximum:"200" doc:"50 where absent"`
	Kind   string `json:"kind,omitempty" maxLength:"20" doc:"opened, left, keys, doors, erased, sign-ins, rights or reports; absent: all"`
	Vault  string `json:"vault,omitempty" maxLength:"40" doc:"One vault of yours alone"`
}

// openedJSON is a page of entries.
type openedJSON struct {
	Entries []entryJSON `json:"entries"`
	Next    string      `json:"next,omitempty" doc:"before of the answer that follows; absent at the end. A page may be empty and still have one"`
}

// entryJSON is an entry of the ledger as whom it concerns may know it.
type entryJSON struct {
	Seq      int64                `json:"seq"`
	At       time.Time            `json:"at"`
	Kind     ledger.Kind          `json:"kind"`
	Expired  bool                 `json:"expired" doc:"Its body is gone after a year: at and kind are all that is known"`
	Purpose  string               `json:"purpose,omitempty"`
	Role     hearkeep.Role        `json:"role,omitempty"`
	Who      string               `json:"who,omitempty" doc:"You, the name of somebody you hold a vault or live with, or what they were"`
	Yours    bool                 `json:"yours" doc:"Your account did it, or it happened to it"`
	Says     string               `json:"says" doc:"What follows who, in plain words"`
	Vault    *hearkeep.VaultID    `json:"vault,omitempty"`
	Door     *hearkeep.BindingID  `json:"door,omitempty"`
	Count    int                  `json:"count,omitempty" doc:"Recordings"`
	Items    []hearkeep.Run       `json:"items,omitempty" doc:"Which ones, as runs of numbers of doors"`
	Receipt  *hearkeep.ReceiptID  `json:"receipt,omitempty"`
	Request  *hearkeep.RequestID  `json:"request,omitempty"`
	Archive  *hearkeep.ArchiveID  `json:"archive,omitempty"`
	Report   *hearkeep.ReportID   `json:"report,omitempty"`
	Incident *hearkeep.IncidentID `json:"incident,omitempty"`
}

func (p *portal) apiOpened(ctx context.Context, c *call, in openedIn) (openedJSON, error) {
	v, err := p.caller(ctx, c)
	if err != nil {
		return openedJSON{}, err
	}
	f, err := p.openedWanted(ctx, v, url.Values{"kind": {in.Kind}, "before": {in.Before}, "vault": {in.Vault}})
	if err != nil {
		return openedJSON{}, err
	}
	if in.Limit > 0 {
		f.limit = min(in.Limit, openedMost)
	}
	found, next, err := p.entries(ctx, v, f)
	if err != nil {
		return openedJSON{}, err
	}
	known, err := p.acquaintances(ctx, v)
	if err != nil {
		return openedJSON{}, err
	}
	out := openedJSON{Entries: make([]entryJSON, 0, len(found))}
	if next > 0 && next < math.MaxInt64 {
		out.Next = strconv.FormatInt(next, 10)
	}
	for _, e := range found {
		out.Entries = append(out.Entries, known.json(e))
	}
	return out, nil
}

// json is an entry without what is another's: which account, and which session
// of it, is told of its own alone.
func (a *acquainted) json(e ledger.Recorded) entryJSON {
	if e.Expired {
		return entryJSON{Seq: e.Seq, At: e.At.UTC(), Kind: e.Kind, Expired: true, Says: strings.TrimRight(saysAnyhow(e.Kind), ":,") + "."}
	}
	who, what, yours := a.sentence(e.Entry)
	return entryJSON{
		Seq: e.Seq, At: e.At.UTC(), Kind: e.Kind, Purpose: e.Purpose, Role: e.Role, Who: who, Yours: yours, Says: what,
		Vault: e.Vault, Door: e.Binding, Count: e.Count, Items: e.Items,
		Receipt: e.Receipt, Request: e.Request, Archive: e.Archive, Report: e.Report, Incident: e.Incident,
	}
}

// caller is the visit of a person who calls the API about all their vaults:
// the first one is open.
func (p *portal) caller(ctx context.Context, c *call) (*visit, error) {
	return p.enter(ctx, c.who, c.session, hearkeep.VaultID{})
}
