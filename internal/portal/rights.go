package portal

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/rights"
)

// kindText is a right in plain words.
type kindText struct {
	Name    string // what the person wants
	Says    string // what happens
	Article string // of the GDPR
	Button  string
}

func textOf(kind hearkeep.RequestKind) kindText {
	switch kind {
	case hearkeep.RequestAccess:
		return kindText{"Get a copy of everything", "Everything that is kept of you, in one file that plays and reads on any computer: sound, words, what was understood and done, who opened it, and what it is kept for.", "Article 15", "Get my copy"}
	case hearkeep.RequestPortability:
		return kindText{"Take it with you", "The same file, in open formats that other programs read, so that you can keep it elsewhere.", "Article 20", "Take it along"}
	case hearkeep.RequestErasure:
		return kindText{"Have it erased", "You see first what goes, from where, and who is told. Then the keys are destroyed, and you get a receipt for each vault.", "Article 17", "See what goes"}
	case hearkeep.RequestRestriction:
		return kindText{"Freeze it", "It stays as it is: nothing expires, nothing is handed out, nothing is used. You go on playing it and can still erase it. You end it when you like.", "Article 18", "Freeze it"}
	case hearkeep.RequestRectification:
		return kindText{"Correct it", "Where a transcript is wrong, you write what was really said. The words before are destroyed.", "Article 16", "Correct it"}
	case hearkeep.RequestObjection:
		return kindText{"Stop keeping", "All doors of your own vaults keep nothing from then on. Hearkeep goes on answering and doing what it is asked.", "Article 21", "Object"}
	}
	return kindText{Name: string(kind)}
}

// requestView is a request as its person sees it.
type requestView struct {
	ID       string
	Kind     hearkeep.RequestKind
	Text     kindText
	State    hearkeep.RequestState
	Says     string // the state in words
	Via      string // how it came
	Received clock
	Due      clock
	Left     string // "in 12 days", "today", "3 days late"; empty once it ended
	Late     bool
	Extended *clock
	Reason   string
	Ended    *clock
	Answered bool // there is a signed note
}

// Running reports that its clock runs.
func (v requestView) Running() bool { return !v.State.Ended() }

func (p *portal) requestView(r rights.Request) requestView {
	v := requestView{
		ID: r.ID.String(), Kind: r.Kind, Text: textOf(r.Kind), State: r.State, Says: stateText(r.State), Via: viaText(r.Via),
		Received: p.clock(r.Received), Due: p.clock(r.Due), Extended: p.clockOf(r.Extended), Reason: r.Reason,
		Ended: p.clockOf(r.Ended), Answered: len(r.Answer) > 0,
	}
	if v.Running() {
		v.Left, v.Late = p.left(r.Due)
	}
	return v
}

