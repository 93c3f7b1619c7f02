package portal

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/rights"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// zipType is what an archive is.
const zipType = "application/zip"

// apiRightsRoutes: what a person does about their rights from a terminal. No
// program may any of it.
func (p *portal) apiRightsRoutes() []route {
	return []route{
		{method: "GET", pattern: "/v1/requests", on: account, scope: scopePerson, api: answers("Your requests, newest first.", p.apiRequests)},
		{method: "POST", pattern: "/v1/requests", on: account, scope: scopePerson, body: formBytes, api: made("Use a right. Of a kind that is open already, that request comes back.", p.apiAsk)},
		{method: "GET", pattern: "/v1/requests/{id}", on: request, scope: scopePerson, api: answers("One of your requests.", p.apiRequest)},
		{method: "DELETE", pattern: "/v1/requests/{id}", on: request, scope: scopePerson, api: answers("Withdraw a request.", p.apiWithdrawRequest)},
		{method: "POST", pattern: "/v1/requests/{id}/confirm", on: request, scope: scopePerson, api: answers("Make a request that was spoken, or told by an agent, your own.", p.apiConfirmRequest)},
		{method: "POST", pattern: "/v1/requests/{id}/archive", on: request, scope: scopePerson, fresh: true, api: made("Freeze and check an open archive of all that you hold. It is this session’s alone.", p.apiPrepare)},
		{method: "GET", pattern: "/v1/archives/{id}", on: archive, scope: scopePerson, api: sends("An open archive that this session prepared, whole or one range of it.", zipType, p.apiArchive)},
		{method: "POST", pattern: "/v1/requests/{id}/sealed", on: request, scope: scopePerson, fresh: true, api: made("Freeze a sealed archive, which opens with the recovery kit.", p.apiPrepareSealed)},
		{method: "GET", pattern: "/v1/requests/{id}/sealed", on: request, scope: scopePerson, api: sends("The sealed archive that this session froze, whole or one range of it.", zipType, p.apiSealed)},
		{method: "POST", pattern: "/v1/requests/{id}/code", on: request, scope: scopePerson, api: answers("Have the one-time code for the sealed archive sent to all your addresses. It is used at /fetch.", p.apiCode)},
		{method: "GET", pattern: "/v1/requests/{id}/preview", on: request, scope: scopePerson, fresh: true, api: answers("What an erasure would take.", p.apiPreview)},
		{method: "POST", pattern: "/v1/requests/{id}/erase", on: request, scope: scopePerson, body: listBytes, fresh: true, api: answers("Erase all that the named vaults keep, for good.", p.apiEraseRequest)},
		{method: "POST", pattern: "/v1/requests/{id}/restrict", on: request, scope: scopePerson, body: listBytes, api: answers("Freeze the named vaults.", p.apiRestrictRequest)},
		{method: "POST", pattern: "/v1/requests/{id}/object", on: request, scope: scopePerson, api: answers("Let all doors of your own vaults keep nothing.", p.apiObject)},
		{method: "POST", pattern: "/v1/requests/{id}/rectified", on: request, scope: scopePerson, api: answers("Say that what was wrong is corrected.", p.apiRectified)},
		{method: "GET", pattern: "/v1/requests/{id}/answer", on: request, scope: scopePerson, api: sends("The signed note that answers a request.", "text/plain", p.apiAnswer)},
		{method: "PATCH", pattern: "/v1/vaults/{vault}/recordings/{id}/words", on: recording, scope: scopePerson, body: wordsBytes, api: answers("Correct a transcript. The words before are destroyed.", p.apiCorrect)},
		{method: "GET", pattern: "/v1/vaults/{vault}/restrictions", on: keep, scope: scopePerson, api: answers("What is frozen in a vault, oldest first.", p.apiRestrictions)},
		{method: "POST", pattern: "/v1/vaults/{vault}/recordings/{id}/restrict", on: recording, scope: scopePerson, api: made("Freeze one recording.", p.apiRestrictRecording)},
		{method: "DELETE", pattern: "/v1/vaults/{vault}/restrictions/{id}", on: restriction, scope: scopePerson, api: answers("Free what you had frozen.", p.apiLift)},
	}
}

