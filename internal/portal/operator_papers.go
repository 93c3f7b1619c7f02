package portal

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
	"github.com/hearkeep/hearkeep/internal/incident/papers"
)

// paperPage shows a document as a page, with the files that it can be had as.
type paperPage struct {
	frame
	Doc     papers.Document
	At      string // where its files lie, without an ending
	Query   string // after the ending
	Kinds   []string
	Back    string
	BackTo  string
	Case    string // of a notification
	Phase   int    // of a notification: this one's
	Made    []madeView
	Frozen  bool // it was handed in, and does not change
	Late    bool // the clock is over: the delay needs reasons
	Due     *clock
	Left    string
	Decided string
	Given   url.Values
	Problem *problem
}

// basis is what a document made now stands on.
func (p *portal) basis(ctx context.Context) (papers.Basis, error) {
	checkpoint, err := p.Ledger.Checkpoint(ctx)
	return papers.Basis{Made: p.Now(), Zone: p.Zone, Checkpoint: string(checkpoint)}, err
}

// paper is a notification: the draft of the next phase, or one that was made.
type paper struct {
	of     incident.Case
	phase  int
	doc    papers.Document
	frozen bool
}

// notificationOf reads which one an address means. late is the reasons for a
// delay, as they were typed.
func (p *portal) notificationOf(ctx context.Context, id hearkeep.IncidentID, phase, late string) (n paper, err error) {
	if n.of, err = p.Incidents.Case(ctx, id); err != nil {
		return n, err
	}
	if phase == "" {
		on, err := p.basis(ctx)
		if err != nil {
			return n, err
		}
		on.Late = late
		n.phase, n.doc = n.of.Phase+1, papers.Notification(n.of, p.Incidents.Controller, on)
		return n, nil
	}
	want, err := strconv.Atoi(phase)
	if err != nil {
		return n, errNowhere
	}
	for _, s := range n.of.Steps {
		if s.Kind != incident.StepNotified {
			continue
		}
		if n.phase++; n.phase == want {
			n.frozen = true
			if err := json.Unmarshal(s.Document, &n.doc); err != nil {
				return n, fmt.Errorf("portal: notification %d of case %s: %w", want, id, err)
			}
			return n, nil
		}
	}
	return n, errNowhere
}

func (p *portal) notification(w http.ResponseWriter, r *http.Request) error {
	page, err := p.notificationPage(r)
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "paper", page)
	return nil
}

func (p *portal) notificationPage(r *http.Request) (*paperPage, error) {
	id, err := hearkeep.ParseID[hearkeep.IncidentID](r.PathValue("id"))
	if err != nil {
		return nil, errNowhere
	}
	phase := r.URL.Query().Get("phase")
	n, err := p.notificationOf(r.Context(), id, phase, "")
	if err != nil {
		return nil, err
	}
	at := "/operator/cases/" + id.String()
	page := &paperPage{
		frame: p.deskFrame(n.doc.Title), Doc: n.doc, At: at + "/notification", Kinds: []string{"pdf", "html"}, Back: at, BackTo: "The case",
		Case: id.String(), Phase: n.phase, Frozen: n.frozen, Given: url.Values{}, Decided: n.of.Notify,
	}
	if n.frozen {
		page.Query = "?phase=" + strconv.Itoa(n.phase)
	} else if clockRuns(n.of.Summary) {
		page.Due = p.clockOf(n.of.Due)
		page.Left, page.Late = p.hoursLeft(n.of.Due)
	}
	if !n.of.Closed.IsZero() {
		page.Decided = "closed"
	}
	for _, s := range n.of.Steps {
		if s.Kind == incident.StepNotified {
			page.Made = append(page.Made, madeView{len(page.Made) + 1, p.clock(s.At), s.Text})
		}
	}
	return page, nil
}

// notificationFile sends a notification as a file of its own.
func (p *portal) notificationFile(kind string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := hearkeep.ParseID[hearkeep.IncidentID](r.PathValue("id"))
		if err != nil {
			return errNowhere
		}
		n, err := p.notificationOf(r.Context(), id, r.URL.Query().Get("phase"), "")
		if err != nil {
			return err
		}
		name := fmt.Sprintf("notification-%s-%d", id.String()[:8], n.phase)
		if !n.frozen {
			name += "-draft"
		}
		return sendPaper(w, n.doc, name, kind)
	}
}

// notified notes that the draft was handed in, as it is at this moment.
func (p *portal) notified(ctx context.Context, id hearkeep.IncidentID, given url.Values) error {
	reference, late := textOfForm(given, "reference"), textOfForm(given, "late")
	if reference == "" {
		return hearkeep.Errorf(hearkeep.Invalid, "Write the authority’s reference, or how and when it was handed in.")
	}
	n, err := p.notificationOf(ctx, id, "", late)
	if err != nil {
		return err
	}
	if phase := given.Get("phase"); phase != strconv.Itoa(n.phase) {
		return hearkeep.Errorf(hearkeep.Conflict, "Another phase was handed in since this page was loaded.").WithHint("Load it again, and look at what has changed.")
	}
	document, err := json.Marshal(n.doc)
	if err != nil {
		return fmt.Errorf("portal: notification of case %s: %w", id, err)
	}
	return p.Incidents.Notified(ctx, id, reference, late, document)
}