// left says how far away a day is, in days of the portal's zone.
func (p *portal) left(due time.Time) (text string, late bool) {
	day := func(t time.Time) time.Time {
		y, m, d := t.In(p.Zone).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	switch days := int(day(due).Sub(day(p.Now())).Hours() / 24); {
	case p.Now().After(due):
		return countText(max(1, -days), "day") + " late", true
	case days <= 0:
		return "today", false
	default:
		return "in " + countText(days, "day"), false
	}
}

func stateText(s hearkeep.RequestState) string {
	switch s {
	case hearkeep.RequestAsked:
		return "Waits for you to confirm it"
	case hearkeep.RequestOpen:
		return "Open"
	case hearkeep.RequestReady:
		return "Ready for you to fetch"
	case hearkeep.RequestStopped:
		return "Stopped: nothing was handed over"
	case hearkeep.RequestAnswered:
		return "Answered"
	case hearkeep.RequestWithdrawn:
		return "Withdrawn"
	case hearkeep.RequestLapsed:
		return "Never confirmed"
	}
	return string(s)
}

func viaText(v hearkeep.Via) string {
	switch v {
	case hearkeep.ViaPortal:
		return "You made it on these pages."
	case hearkeep.ViaAPI:
		return "You made it at a terminal."
	case hearkeep.ViaVoice:
		return "It was spoken at a door."
	case hearkeep.ViaAgent:
		return "A service that speaks for you made it."
	}
	return ""
}

// rightsPage is what somebody may ask for, and what they asked for.
type rightsPage struct {
	frame
	Done   string
	Kinds  []kindView
	Open   []requestView
	Ended  []requestView
	Frozen []frozenView
	Claims int    // by people without an account, that wait for an answer
	Key    string // the fingerprint of the key that this keep signs with
}

// kindView is a right, with the request of it that is open.
type kindView struct {
	Kind hearkeep.RequestKind
	kindText
	Open string // its id; empty for none
}

func (p *portal) rights(w http.ResponseWriter, r *http.Request, v *visit) error {
	page := &rightsPage{frame: p.frameOf(v, "Your rights", "rights"), Done: rightsDone(r.URL.Query().Get("done"))}
	all, err := p.Rights.Requests(r.Context(), v.who)
	if err != nil {
		return err
	}
	open := map[hearkeep.RequestKind]string{}
	for _, one := range all {
		view := p.requestView(one)
		if !view.Running() {
			page.Ended = append(page.Ended, view)
			continue
		}
		page.Open = append(page.Open, view)
		// Who asks for themselves does not tell an agent so.
		if one.Via != hearkeep.ViaAgent || one.State != hearkeep.RequestAsked {
			open[one.Kind] = view.ID
		}
	}
	for _, kind := range hearkeep.RequestKinds() {
		page.Kinds = append(page.Kinds, kindView{kind, textOf(kind), open[kind]})
	}
	if page.Frozen, err = p.frozenIn(r.Context(), v); err != nil {
		return err
	}
	if page.Claims, err = p.claimsWaiting(r.Context(), v); err != nil {
		return err
	}
	page.Key = p.Rights.KeyFingerprint()
	p.show(w, http.StatusOK, "rights", page)
	return nil
}

func rightsDone(what string) string {
	switch what {
	case "withdrawn":
		return "The request is withdrawn. Nothing more comes of it."
	case "lifted":
		return "It is frozen no more."
	}
	return ""
}

// askFor makes a request. Of a kind that is open already, that one is shown.
func (p *portal) askFor(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := form(r); err != nil {
		return err
	}
	kind := hearkeep.RequestKind(r.PostFormValue("kind"))
	if !kind.Valid() {
		return hearkeep.Errorf(hearkeep.Invalid, "There is no such request.").WithHint("Choose one of the six.")
	}
	one, err := p.Rights.Ask(context.WithoutCancel(r.Context()), v.who, kind, hearkeep.ViaPortal)
	if err != nil {
		return err
	}
	toRequest(w, r, one.ID, "")
	return nil
}

// toRequest leads to a request's page, which says what was done.
func toRequest(w http.ResponseWriter, r *http.Request, id hearkeep.RequestID, done string) {
	there := "/rights/requests/" + id.String()
	if done != "" {
		there += "?done=" + done
	}
	http.Redirect(w, r, there, http.StatusSeeOther)
}

// requestPage is one request and what there is to do about it.
type requestPage struct {
	frame
	requestView
	Done    string
	Fresh   bool   // an unlocker was shown within the last minutes
	Waits   *clock // until when no archive leaves
	Archive *archiveView
	Sealed  *archiveView
	Checks  *clock // since when an archive is being checked
	Seals   *clock // since when a sealed one is
	Problem *problem
	Vaults  []vaultView // to choose from
	Frozen  []frozenView
	HasKit  bool // there is a recovery kit that opens a sealed archive
	Reaches bool // there is an address that letters go to
}

// archiveView is an open archive that this session prepared.
type archiveView struct {
	ID, Name, Size, Count string
	Made, Until           clock
}

func (p *portal) archiveView(o rights.Open) *archiveView {
	return &archiveView{o.ID.String(), o.Name, sizeText(o.Size), countText(o.Count, "recording"), p.clock(o.Made), p.clock(o.Made.Add(preparedLife))}
}

// Fetches reports that the request is answered with an archive.
func (v requestView) Fetches() bool {
	return v.Kind == hearkeep.RequestAccess || v.Kind == hearkeep.RequestPortability
}

func (p *portal) request(w http.ResponseWriter, r *http.Request, v *visit) error {
	page, err := p.requestPage(r, v)
	if err != nil {
		return err
	}
	page.Done = requestDone(r.URL.Query().Get("done"))
	p.show(w, http.StatusOK, "request", page)
	return nil
}

func requestDone(what string) string {
	switch what {
	case "confirmed":
		return "It is yours now."
	case "code":
		return "A code is on its way to all your addresses. It works once, for seven days."
	case "frozen":
		return "It is frozen."
	case "rectified":
		return "Thank you: the request is answered."
	}
	return ""
}

func (p *portal) requestPage(r *http.Request, v *visit) (*requestPage, error) {
	id, err := pathID[hearkeep.RequestID](r)
	if err != nil {
		return nil, err
	}
	one, err := p.Rights.Request(r.Context(), v.who, id)
	if err != nil {
		return nil, err
	}
	view := p.requestView(one)
	if view.Via, err = p.cameBy(r.Context(), v, one); err != nil {
		return nil, err
	}
	page := &requestPage{frame: p.frameOf(v, view.Text.Name, "rights"), requestView: view, Fresh: v.who.Fresh() == nil}
	switch {
	case view.State == hearkeep.RequestAnswered && view.Fetches():
		err = p.isPrepared(r.Context(), v, page, id) // it can be fetched again
	case !view.Running():
	case view.Fetches():
		err = p.aboutArchives(r.Context(), v, page, id)
	case view.Kind == hearkeep.RequestRestriction, view.Kind == hearkeep.RequestObjection:
		page.Vaults = v.vaults()
		page.Frozen, err = p.frozenIn(r.Context(), v)
	}
	return page, err
}

// cameBy says how a request came, and by which agent.
func (p *portal) cameBy(ctx context.Context, v *visit, one rights.Request) (string, error) {
	if one.Via != hearkeep.ViaAgent || p.Agents == nil {
		return viaText(one.Via), nil
	}
	agent, err := p.Agents.Asking(ctx, v.who, one.ID)
	switch {
	case hearkeep.CodeOf(err) == hearkeep.NotFound: // who asked is not kept for ever
		return viaText(one.Via), nil
	case err != nil:
		return "", err
	}
	return "“" + agent + "”, which speaks for you, made it.", nil
}

// aboutArchives fills in what a page says of both archives.
func (p *portal) aboutArchives(ctx context.Context, v *visit, page *requestPage, id hearkeep.RequestID) error {
	page.Waits = p.clockOf(v.who.Waits())
	ways, err := p.ways(ctx, v.who)
	if err != nil {
		return err
	}
	for _, way := range ways {
		page.HasKit = page.HasKit || way.Kind == "kit" && way.Checked
	}
	addresses, err := p.addresses(ctx, v.who)
	if err != nil {
		return err
	}
	for _, a := range addresses {
		page.Reaches = page.Reaches || a.Confirmed
	}
	if page.Frozen, err = p.frozenIn(ctx, v); err != nil {
		return err
	}
	return p.isPrepared(ctx, v, page, id)
}

// isPrepared fills in what this session prepared, or has checked at the moment.
func (p *portal) isPrepared(ctx context.Context, v *visit, page *requestPage, id hearkeep.RequestID) error {
	for _, sealed := range []bool{false, true} {
		job, err := p.preparedFor(ctx, v.who, id, sealed)
		if err != nil {
			return err
		}
		checks, ready := &page.Checks, &page.Archive
		if sealed {
			checks, ready = &page.Seals, &page.Sealed
		}
		switch {
		case job == nil:
		case !job.ended():
			*checks, page.Again = p.clockOf(job.began), againIn
		case job.err == nil:
			*ready = p.archiveView(job.open)
		case page.Running():
			pr := explain(job.err)
			if pr.Status >= http.StatusInternalServerError {
				p.Log.Error("an archive was not prepared", "request", id, "code", pr.Code, "err", job.err)
			}
			page.Problem = &pr
		}
	}
	return nil
}

// about does something about a request and shows its page again.
func (p *portal) about(w http.ResponseWriter, r *http.Request, done string, do func(context.Context, hearkeep.RequestID) error) error {
	id, err := pathID[hearkeep.RequestID](r)
	if err != nil {
		return err
	}
	if err := form(r); err != nil {
		return err
	}
	if err := do(context.WithoutCancel(r.Context()), id); err != nil {
		return err
	}
	toRequest(w, r, id, done)
	return nil
}

func (p *portal) confirmRequest(w http.ResponseWriter, r *http.Request, v *visit) error {
	return p.about(w, r, "confirmed", func(ctx context.Context, id hearkeep.RequestID) error {
		_, err := p.Rights.Confirm(ctx, v.who, id)
		return err
	})
}

func (p *portal) withdrawRequest(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.RequestID](r)
	if err != nil {
		return err
	}
	if _, err := p.Rights.Withdraw(context.WithoutCancel(r.Context()), v.who, id); err != nil {
		return err
	}
	http.Redirect(w, r, "/rights?done=withdrawn", http.StatusSeeOther)
	return nil
}