// requestJSON is a request as its person sees it.
type requestJSON struct {
	ID       hearkeep.RequestID    `json:"id"`
	Kind     hearkeep.RequestKind  `json:"kind" doc:"access, portability, erasure, restriction, rectification or objection"`
	State    hearkeep.RequestState `json:"state" doc:"asked (to be confirmed), open, ready, stopped, answered, withdrawn or lapsed"`
	Via      hearkeep.Via          `json:"via" doc:"How it came: portal, api, voice or agent"`
	Received time.Time             `json:"received"`
	Due      time.Time             `json:"due"`
	Extended time.Time             `json:"extended,omitzero"`
	Reason   string                `json:"reason,omitempty" doc:"Of the extension"`
	Ended    time.Time             `json:"ended,omitzero"`
	Answer   bool                  `json:"answer" doc:"There is a signed note that answers it"`
}

func requestOf(r rights.Request) requestJSON {
	return requestJSON{
		ID: r.ID, Kind: r.Kind, State: r.State, Via: r.Via, Received: r.Received.UTC(), Due: r.Due.UTC(),
		Extended: utc(r.Extended), Reason: r.Reason, Ended: utc(r.Ended), Answer: len(r.Answer) > 0,
	}
}

type requestsJSON struct {
	Requests []requestJSON `json:"requests"`
}

func (p *portal) apiRequests(ctx context.Context, c *call, _ none) (requestsJSON, error) {
	all, err := p.Rights.Requests(ctx, c.who)
	out := requestsJSON{make([]requestJSON, 0, len(all))}
	for _, r := range all {
		out.Requests = append(out.Requests, requestOf(r))
	}
	return out, err
}

type askJSON struct {
	Kind hearkeep.RequestKind `json:"kind" enum:"access,portability,erasure,restriction,rectification,objection"`
}

func (p *portal) apiAsk(ctx context.Context, c *call, in askJSON) (requestJSON, error) {
	r, err := p.Rights.Ask(context.WithoutCancel(ctx), c.who, in.Kind, hearkeep.ViaAPI)
	return requestOf(r), err
}

// asking does something with the request that the address names.
func (p *portal) asking(ctx context.Context, c *call, do func(context.Context, hearkeep.RequestID) (rights.Request, error)) (requestJSON, error) {
	id, err := pathID[hearkeep.RequestID](c.r)
	if err != nil {
		return requestJSON{}, err
	}
	r, err := do(context.WithoutCancel(ctx), id)
	return requestOf(r), err
}

func (p *portal) apiRequest(ctx context.Context, c *call, _ none) (requestJSON, error) {
	return p.asking(ctx, c, func(ctx context.Context, id hearkeep.RequestID) (rights.Request, error) {
		return p.Rights.Request(ctx, c.who, id)
	})
}

func (p *portal) apiWithdrawRequest(ctx context.Context, c *call, _ none) (requestJSON, error) {
	return p.asking(ctx, c, func(ctx context.Context, id hearkeep.RequestID) (rights.Request, error) {
		return p.Rights.Withdraw(ctx, c.who, id)
	})
}

func (p *portal) apiConfirmRequest(ctx context.Context, c *call, _ none) (requestJSON, error) {
	return p.asking(ctx, c, func(ctx context.Context, id hearkeep.RequestID) (rights.Request, error) {
		return p.Rights.Confirm(ctx, c.who, id)
	})
}

func (p *portal) apiRectified(ctx context.Context, c *call, _ none) (requestJSON, error) {
	return p.asking(ctx, c, func(ctx context.Context, id hearkeep.RequestID) (rights.Request, error) {
		return p.Rights.Rectified(ctx, c.who, id)
	})
}