// handIn is the form below the draft.
func (p *portal) handIn(w http.ResponseWriter, r *http.Request) error {
	if err := form(r); err != nil {
		return err
	}
	id, err := hearkeep.ParseID[hearkeep.IncidentID](r.PathValue("id"))
	if err != nil {
		return errNowhere
	}
	if _, err := p.Incidents.Case(r.Context(), id); err != nil {
		return err
	}
	err = p.notified(context.WithoutCancel(r.Context()), id, r.PostForm)
	if pr := amendable(err); pr != nil {
		page, pageErr := p.notificationPage(r)
		if pageErr != nil {
			return pageErr
		}
		page.Given, page.Problem = r.PostForm, pr
		p.show(w, pr.Status, "paper", page)
		return nil
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/operator/cases/"+id.String()+"?done=notified", http.StatusSeeOther)
	return nil
}

// register is the register of Art. 33(5).
func (p *portal) register(w http.ResponseWriter, r *http.Request) error {
	all, on, err := p.registered(r.Context())
	if err != nil {
		return err
	}
	doc := papers.Register(all, p.Incidents.Controller, on)
	p.show(w, http.StatusOK, "paper", &paperPage{
		frame: p.deskFrame(doc.Title), Doc: doc, At: "/operator/register", Kinds: []string{"pdf", "html", "csv", "json"}, Back: "/operator", BackTo: "The desk",
	})
	return nil
}

// registered reads every case.
func (p *portal) registered(ctx context.Context) (all []incident.Case, on papers.Basis, err error) {
	if on, err = p.basis(ctx); err != nil {
		return nil, on, err
	}
	var at incident.Cursor
	for {
		some, err := p.Incidents.Cases(ctx, at, casesAPage)
		if err != nil {
			return nil, on, err
		}
		for _, s := range some {
			c, err := p.Incidents.Case(ctx, s.ID)
			if err != nil {
				return nil, on, err
			}
			all = append(all, c)
			at = incident.Cursor{AwareAt: s.AwareAt, ID: s.ID}
		}
		if len(some) < casesAPage {
			return all, on, nil
		}
	}
}

func (p *portal) registerFile(kind string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		all, on, err := p.registered(r.Context())
		if err != nil {
			return err
		}
		name := "register-" + on.Made.In(p.Zone).Format(time.DateOnly)
		switch kind {
		case "csv":
			return sendFile(w, name, kind, func(to io.Writer) error { return papers.RegisterCSV(to, all) })
		case "json":
			return sendFile(w, name, kind, func(to io.Writer) error { return papers.RegisterJSON(to, all, p.Incidents.Controller, on) })
		}
		return sendPaper(w, papers.Register(all, p.Incidents.Controller, on), name, kind)
	}
}

// dpia is the impact assessment, from what is set at this moment.
func (p *portal) dpia(w http.ResponseWriter, r *http.Request) error {
	doc, _, err := p.assessment(r.Context())
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "paper", &paperPage{
		frame: p.deskFrame(doc.Title), Doc: doc, At: "/operator/dpia", Kinds: []string{"pdf", "html"}, Back: "/operator", BackTo: "The desk",
	})
	return nil
}

func (p *portal) assessment(ctx context.Context) (doc papers.Document, on papers.Basis, err error) {
	if on, err = p.basis(ctx); err != nil {
		return doc, on, err
	}
	var settings papers.Settings
	if p.Settings != nil {
		if settings, err = p.Settings(ctx); err != nil {
			return doc, on, err
		}
	}
	return papers.DPIA(settings, p.Incidents.Controller, on), on, nil
}

func (p *portal) dpiaFile(kind string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		doc, on, err := p.assessment(r.Context())
		if err != nil {
			return err
		}
		return sendPaper(w, doc, "impact-assessment-"+on.Made.In(p.Zone).Format(time.DateOnly), kind)
	}
}

// affectedFile is the whole table of who is affected: ids, numbers, times.
func (p *portal) affectedFile(w http.ResponseWriter, r *http.Request) error {
	c, err := p.operated(r.Context(), r)
	if err != nil {
		return err
	}
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	return sendFile(w, "affected-"+c.ID.String()[:8], "csv", func(to io.Writer) error {
		out := csv.NewWriter(to)
		out.UseCRLF = true // RFC 4180
		out.Write([]string{"account", "vault", "binding", "from", "to", "how", "at", "entry", "told"})
		for _, a := range c.Affected {
			entry := ""
			if a.Entry >= 0 {
				entry = strconv.FormatInt(a.Entry, 10)
			}
			out.Write([]string{a.Account.String(), a.Vault.String(), a.Binding.String(), fmt.Sprint(a.From), fmt.Sprint(a.To), a.How, stamp(a.At), entry, stamp(a.Told)})
		}
		out.Flush()
		return out.Error()
	})
}

func sendPaper(w http.ResponseWriter, doc papers.Document, name, kind string) error {
	return sendFile(w, name, kind, func(to io.Writer) error {
		if kind == "pdf" {
			return doc.PDF(to)
		}
		return doc.HTML(to)
	})
}

// sendFile sends what is written, whole or not at all, to be kept as a file: a
// page that came from elsewhere is never shown as one of this origin.
func sendFile(w http.ResponseWriter, name, kind string, write func(io.Writer) error) error {
	var file bytes.Buffer
	if err := write(&file); err != nil {
		return fmt.Errorf("portal: %s.%s: %w", name, kind, err)
	}
	h := w.Header()
	h.Set("Content-Type", map[string]string{
		"pdf": "application/pdf", "html": "text/html; charset=utf-8", "csv": "text/csv; charset=utf-8; header=present", "json": "application/json",
	}[kind])
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", "hearkeep-"+name+"."+kind))
	h.Set("Content-Length", strconv.Itoa(file.Len()))
	w.Write(file.Bytes())
	return nil
}
