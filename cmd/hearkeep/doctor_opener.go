package main

import "github.com/hearkeep/hearkeep/internal/archive"

// opener looks whether sealed archives will hold the page that opens them.
func (d *doctor) opener() {
	if archive.HasOpener() {
		d.ok("archives", "Sealed archives hold the page that opens them offline.")
		return
	}
	d.note("archives", "make build   (builds the page, and then Hearkeep with it)",
		"This Hearkeep was built without the page that opens sealed archives: they open with hearkeep archive open, in a terminal only.")
}