// requestAnswer sends the signed note that answers a request.
func (p *portal) requestAnswer(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.RequestID](r)
	if err != nil {
		return err
	}
	one, err := p.Rights.Request(r.Context(), v.who, id)
	if err != nil {
		return err
	}
	if len(one.Answer) == 0 {
		return errNowhere
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="hearkeep-answer-`+id.String()[:6]+`.txt"`)
	h.Set("Content-Length", fmt.Sprint(len(one.Answer)))
	w.Write(one.Answer)
	return nil
}

// prepareArchive begins to freeze and check an archive; the request's page
// tells how it goes.
func (p *portal) prepareArchive(w http.ResponseWriter, r *http.Request, v *visit) error {
	return p.about(w, r, "", func(ctx context.Context, id hearkeep.RequestID) error {
		if _, err := p.Rights.Request(ctx, v.who, id); err != nil {
			return err
		}
		p.prepare(ctx, v.who, id, false).wait(r.Context(), preparedSoon)
		return nil
	})
}

// prepareSealed does so for the sealed archive.
func (p *portal) prepareSealed(w http.ResponseWriter, r *http.Request, v *visit) error {
	return p.about(w, r, "", func(ctx context.Context, id hearkeep.RequestID) error {
		if _, err := p.Rights.Request(ctx, v.who, id); err != nil {
			return err
		}
		p.prepare(ctx, v.who, id, true).wait(r.Context(), preparedSoon)
		return nil
	})
}

// sealedHere sends the sealed archive that this session prepared.
func (p *portal) sealedHere(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.RequestID](r)
	if err != nil {
		return err
	}
	job, err := p.preparedFor(r.Context(), v.who, id, true)
	if err == nil && (job == nil || !job.ended() || job.err != nil) {
		err = errNowhere
	}
	if err != nil {
		return err
	}
	open, leave, err := p.Rights.SealedHere(r.Context(), v.who, id)
	if err != nil {
		return err
	}
	return p.download(w, r, download{open, v.who.Account(), v.who.Account().String(), false, func(ctx context.Context, w io.Writer, from, to int64) error {
		return p.Rights.SendSealed(ctx, leave, w, from, to)
	}})
}

// openArchive sends an open archive to the session that prepared it.
func (p *portal) openArchive(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.ArchiveID](r)
	if err != nil {
		return err
	}
	open, err := p.Rights.Prepared(r.Context(), v.who, id)
	if err != nil {
		return err
	}
	return p.download(w, r, download{open, v.who.Account(), v.who.Account().String(), false, p.sendOpen(v, id)})
}

// sendCode has the one-time code for the sealed archive sent.
func (p *portal) sendCode(w http.ResponseWriter, r *http.Request, v *visit) error {
	return p.about(w, r, "code", func(ctx context.Context, id hearkeep.RequestID) error { return p.Rights.Offer(ctx, v.who, id) })
}

func (p *portal) rectifiedRequest(w http.ResponseWriter, r *http.Request, v *visit) error {
	return p.about(w, r, "rectified", func(ctx context.Context, id hearkeep.RequestID) error {
		_, err := p.Rights.Rectified(ctx, v.who, id)
		return err
	})
}
