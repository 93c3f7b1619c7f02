package portal

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/rights"
)

// sampleRequest is a request as its person sees it, received three days ago.
func sampleRequest(kind hearkeep.RequestKind, state hearkeep.RequestState, change func(*rights.Request)) requestView {
	p := &portal{Config: Config{Zone: time.UTC, Now: func() time.Time { return day0 }}}
	r := rights.Request{
		ID: hearkeep.RequestID{15: 7}, Kind: kind, State: state, Via: hearkeep.ViaPortal,
		Received: day0.AddDate(0, 0, -3), Due: time.Date(2026, 5, 30, 23, 59, 59, 0, time.UTC),
	}
	if state.Ended() {
		r.Ended, r.Answer = day0, []byte("hearkeep/answer/v1")
	}
	if change != nil {
		change(&r)
	}
	return p.requestView(r)
}

func sampleFrozen() []frozenView {
	return []frozenView{
		{ID: fmt.Sprintf("%032x", 1), What: "Everything in “Living room”", Since: at(day0), Mine: true},
		{ID: fmt.Sprintf("%032x", 2), What: "A recording in “" + nasty + "”", Recording: fmt.Sprintf("%032x", 9), Since: at(day0)},
		{ID: fmt.Sprintf("%032x", 3), What: "Everything in “Your keep”", Since: at(day0)},
	}
}

func sampleRights(change func(*rightsPage)) *rightsPage {
	page := &rightsPage{frame: framed("Your rights", "rights"), Key: "3f0a 91c4 77be 02d5 e81c 4410 9a6f c3b2"}
	for _, kind := range hearkeep.RequestKinds() {
		page.Kinds = append(page.Kinds, kindView{Kind: kind, kindText: textOf(kind)})
	}
	change(page)
	return page
}

func samplePage(view requestView, change func(*requestPage)) *requestPage {
	page := &requestPage{frame: framed(view.Text.Name, "rights"), requestView: view, Fresh: true, HasKit: true, Reaches: true}
	if change != nil {
		change(page)
	}
	return page
}

func sampleArchive() *archiveView {
	return &archiveView{fmt.Sprintf("%032x", 5), "hearkeep-2026-05-03.zip", "241.7 MB", "1,700 recordings", at(day0), at(day0.Add(24 * time.Hour))}
}

