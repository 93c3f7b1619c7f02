package portal

import (
	"fmt"
	"time"
)

// openedSamples are the pages that say who opened what.
func openedSamples() []sample {
	n := int64(4300)
	row := func(in time.Duration, who, says string, change func(*openedRow)) openedRow {
		n--
		r := openedRow{Seq: n, When: at(day0.Add(in)), Who: who, Says: says, Door: "Kitchen"}
		if change != nil {
			change(&r)
		}
		return r
	}
	link := func(k int) openedRecording {
		return openedRecording{ID: fmt.Sprintf("%032x", k), When: at(day0.Add(-time.Duration(k) * 31 * time.Minute)), Door: "Kitchen"}
	}
	var links []openedRecording
	for k := range 12 {
		links = append(links, link(k))
	}
	rows := []openedRow{
		row(0, "You", "played the sound of 1 recording.", func(r *openedRow) { r.ISO, r.Yours, r.Links = "2026-05-03", true, links[:1] }),
		row(-time.Minute, "Ben", "read, in a list, the words of 1,700 recordings.", func(r *openedRow) {
			r.Vault, r.Links, r.More = "Living room", links, "1,688 more recordings not listed here"
		}),
		row(-2*time.Minute, "Your program “backup”", "played the sound of 3 recordings.", func(r *openedRow) { r.Links, r.Erased = links[:2], "1 recording is kept no more" }),
		row(-3*time.Minute, "You", "handed over an archive of 1,700 recordings.", func(r *openedRow) { r.Mark, r.Erased = "left", "1,700 recordings are kept no more" }),
		row(-4*time.Minute, nasty, "tried to play what did not open: 1 recording.", func(r *openedRow) { r.Mark, r.Vault, r.Door = "bad", nasty, nasty }),
		row(-26*time.Hour, "The operator", "signed in to the operator’s page.", func(r *openedRow) { r.ISO, r.Door = "2026-05-02", "" }),
		row(-9000*time.Hour, "Somebody, or Hearkeep itself,", "opened something. More than a year ago: who it was and what it concerned is forgotten, and that it happened is not.", func(r *openedRow) { r.ISO, r.Door, r.Expired = "2025-04-23", "", true }),
	}
	f := framed("Who opened my recordings", "opened")
	one := link(1)
	return []sample{
		{"opened", "opened", &openedPageView{frame: f, Rows: rows, Groups: openedGroups(), Older: "/opened?before=4200"}},
		{"opened-vaults", "opened", &openedPageView{frame: inVault(f.Title, "opened"), Rows: rows, Groups: openedGroups(), Group: "opened", Vaults: sampleVaults(), Of: sampleVaults()[1].ID, Newest: "/opened?kind=opened"}},
		{"opened-recording", "opened", &openedPageView{frame: f, Rows: rows[:1], Groups: openedGroups(), Recording: &one}},
		{"opened-none", "opened", &openedPageView{frame: f, Groups: openedGroups()}},
		{"opened-none-of-it", "opened", &openedPageView{frame: f, Groups: openedGroups(), Group: "left"}},
		{"opened-further-back", "opened", &openedPageView{frame: f, Groups: openedGroups(), Group: "left", Searched: true, Older: "/opened?before=4200&kind=left"}},
	}
}