// archiveJSON is an open archive that was prepared.
type archiveJSON struct {
	ID         hearkeep.ArchiveID `json:"id"`
	Name       string             `json:"name" doc:"Of the file"`
	Bytes      int64              `json:"bytes"`
	ETag       string             `json:"etag" doc:"For If-Range, where a download is resumed"`
	Recordings int                `json:"recordings"`
	Made       time.Time          `json:"made"`
}

func (p *portal) apiPrepare(ctx context.Context, c *call, _ none) (archiveJSON, error) {
	return p.prepareFor(ctx, c, false)
}

func (p *portal) apiPrepareSealed(ctx context.Context, c *call, _ none) (archiveJSON, error) {
	return p.prepareFor(ctx, c, true)
}

func (p *portal) apiSealed(c *call) error { return p.sealedHere(c.w, c.r, c.visit()) }

// prepareFor waits until an archive is checked. A caller who goes away finds it
// by asking again.
func (p *portal) prepareFor(ctx context.Context, c *call, sealed bool) (archiveJSON, error) {
	id, err := pathID[hearkeep.RequestID](c.r)
	if err != nil {
		return archiveJSON{}, err
	}
	if _, err := p.Rights.Request(ctx, c.who, id); err != nil {
		return archiveJSON{}, err
	}
	job := p.prepare(ctx, c.who, id, sealed)
	if !job.wait(ctx, preparedByCall) {
		return archiveJSON{}, hearkeep.Errorf(hearkeep.Unavailable, "The archive is still being checked.").WithHint("Ask again in a moment: it goes on.").After(againIn * time.Second)
	}
	if job.err != nil {
		return archiveJSON{}, job.err
	}
	o := job.open
	return archiveJSON{o.ID, o.Name, o.Size, strongTag(o.ETag), o.Count, o.Made.UTC()}, nil
}

func (p *portal) apiArchive(c *call) error { return p.openArchive(c.w, c.r, c.visit()) }

func (p *portal) apiCode(ctx context.Context, c *call, _ none) (none, error) {
	id, err := pathID[hearkeep.RequestID](c.r)
	if err != nil {
		return none{}, err
	}
	return none{}, p.Rights.Offer(context.WithoutCancel(ctx), c.who, id)
}

type previewJSON struct {
	Vaults   []previewVaultJSON `json:"vaults"`
	KeysGone time.Time          `json:"keys_gone,omitzero" doc:"When the last backup copy of the keys is destroyed; absent: with the erasure itself"`
	KeysWait bool               `json:"keys_wait" doc:"Some time after the next verified backup; keys_gone is the earliest"`
	Told     []string           `json:"told" doc:"Who is told of it"`
}

type previewVaultJSON struct {
	ID         hearkeep.VaultID `json:"id"`
	Name       string           `json:"name,omitempty"`
	Kind       string           `json:"kind"`
	Others     int              `json:"others" doc:"Who else holds it: for them it goes, too"`
	Recordings int              `json:"recordings"`
	Bytes      int64            `json:"bytes"`
	Oldest     time.Time        `json:"oldest,omitzero"`
}

func (p *portal) apiPreview(ctx context.Context, c *call, _ none) (previewJSON, error) {
	id, err := pathID[hearkeep.RequestID](c.r)
	if err != nil {
		return previewJSON{}, err
	}
	goes, err := p.Rights.PreviewErasure(ctx, c.who, id)
	out := previewJSON{make([]previewVaultJSON, 0, len(goes.Vaults)), utc(goes.KeysGone), goes.KeysWait, append([]string{}, goes.Told...)}
	for _, g := range goes.Vaults {
		out.Vaults = append(out.Vaults, previewVaultJSON{g.ID, g.Name, g.Kind, g.Others, g.Totals.Recordings, g.Totals.Bytes, utc(g.Totals.Oldest)})
	}
	return out, err
}

// chooseJSON names vaults that the caller holds.
type chooseJSON struct {
	Vaults []hearkeep.VaultID `json:"vaults" minItems:"1" maxItems:"1000"`
}

type receiptsJSON struct {
	Receipts []receiptJSON `json:"receipts"`
}

