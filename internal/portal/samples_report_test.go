package portal

import (
	"fmt"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/incident"
)

// reportSamples are the pages of reports, notices and attestations.
func reportSamples(wrong *problem) []sample {
	p := &portal{Config: Config{Zone: time.UTC, Now: func() time.Time { return day0 }}}
	in := func(l hearkeep.Language, title func(publicWords) string) frame {
		return p.publicFrame(l, title(wordsIn(l)))
	}
	id := strings.Repeat("0f", 16)
	steps := []string{"A case was opened.", "You were answered.", "What it concerns was frozen.", nasty}
	text := []string{"Thank you for telling us. Your report came in on 3 May 2026, 14:32 (UTC).", nasty + "\n" + strings.Repeat("x", 200)}
	status := reportedView{ID: id, What: "Something that is not yours", At: at(day0), Frozen: true, Steps: steps}
	status.Link = "/recordings/" + id
	spoken := reportedView{ID: strings.Repeat("2d", 16), What: status.What, At: at(day0), Steps: steps[:1], Spoken: true}
	closed := status
	closed.ID = strings.Repeat("1e", 16)
	closed.Closed, closed.Frozen, closed.Steps = due(72*time.Hour), false, nil
	f := framed("What happened to your recordings", "opened")
	var links []openedRecording
	for k := range 30 {
		links = append(links, openedRecording{ID: fmt.Sprintf("%032x", k), When: at(day0.Add(-time.Duration(k) * 31 * time.Minute)), Door: "Kitchen"})
	}
	notice := func(change func(*noticePageView)) *noticePageView {
		n := &noticePageView{
			frame: f, ID: id, Subject: "Your recordings: something happened that you should know", Language: "en", Told: at(day0), Count: "1,700 recordings",
			Parts: []noticeText{{"What happened", text}, {"What may follow", text[:1]}, {"What was done", text[:1]}, {"What you can do", text[:1]}, {"Whom you can ask", text[:1]}},
			Concerned: []concernedView{
				{How: howText(incident.HowHanded), Vault: "Living room", Links: links, Erased: "2 recordings kept no more: erased, or past their time"},
				{How: howText(incident.HowReach), Vault: "a vault that you do not hold", Erased: "12 recordings that you cannot reach: you hold that vault no more"},
			},
			Next: "/notices/" + id + "?from=200",
		}
		change(n)
		return n
	}
	attesting := func(l hearkeep.Language, change func(*attestPage)) *attestPage {
		a := &attestPage{
			frame: in(l, func(w publicWords) string { return w.Attest }), Words: wordsIn(l), Link: "/attest/ABC", Answers: true, Asked: at(day0), Until: due(720 * time.Hour), Text: text,
			Yes: "I have deleted everything that I received by mistake, with all copies.", No: "I have not deleted it, or not all of it.",
		}
		change(a)
		return a
	}
	about := &notMinePage{frame: framed("This is not mine", ""), To: "/recordings/" + id + "/not-mine", Back: "/recordings/" + id, BackTo: "The recording", About: "This recording", When: due(0), Door: nasty}
	one := *about
	one.Given, one.Problem = nasty, wrong
	told := framed("Doors", "doors")
	told.Unread = []string{id}
	twice := told
	twice.Unread = []string{id, id}
	all := []sample{
		{"report-wrong", "report", &reportPage{in("en", func(w publicWords) string { return w.Report }), wordsIn("en"), ownLanguages(), reportForm{nasty, nasty, nasty}, wrong, true}},
		{"reporttaken", "reporttaken", &takenPage{in("de", func(w publicWords) string { return w.Thanks }), wordsIn("de"), "/report/ABCDEFGHIJKLMNOPQRSTUVWXYZ", "https://keep.example.org/report/ABCDEFGHIJKLMNOPQRSTUVWXYZ", text}},
		{"reportstatus", "reportstatus", &statusPage{in("fr", func(w publicWords) string { return w.Yours }), status, wordsIn("fr")}},
		{"reportstatus-closed", "reportstatus", &statusPage{in("en", func(w publicWords) string { return w.Yours }), closed, wordsIn("en")}},
		{"attest", "attest", attesting("en", func(*attestPage) {})},
		{"attest-wrong", "attest", attesting("nl", func(a *attestPage) {
			a.Problem, a.Given.Name, a.Given.Statement, a.Given.Answer = wrong, nasty, nasty, "no"
		})},
		{"attest-done", "attest", attesting("it", func(a *attestPage) { a.Ended, a.Answers = a.Words.Attested, false })},
		{"attest-refused", "attest", attesting("es", func(a *attestPage) { a.Ended = a.Words.Refused })},
		{"notmine", "notmine", about},
		{"notmine-wrong", "notmine", &one},
		{"notmine-archive", "notmine", &notMinePage{frame: framed("Report something", ""), To: "/reports/new", Back: "/reports", BackTo: "Your reports", Archive: true, Evidence: id}},
		{"reports", "reports", &reportsPage{frame: framed("Your reports", "opened"), Language: "en", Done: text, Reports: []reportedView{status, spoken, closed}}},
		{"reports-none", "reports", &reportsPage{frame: framed("Your reports", "opened")}},
		{"notices", "notices", &noticesPage{frame: framed("What you should know", "opened"), Language: "en", Notices: []noticeView{{id, nasty, at(day0), "1,700 recordings", true}, {strings.Repeat("1e", 16), "Your recordings", at(day0), "1 recording", false}}}},
		{"notices-none", "notices", &noticesPage{frame: framed("What you should know", "opened")}},
		{"notice", "notice", notice(func(n *noticePageView) { n.Offer = text })},
		{"notice-further", "notice", notice(func(n *noticePageView) { n.First, n.Next, n.Concerned = "/notices/"+id, "", n.Concerned[:1] })},
		{"notice-past-the-end", "notice", notice(func(n *noticePageView) { n.First, n.Concerned, n.Next = "/notices/"+id, nil, "" })},
		{"doors-unread", "doors", &doorsPage{frame: told, Doors: sampleDoors()[:1]}},
		{"doors-unread-several", "doors", &doorsPage{frame: twice, Doors: sampleDoors()[:1]}},
	}
	for _, l := range hearkeep.Languages() {
		all = append(all, sample{"report-" + string(l), "report", &reportPage{in(l, func(w publicWords) string { return w.Report }), wordsIn(l), ownLanguages(), reportForm{}, nil, l != "en"}})
	}
	return all
}
