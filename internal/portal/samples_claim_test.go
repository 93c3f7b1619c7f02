package portal

import (
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/rights"
)

// sampleClaimed is a claim as its claimant sees it.
func sampleClaimed(change func(*rights.ClaimStatus)) *claimedPage {
	p := &portal{Config: Config{Zone: time.UTC, Now: func() time.Time { return day0 }}}
	c := rights.ClaimStatus{State: "open", Made: day0, Due: day0.AddDate(0, 1, 0), From: day0.Add(-20 * time.Hour), To: day0.Add(-17 * time.Hour)}
	if change != nil {
		c.Ended = day0.AddDate(0, 0, 3)
		change(&c)
	}
	return p.claimedPage("ABCDEFGHIJKLMNOPQRSTUVWXYZ", c)
}

// claimSamples are the pages of claims.
func claimSamples(wrong *problem) []sample {
	p := &portal{Config: Config{Zone: time.UTC, Now: func() time.Time { return day0.AddDate(0, 0, 10) }}}
	n := byte(0)
	view := func(door string, change func(*rights.ToAnswer)) claimView {
		n++
		c := rights.ToAnswer{ID: hearkeep.ClaimID{15: n}, Door: hearkeep.BindingID{1, 2, 3, 4, n}, State: "open", Made: day0, Due: day0.AddDate(0, 1, 0), From: day0.Add(-20 * time.Hour), To: day0.Add(-17 * time.Hour)}
		change(&c)
		return p.claimView(c, door)
	}
	ended := func(state string, count int) claimView {
		return view("Kitchen", func(c *rights.ToAnswer) { c.State, c.Count, c.Ended = state, count, day0.AddDate(0, 0, 3) })
	}
	open := []claimView{
		view("Kitchen", func(c *rights.ToAnswer) {
			c.Count, c.About, c.Reach = 2, "I was at your party, and sang. Please erase it.", "carl@example.org"
		}),
		view(nasty, func(c *rights.ToAnswer) { c.Place, c.About, c.Reach = nasty, strings.Repeat(nasty, 20), nasty }),
		view("", func(c *rights.ToAnswer) { c.Before, c.Due = true, day0 }),
	}
	open[1].Vault = nasty
	return []sample{
		{"claim", "claim", &claimPage{frame: unframed(claimTitle), Given: claimForm{Door: "K7QD-2M9X"}}},
		{"claim-wrong", "claim", &claimPage{unframed(claimTitle), claimForm{nasty, nasty, nasty, nasty, nasty, nasty, nasty}, wrong}},
		{"claimed", "claimed", sampleClaimed(nil)},
		{"claimed-counted", "claimed", sampleClaimed(func(c *rights.ClaimStatus) { c.State, c.Count, c.Remark = "counted", 1700, nasty })},
		{"claimed-erased", "claimed", sampleClaimed(func(c *rights.ClaimStatus) { c.State, c.Count = "erased", 1 })},
		{"claimed-invited", "claimed", sampleClaimed(func(c *rights.ClaimStatus) {
			c.State, c.Link, c.Remark = "invited", "http://localhost:8484/join/abc", "Come in."
		})},
		{"claimed-unanswered", "claimed", sampleClaimed(func(c *rights.ClaimStatus) { c.State = "unanswered" })},
		{"claims", "claims", &claimsPage{frame: inVault("Claims by others", "rights"), Open: open, Ended: []claimView{ended("counted", 3), ended("erased", 1), ended("invited", 0), ended("nothing", 0), ended("withdrawn", 0), ended("unanswered", 0)}}},
		{"claims-wrong", "claims", &claimsPage{frame: framed("Claims by others", "rights"), Open: open[:1], Problem: wrong}},
		{"claims-none", "claims", &claimsPage{frame: framed("Claims by others", "rights")}},
	}
}
