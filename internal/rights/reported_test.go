package rights

import (
	"bytes"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// An archive that somebody reported is handed over no further, open or sealed,
// to nobody; others go on, and so does this one once the report is closed.
// What Hearkeep notices by itself stops none.
func TestReportedArchive(t *testing.T) {
	o, ctx := openOffice(t), t.Context()
	anna, bert := o.person("Anna"), o.person("Bert")
	o.says(anna, "annas canary")
	o.says(bert, "berts canary")
	a, err := o.desk.Prepare(ctx, anna.Who, o.asks(anna, hearkeep.RequestAccess).ID)
	o.must(err)
	b, err := o.desk.Prepare(ctx, bert.Who, o.asks(bert, hearkeep.RequestAccess).ID)
	o.must(err)
	sealed, fetch, err := o.desk.SealedHere(ctx, bert.Who, o.asks(bert, hearkeep.RequestPortability).ID)
	o.must(err)
	var part bytes.Buffer
	o.must(o.desk.Send(ctx, anna.Who, a.ID, &part, 0, 100))
	o.must(o.desk.SendSealed(ctx, fetch, &part, 0, 100))

	report := func(via hearkeep.ReportVia, archive hearkeep.ArchiveID) hearkeep.ReportID {
		r := store.Report{ID: hearkeep.NewID[hearkeep.ReportID](), What: "not mine", Via: via, Archive: archive, At: now()}
		o.must(o.home.Store.Update(ctx, func(tx *store.Tx) error { return tx.Incidents.InsertReport(ctx, r) }))
		return r.ID
	}
	var after bytes.Buffer
	report(hearkeep.ReportSelf, a.ID)
	o.must(o.desk.Send(ctx, anna.Who, a.ID, &part, 0, 100))
	of, sealedOf := report(hearkeep.ReportForm, a.ID), report(hearkeep.ReportMail, sealed.ID)
	o.wants(hearkeep.Conflict, "reported, open", o.desk.Send(ctx, anna.Who, a.ID, &after, 100, a.Size))
	o.wants(hearkeep.Conflict, "reported, sealed", o.desk.SendSealed(ctx, fetch, &after, 100, sealed.Size))
	if after.Len() != 0 {
		t.Errorf("after the reports: got %d bytes, want none", after.Len())
	}
	o.must(o.desk.Send(ctx, bert.Who, b.ID, &part, 0, b.Size))

	o.must(o.home.Store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.Incidents.CloseReport(ctx, of, time.Now()); err != nil {
			return err
		}
		return tx.Incidents.CloseReport(ctx, sealedOf, time.Now())
	}))
	o.must(o.desk.Send(ctx, anna.Who, a.ID, &part, 100, a.Size))
	o.must(o.desk.SendSealed(ctx, fetch, &part, 100, sealed.Size))
}

// slowly is a reader of an archive who takes it slowly: it is reported when the
// first of it has arrived.
type slowly struct {
	bytes.Buffer
	report func()
}

func (s *slowly) Write(b []byte) (int, error) {
	if s.report != nil {
		s.report()
		s.report = nil
	}
	time.Sleep(askEvery / 2)
	return s.Buffer.Write(b)
}

// What is reported while it leaves does not leave to its end.
func TestReportedWhileItLeaves(t *testing.T) {
	o, ctx := openOffice(t), t.Context()
	anna := o.person("Anna")
	for range 4 {
		o.says(anna, "annas canary")
	}
	a, err := o.desk.Prepare(ctx, anna.Who, o.asks(anna, hearkeep.RequestAccess).ID)
	o.must(err)
	to := &slowly{report: func() {
		r := store.Report{ID: hearkeep.NewID[hearkeep.ReportID](), What: "not mine", Via: hearkeep.ReportForm, Archive: a.ID, At: now()}
		o.must(o.home.Store.Update(ctx, func(tx *store.Tx) error { return tx.Incidents.InsertReport(ctx, r) }))
	}}
	o.wants(hearkeep.Conflict, "reported on its way", o.desk.Send(ctx, anna.Who, a.ID, to, 0, a.Size))
	if to.Len() == 0 || int64(to.Len()) >= a.Size {
		t.Errorf("got %d of %d bytes, want some and not all", to.Len(), a.Size)
	}
}