func (p *portal) apiEraseRequest(ctx context.Context, c *call, in chooseJSON) (receiptsJSON, error) {
	id, err := pathID[hearkeep.RequestID](c.r)
	if err != nil {
		return receiptsJSON{}, err
	}
	receipts, err := p.eraseFor(ctx, c.visit(), id, in.Vaults)
	out := receiptsJSON{make([]receiptJSON, 0, len(receipts))}
	for _, rc := range receipts {
		out.Receipts = append(out.Receipts, receiptJSONOf(rc))
	}
	return out, err
}

func (p *portal) apiRestrictRequest(ctx context.Context, c *call, in chooseJSON) (requestJSON, error) {
	return p.asking(ctx, c, func(ctx context.Context, id hearkeep.RequestID) (rights.Request, error) {
		if err := p.Rights.Restrict(ctx, c.who, id, in.Vaults); err != nil {
			return rights.Request{}, err
		}
		return p.Rights.Request(ctx, c.who, id)
	})
}

type objectedJSON struct {
	Doors int `json:"doors" doc:"How many keep nothing from now on"`
}

func (p *portal) apiObject(ctx context.Context, c *call, _ none) (objectedJSON, error) {
	id, err := pathID[hearkeep.RequestID](c.r)
	if err != nil {
		return objectedJSON{}, err
	}
	ctx = context.WithoutCancel(ctx)
	doors, err := p.Rights.Object(ctx, c.who, id)
	if err == nil {
		err = p.changed(ctx)
	}
	return objectedJSON{doors}, err
}

func (p *portal) apiAnswer(c *call) error { return p.requestAnswer(c.w, c.r, c.visit()) }

type wordsJSON struct {
	Words string `json:"words" minLength:"1" maxLength:"16384" doc:"What was really said"`
}

func (p *portal) apiCorrect(ctx context.Context, c *call, in wordsJSON) (receiptJSON, error) {
	id, err := pathID[hearkeep.RecordingID](c.r)
	if err != nil {
		return receiptJSON{}, err
	}
	rc, err := c.room.Correct(context.WithoutCancel(ctx), id, hearkeep.NewWords(in.Words))
	return receiptJSONOf(rc), err
}

// restrictionJSON is something that is frozen.
type restrictionJSON struct {
	ID        hearkeep.RestrictionID `json:"id"`
	Door      hearkeep.BindingID     `json:"door,omitzero" doc:"Absent: all doors"`
	Recording hearkeep.RecordingID   `json:"recording,omitzero" doc:"Absent: all recordings"`
	Yours     bool                   `json:"yours" doc:"You asked for it, and may end it"`
	At        time.Time              `json:"at"`
}

type restrictionsJSON struct {
	Restrictions []restrictionJSON `json:"restrictions"`
}

func restrictionOf(r vault.Restriction) restrictionJSON {
	return restrictionJSON{r.ID, r.Binding, r.Recording, r.Mine, r.At.UTC()}
}

func (p *portal) apiRestrictions(ctx context.Context, c *call, _ none) (restrictionsJSON, error) {
	all, err := c.room.Restrictions(ctx)
	out := restrictionsJSON{make([]restrictionJSON, 0, len(all))}
	for _, r := range all {
		out.Restrictions = append(out.Restrictions, restrictionOf(r))
	}
	return out, err
}

type frozenJSON struct {
	ID hearkeep.RestrictionID `json:"id"`
}

func (p *portal) apiRestrictRecording(ctx context.Context, c *call, _ none) (frozenJSON, error) {
	id, err := pathID[hearkeep.RecordingID](c.r)
	if err != nil {
		return frozenJSON{}, err
	}
	made, err := p.freeze(context.WithoutCancel(ctx), c.visit(), id, hearkeep.ViaAPI)
	return frozenJSON{made}, err
}

func (p *portal) apiLift(ctx context.Context, c *call, _ none) (none, error) {
	id, err := pathID[hearkeep.RestrictionID](c.r)
	if err != nil {
		return none{}, err
	}
	return none{}, c.room.Lift(context.WithoutCancel(ctx), id)
}
