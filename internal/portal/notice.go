package portal

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
)

// noticePage is how many recordings a page of a notice lists.
const noticePage = 200

// noticeView is a notice in the list of a person's.
type noticeView struct {
	ID      string
	Subject string
	Told    clock
	Count   string
	Unread  bool
}

// noticesPage lists what a person was told of.
type noticesPage struct {
	frame
	Notices  []noticeView
	Language string // of their subjects
}

func (p *portal) noticesList(w http.ResponseWriter, r *http.Request, v *visit) error {
	account := v.who.Account()
	all, err := p.Incidents.NoticesOf(r.Context(), account)
	if err != nil {
		return err
	}
	unread, err := p.Incidents.Unread(r.Context(), account)
	if err != nil {
		return err
	}
	page := &noticesPage{frame: p.frameOf(v, "What you should know", "opened")}
	for _, n := range all {
		page.Language = string(n.Text.Language.Or())
		page.Notices = append(page.Notices, noticeView{
			n.Incident.String(), n.Text.Subject, p.clock(n.Told), countText(countOf(runsOf(n.Items)), "recording"), slices.Contains(unread, n.Incident),
		})
	}
	page.notices.Unread = nil // the list says so
	p.show(w, http.StatusOK, "notices", page)
	return nil
}

func runsOf(items []incident.Item) []hearkeep.Run {
	runs := make([]hearkeep.Run, len(items))
	for i, it := range items {
		runs[i] = it.Run
	}
	return runs
}

// noticeText is one part of a notice: "What happened", and what did.
type noticeText struct {
	Heading string
	Text    []string
}

// concernedView is recordings of one vault that a case concerns in one way.
type concernedView struct {
	How    string
	Vault  string
	Links  []openedRecording
	Erased string // "2 recordings are kept no more"
	More   string
}

// noticePageView is what happened to recordings of the person, and to which.
type noticePageView struct {
	frame
	ID        string
	Subject   string
	Language  string
	Told      clock
	Closed    *clock // nil while the case is open
	Parts     []noticeText
	Offer     []string
	Count     string
	Concerned []concernedView
	Next      string // the address of more recordings
	First     string // the address of the first ones
}

// notice shows one. That it was opened is written down: from then on no banner
// leads to it.
func (p *portal) notice(w http.ResponseWriter, r *http.Request, v *visit) error {
	id, err := pathID[hearkeep.IncidentID](r)
	if err != nil {
		return err
	}
	account := v.who.Account()
	all, err := p.Incidents.NoticesOf(r.Context(), account)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(n incident.Notice) bool { return n.Incident == id })
	if i < 0 {
		return errNowhere
	}
	page, err := p.noticePage(r, v, all[i])
	if err != nil {
		return err
	}
	if err := p.Incidents.Read(context.WithoutCancel(r.Context()), id, account, p.Now()); err != nil {
		return err
	}
	page.notices.Unread = slices.DeleteFunc(slices.Clone(page.notices.Unread), func(s string) bool { return s == page.ID })
	p.show(w, http.StatusOK, "notice", page)
	return nil
}

func (p *portal) noticePage(r *http.Request, v *visit, n incident.Notice) (*noticePageView, error) {
	page := &noticePageView{
		frame: p.frameOf(v, "What happened to your recordings", "opened"), ID: n.Incident.String(), Subject: n.Text.Subject,
		Language: string(n.Text.Language.Or()), Told: p.clock(n.Told), Closed: p.clockOf(n.Closed), Offer: paragraphsOf(n.Offer), Count: countText(countOf(runsOf(n.Items)), "recording"),
	}
	t := n.Text
	texts := [...]string{t.Nature, t.Contact, t.Consequences, t.Measures, t.Advice} // as Headings has them
	for _, k := range []int{0, 2, 3, 4, 1} {                                        // whom to ask stands at the end
		if texts[k] != "" {
			page.Parts = append(page.Parts, noticeText{t.Headings[k], paragraphsOf(texts[k])})
		}
	}
	from := 0
	if text := r.URL.Query().Get("from"); text != "" {
		var err error
		if from, err = strconv.Atoi(text); err != nil || from < 0 {
			return nil, errNowhere
		}
		page.First = "/notices/" + page.ID
	}
	more, err := p.concerned(r.Context(), v, page, n.Items, from)
	if err != nil {
		return nil, err
	}
	if more {
		page.Next = "/notices/" + page.ID + "?from=" + strconv.Itoa(from+noticePage)
	}
	return page, nil
}

// concerned lists a page of the recordings that a notice is about: those that
// still stand under their numbers, with the way to them. Nothing is opened.
func (p *portal) concerned(ctx context.Context, v *visit, page *noticePageView, items []incident.Item, from int) (more bool, err error) {
	known, err := p.acquaintances(ctx, v)
	if err != nil {
		return false, err
	}
	left := noticePage
	for _, group := range grouped(items) {
		view := concernedView{How: howText(group[0].How), Vault: known.vaultName(group[0].Vault)}
		runs := runsOf(group)
		room, holds := known.rooms[group[0].Vault]
		if !holds {
			if from == 0 {
				view.Erased = countText(countOf(runs), "recording") + " that you cannot reach: you hold that vault no more"
				page.Concerned = append(page.Concerned, view)
			}
			continue
		}
		found, err := room.Numbered(ctx, runs, from+left+1)
		if err != nil {
			return false, err
		}
		if gone := countOf(runs) - len(found); from == 0 && gone > 0 && len(found) <= left {
			view.Erased = countText(gone, "recording") + " kept no more: erased, or past their time"
		}
		skip := min(from, len(found))
		from, found = from-skip, found[skip:]
		if len(found) > left {
			found, more = found[:left], true
		}
		left -= len(found)
		for _, one := range found {
			view.Links = append(view.Links, known.recording(p, group[0].Vault, one))
		}
		if len(view.Links) > 0 || view.Erased != "" {
			page.Concerned = append(page.Concerned, view)
		}
		if more || left == 0 && from == 0 {
			return true, nil
		}
	}
	return false, nil
}

// grouped puts together what lies in one vault and was concerned in one way,
// in their order.
func grouped(items []incident.Item) (groups [][]incident.Item) {
	for _, it := range items {
		i := slices.IndexFunc(groups, func(g []incident.Item) bool { return g[0].Vault == it.Vault && g[0].How == it.How })
		if i < 0 {
			groups = append(groups, []incident.Item{it})
		} else {
			groups[i] = append(groups[i], it)
		}
	}
	return groups
}

// howText says in which way recordings were concerned.
func howText(how string) string {
	switch how {
	case incident.HowHanded:
		return "Handed over to somebody else"
	case incident.HowOpened:
		return "Opened"
	case incident.HowReach:
		return "Keys to them were in other hands"
	case incident.HowKept:
		return "Kept where they do not belong"
	}
	return strings.ToUpper(how[:min(1, len(how))]) + how[min(1, len(how)):]
}
