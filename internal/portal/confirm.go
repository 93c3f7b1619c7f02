package portal

import "net/http"

// confirmPage asks before something that is not undone by a click.
type confirmPage struct {
	frame
	What   string   // what it concerns, in its own words
	Says   []string // what will happen, a paragraph each
	Action string   // where the form goes
	Button string
	Field  string // what the form says besides; empty for nothing
	Value  string
	Back   string // where Cancel leads
}

func (p *portal) confirm(w http.ResponseWriter, page *confirmPage) error {
	p.show(w, http.StatusOK, "confirm", page)
	return nil
}

// linkPage shows a one-use link, once.
type linkPage struct {
	frame
	Link string
	Says []string
	Back string
}
