package portal

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
	"github.com/hearkeep/hearkeep/internal/rights"
)

// operatorCookie marks the browser of whoever runs the keep. It is no session:
// it shows clocks and counts, and opens nothing.
const operatorCookie = "hearkeep-operator"

// asOperator admits the browser that used an operator's link. To all others,
// and where there is no operator's page, there is nothing.
func (p *portal) asOperator(r *http.Request) error {
	if !p.Operator {
		return errNowhere
	}
	c, err := r.Cookie(p.cookieName(operatorCookie))
	if err != nil {
		return errNowhere
	}
	if err := p.Identity.Operator(r.Context(), c.Value); err != nil {
		if hearkeep.CodeOf(err) == hearkeep.NotFound {
			return errNowhere
		}
		return err
	}
	return nil
}

// operatorPage is clocks and counts: no name, no account, no content. What is
// due first stands first.
type operatorPage struct {
	frame
	Cases        []caseLine // open ones, the soonest due first
	MoreCases    int        // open ones that are not shown
	Waiting      []waitingView
	Lacks        []string // settings that a case would need
	Watch        []incident.Explained
	Log          logView
	Clocks       []clockView
	Counts       []countView
	Claims       int
	Reports      int
	Restrictions int
	Most         bool // there are more clocks than the page shows
	Done         string
	Problem      *problem
}

// clockView is a request as whoever runs the keep sees it.
type clockView struct {
	ID       string
	Kind     hearkeep.RequestKind
	State    string
	Via      hearkeep.Via
	Received clock
	Due      clock
	Left     string
	Late     bool
	Extended *clock
}

// waitingView is a report that no case has taken up yet.
type waitingView struct {
	What string
	Via  string
	At   clock
}

// logView is the ledger's newest signed tree head.
type logView struct {
	Origin    string
	Entries   string
	Witnesses []witnessView
}

// witnessView is a witness of the ledger, and up to where it has cosigned it.
type witnessView struct {
	Name    string
	Entries string // empty before the first
	At      *clock
	Trouble string
	Since   *clock
}

func (p *portal) logView(ctx context.Context) (logView, error) {
	head, err := p.Ledger.Checkpoint(ctx)
	if err != nil {
		return logView{}, err
	}
	lines := strings.SplitN(string(head), "\n", 3)
	if len(lines) < 3 {
		return logView{Entries: "0 entries"}, nil
	}
	n, _ := strconv.Atoi(lines[1])
	view := logView{Origin: lines[0], Entries: entryCount(n)}
	all, err := p.Incidents.Ledger.Cosigned(ctx)
	if err != nil {
		return logView{}, err
	}
	for _, w := range all {
		v := witnessView{Name: w.Name, At: p.clockOf(w.At), Trouble: w.Trouble, Since: p.clockOf(w.Since)}
		if w.Under.Size > 0 {
			v.Entries = entryCount(int(w.Under.Size))
		}
		view.Witnesses = append(view.Witnesses, v)
	}
	return view, nil
}

// lacks says what is not set, and is needed at three in the morning.
func (p *portal) lacks() (all []string) {
	c := p.Incidents.Controller
	if c.Name == "" || c.Contact == "" || c.Authority == "" {
		all = append(all, "The notification names nobody yet: set --controller-name, --controller-contact and --authority.")
	}
	if !p.Incidents.Letters.Can("email") {
		all = append(all, "There is no mail server (--smtp): reporters are not answered by letter, and people without a webhook are told by their page alone.")
	}
	return all
}

func entryCount(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return strings.TrimSuffix(countText(n, "entry"), "entrys") + "entries"
}

type countView struct {
	Kind  hearkeep.RequestKind
	State string
	N     int
}

// How many requests, and cases, the overview has at most.
const (
	mostClocks = 500
	mostCases  = 50
)

func (p *portal) operator(w http.ResponseWriter, r *http.Request) error {
	page, err := p.operatorPage(r.Context())
	if err != nil {
		return err
	}
	if r.URL.Query().Get("done") == "extended" {
		page.Done = "It has two more months. Its person is told, with the reasons."
	}
	p.show(w, http.StatusOK, "operator", page)
	return nil
}

func (p *portal) operatorPage(ctx context.Context) (*operatorPage, error) {
	all, err := p.Rights.Overview(ctx)
	if err != nil {
		return nil, err
	}
	page := &operatorPage{
		frame: p.deskFrame("The operator’s desk"), Claims: all.Claims, Reports: all.Reports, Restrictions: all.Restrictions, Most: len(all.Clocks) >= mostClocks,
	}
	desk, err := p.Incidents.Overview(ctx, mostCases)
	if err != nil {
		return nil, err
	}
	page.Lacks = p.lacks()
	page.MoreCases, page.Watch = desk.More, p.Incidents.Thresholds.Explain()
	for _, c := range desk.Open {
		page.Cases = append(page.Cases, p.caseLine(c))
	}
	for _, report := range desk.Waiting {
		page.Waiting = append(page.Waiting, waitingView{whatText(report.What), filedVia(report.Via), p.clock(report.At)})
	}
	if page.Log, err = p.logView(ctx); err != nil {
		return nil, err
	}
	for _, c := range all.Clocks {
		page.Clocks = append(page.Clocks, p.clockView(c))
	}
	for _, c := range all.Counts {
		page.Counts = append(page.Counts, countView{c.Kind, stateShort(c.State), c.N})
	}
	return page, nil
}

func (p *portal) clockView(c rights.Clock) clockView {
	v := clockView{
		ID: c.ID.String(), Kind: c.Kind, State: stateShort(c.State), Via: c.Via,
		Received: p.clock(c.Received), Due: p.clock(c.Due), Extended: p.clockOf(c.Extended),
	}
	v.Left, v.Late = p.left(c.Due)
	return v
}

// stateShort is a state to whoever only watches the clock.
func stateShort(s hearkeep.RequestState) string {
	if s == hearkeep.RequestAsked {
		return "to be confirmed"
	}
	return string(s)
}

// extend gives a request two more months, with reasons.
func (p *portal) extend(w http.ResponseWriter, r *http.Request) error {
	if err := form(r); err != nil {
		return err
	}
	id, err := hearkeep.ParseID[hearkeep.RequestID](r.PostFormValue("request"))
	if err != nil {
		err = hearkeep.Errorf(hearkeep.Invalid, "No such request is open.").Because(err)
	} else {
		_, err = p.Rights.Extend(context.WithoutCancel(r.Context()), id, strings.TrimSpace(r.PostFormValue("reason")))
	}
	if pr := mendable(err); pr != nil {
		page, pageErr := p.operatorPage(r.Context())
		if pageErr != nil {
			return pageErr
		}
		page.Problem = pr
		p.show(w, pr.Status, "operator", page)
		return nil
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/operator?done=extended", http.StatusSeeOther)
	return nil
}

// operatorLinkPage asks for one click, so that what only looks at links uses
// none up.
type operatorLinkPage struct {
	frame
	Link string
}

func (p *portal) operatorForm(w http.ResponseWriter, _ *http.Request, link string) error {
	p.show(w, http.StatusOK, "operatorlink", &operatorLinkPage{p.deskFrame("The operator’s page"), link})
	return nil
}

func (p *portal) beOperator(w http.ResponseWriter, r *http.Request, link string) error {
	cookie, expires, err := p.Identity.UseOperatorLink(context.WithoutCancel(r.Context()), link)
	if err != nil {
		return err
	}
	p.setCookie(w, operatorCookie, cookie, expires)
	http.Redirect(w, r, "/operator", http.StatusSeeOther)
	return nil
}
