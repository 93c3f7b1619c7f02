package portal

import (
	"context"
	"net/http"
	"strings"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
)

// notMinePage asks somebody signed in what is not theirs, or wrong.
type notMinePage struct {
	frame
	To       string // where the form goes
	Back     string
	BackTo   string // what Back is called
	About    string // what it is about: "This recording"; empty where they name it
	When     *clock // of a recording
	Door     string
	Archive  bool   // they name an archive
	Evidence string // as typed
	Given    string // what they wrote
	Problem  *problem
}

func (p *portal) notMyRecordingForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	page, _, err := p.notMyRecordingPage(r, v)
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "notmine", page)
	return nil
}

// notMyRecordingPage is about a recording of the open vault. It opens nothing:
// whose it is may just be in doubt.
func (p *portal) notMyRecordingPage(r *http.Request, v *visit) (*notMinePage, incident.Filing, error) {
	f := filing(v)
	id, err := pathID[hearkeep.RecordingID](r)
	if err != nil {
		return nil, f, err
	}
	place, err := v.room.Place(r.Context(), id)
	if err != nil {
		return nil, f, err
	}
	doors, err := v.room.Bindings(r.Context())
	if err != nil {
		return nil, f, err
	}
	page := &notMinePage{
		frame: p.frameOf(v, "This is not mine", ""), To: "/recordings/" + id.String() + "/not-mine",
		Back: "/recordings/" + id.String(), BackTo: "The recording", About: "This recording", When: p.clockOf(place.Start),
	}
	for _, b := range doors {
		if b.ID == place.Binding {
			page.Door = b.Door.Name
		}
	}
	f.Recording = id
	return page, f, nil
}

func (p *portal) notMyRecording(w http.ResponseWriter, r *http.Request, v *visit) error {
	page, f, err := p.notMyRecordingPage(r, v)
	if err != nil {
		return err
	}
	return p.file(w, r, v, page, f)
}

func (p *portal) notMyDoorForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	page, _, err := p.notMyDoorPage(r, v)
	if err != nil {
		return err
	}
	p.show(w, http.StatusOK, "notmine", page)
	return nil
}

func (p *portal) notMyDoorPage(r *http.Request, v *visit) (*notMinePage, incident.Filing, error) {
	f := filing(v)
	b, err := doorOf(r, v)
	if err != nil {
		return nil, f, err
	}
	f.Binding = b.ID
	return &notMinePage{
		frame: p.frameOf(v, "This device is not mine", "doors"), To: "/doors/" + b.ID.String() + "/not-mine",
		Back: "/doors/" + b.ID.String(), BackTo: "The door", About: "This door", Door: b.Door.Name,
	}, f, nil
}

func (p *portal) notMyDoor(w http.ResponseWriter, r *http.Request, v *visit) error {
	page, f, err := p.notMyDoorPage(r, v)
	if err != nil {
		return err
	}
	return p.file(w, r, v, page, f)
}

func (p *portal) newReportForm(w http.ResponseWriter, r *http.Request, v *visit) error {
	page := p.newReportPage(v)
	page.Evidence = clipText(r.URL.Query().Get("archive"), 64)
	p.show(w, http.StatusOK, "notmine", page)
	return nil
}

func (p *portal) newReportPage(v *visit) *notMinePage {
	return &notMinePage{frame: p.frameOf(v, "Report something", ""), To: "/reports/new", Back: "/reports", BackTo: "Your reports", Archive: true}
}

func (p *portal) newReport(w http.ResponseWriter, r *http.Request, v *visit) error {
	return p.file(w, r, v, p.newReportPage(v), filing(v))
}

// filing is a report by a visit's person.
func filing(v *visit) incident.Filing {
	return incident.Filing{What: incident.WhatNotMine, Via: hearkeep.ReportPortal, By: v.who.Account(), Vault: v.room.ID()}
}

// file takes a report of somebody signed in, and shows its acknowledgement
// above all their reports.
func (p *portal) file(w http.ResponseWriter, r *http.Request, v *visit, page *notMinePage, f incident.Filing) error {
	if err := form(r); err != nil {
		return err
	}
	ctx := context.WithoutCancel(r.Context())
	page.Given, page.Evidence = r.PostFormValue("about"), strings.TrimSpace(r.PostFormValue("evidence"))
	f.About = page.Given
	if page.Archive {
		if f.Receipt = page.Evidence; f.Receipt == "" {
			f.What = incident.WhatOther
		}
	}
	var err error
	if f.Language, err = p.Incidents.Language(ctx, f.By); err != nil {
		return err
	}
	taken, err := p.Incidents.File(ctx, f, "")
	if pr := mended(err); pr != nil && !wantsJSON(r) {
		page.Problem = pr
		p.show(w, pr.Status, "notmine", page)
		return nil
	}
	if err != nil {
		return err
	}
	return p.showReports(w, r, v, paragraphsOf(taken.Text))
}