// rightsSamples are the pages of requests, archives and clocks.
func rightsSamples(wrong *problem) []sample {
	access := sampleRequest(hearkeep.RequestAccess, hearkeep.RequestOpen, nil)
	late := sampleRequest(hearkeep.RequestErasure, hearkeep.RequestOpen, func(r *rights.Request) {
		r.ID, r.Due, r.Extended, r.Reason = hearkeep.RequestID{15: 8}, day0.AddDate(0, 0, -2), day0.AddDate(0, 0, -1), nasty
	})
	asked := sampleRequest(hearkeep.RequestPortability, hearkeep.RequestAsked, func(r *rights.Request) {
		r.ID, r.Via = hearkeep.RequestID{15: 9}, hearkeep.ViaVoice
	})
	goes := []goesView{
		{strings.Repeat("1a", 16), "Your keep", 1700, "1,700 recordings", "1 h 53 min", "104.1 MB", due(-1000 * time.Hour), "", true},
		{strings.Repeat("2b", 16), nasty, 12, "12 recordings", "40.0 s", "1.1 MB", due(-10 * time.Hour), "2 other people", false},
		{strings.Repeat("3c", 16), "Kim’s", 0, "0 recordings", "0.0 s", "0 bytes", nil, "", false},
	}
	receipt := erasedView{"Your keep", "1,700 recordings", strings.Repeat("0f", 16), at(day0), at(day0.AddDate(0, 0, 30)), 4212, true, true}
	clock := func(n int, kind hearkeep.RequestKind, state, left string, late bool) clockView {
		return clockView{fmt.Sprintf("%032x", n), kind, state, hearkeep.ViaPortal, at(day0.AddDate(0, 0, -3)), at(day0.AddDate(0, 0, 27)), left, late, nil}
	}
	clocks := []clockView{
		clock(1, hearkeep.RequestAccess, "stopped", "3 days late", true), clock(2, hearkeep.RequestErasure, "open", "in 27 days", false), clock(3, hearkeep.RequestAccess, "to be confirmed", "today", false),
	}
	clocks[1].Extended = due(0)
	counts := []countView{{hearkeep.RequestAccess, "answered", 12}, {hearkeep.RequestErasure, "open", 1}}
	operator := frame{Title: "Requests", Zone: "UTC"}
	return append(slices.Concat(claimSamples(wrong), operatorSamples(wrong)), []sample{
		{"rights", "rights", sampleRights(func(*rightsPage) {})},
		{"rights-open", "rights", sampleRights(func(page *rightsPage) {
			page.frame, page.Done = inVault("Your rights", "rights"), rightsDone("withdrawn")
			page.Open, page.Frozen = []requestView{access, late, asked}, sampleFrozen()
			page.Ended = []requestView{sampleRequest(hearkeep.RequestObjection, hearkeep.RequestAnswered, func(r *rights.Request) { r.ID = hearkeep.RequestID{15: 10} })}
			page.Kinds[0].Open, page.Claims = access.ID, 2
		})},
		{"request-access", "request", samplePage(access, nil)},
		{"request-access-nokit", "request", samplePage(access, func(page *requestPage) { page.HasKit = false })},
		{"request-access-stale", "request", samplePage(access, func(page *requestPage) { page.Fresh, page.Done = false, requestDone("confirmed") })},
		{"request-access-waits", "request", samplePage(access, func(page *requestPage) { page.Waits = due(70 * time.Hour) })},
		{"request-access-checks", "request", samplePage(access, func(page *requestPage) { page.Checks = due(-time.Minute) })},
		{"request-access-ready", "request", samplePage(sampleRequest(hearkeep.RequestAccess, hearkeep.RequestReady, nil), func(page *requestPage) { page.Archive, page.Reaches = sampleArchive(), false })},
		{"request-access-frozen", "request", samplePage(access, func(page *requestPage) { page.Problem, page.Frozen = wrong, sampleFrozen()[:1] })},
		{"request-stopped", "request", samplePage(sampleRequest(hearkeep.RequestAccess, hearkeep.RequestStopped, nil), nil)},
		{"request-asked", "request", samplePage(asked, nil)},
		{"request-erasure", "request", samplePage(late, nil)},
		{"request-restriction", "request", samplePage(sampleRequest(hearkeep.RequestRestriction, hearkeep.RequestOpen, nil), func(page *requestPage) { page.Vaults, page.Frozen = sampleVaults(), sampleFrozen()[2:] })},
		{"request-rectification", "request", samplePage(sampleRequest(hearkeep.RequestRectification, hearkeep.RequestOpen, nil), nil)},
		{"request-objection", "request", samplePage(sampleRequest(hearkeep.RequestObjection, hearkeep.RequestOpen, nil), nil)},
		{"request-access-sealing", "request", samplePage(access, func(page *requestPage) { page.Seals, page.Again = due(-time.Minute), againIn })},
		{"request-access-sealed", "request", samplePage(access, func(page *requestPage) { page.Sealed, page.Reaches, page.Fresh = sampleArchive(), false, false })},
		{"request-access-answered", "request", samplePage(sampleRequest(hearkeep.RequestAccess, hearkeep.RequestAnswered, nil), func(page *requestPage) { page.Archive, page.Sealed = sampleArchive(), sampleArchive() })},
		{"request-answered", "request", samplePage(sampleRequest(hearkeep.RequestErasure, hearkeep.RequestAnswered, nil), nil)},
		{"eraserequest", "eraserequest", &eraseRequestPage{frame: framed("What would go", "rights"), ID: access.ID, Vaults: goes, KeysGone: due(720 * time.Hour), Told: []string{"Ben", nasty}}},
		{"eraserequest-wrong", "eraserequest", &eraseRequestPage{frame: framed("What would go", "rights"), ID: access.ID, Vaults: goes[:1], KeysWait: true, KeysGone: due(100 * time.Hour), Problem: wrong}},
		{"eraserequest-none", "eraserequest", &eraseRequestPage{frame: framed("What would go", "rights"), ID: access.ID}},
		{"requesterased", "requesterased", &erasedPage{framed("Erased", "rights"), access.ID, []erasedView{receipt}, true}},
		{"requesterased-none", "requesterased", &erasedPage{frame: framed("Erased", "rights"), ID: access.ID}},
		{"words", "words", &wordsPage{inVault("Correct the words", ""), sampleDays()[0].Rows[0], nasty, nil}},
		{"words-wrong", "words", &wordsPage{framed("Correct the words", ""), sampleDays()[0].Rows[0], "", wrong}},
		{"recording-corrected", "recording", sampleRecording(func(r *recordingPage) {
			r.Correct, r.Version, r.Done = true, 2, "The words are corrected. Those before are destroyed."
		})},
		{"recording-frozen", "recording", sampleRecording(func(r *recordingPage) { one := sampleFrozen()[0]; r.Frozen, r.Correct = &one, true })},
		{"fetch", "fetch", &fetchPage{frame: unframed("Fetch a sealed archive")}},
		{"fetch-wrong", "fetch", &fetchPage{frame: unframed("Fetch a sealed archive"), Problem: wrong}},
		{"fetch-ready", "fetch", &fetchPage{frame: unframed("Fetch a sealed archive"), Archive: sampleArchive()}},
		{"operator", "operator", &operatorPage{frame: operator, Clocks: clocks, Counts: counts, Claims: 2, Reports: 1, Restrictions: 3, Most: true}},
		{"operator-none", "operator", &operatorPage{frame: operator, Done: "It has two more months.", Problem: wrong}},
		{"operatorlink", "operatorlink", &operatorLinkPage{unframed("The operator’s page"), "abc"}},
	}...)
}
