package archive

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const (
	maxName  = 1024 // bytes of a whole path
	maxPiece = 255  // bytes of one name in it
	maxDepth = 16
)

// unsafe says what keeps a path from being unpacked anywhere as what it says,
// or nothing.
func unsafe(name string) string {
	switch {
	case name == "":
		return "has no name"
	case !utf8.ValidString(name):
		return "has a name that is not UTF-8"
	case len(name) > maxName || strings.Count(name, "/") >= maxDepth:
		return "has too long a name"
	case strings.Contains(name, `\`):
		return "has a backslash in its name"
	case strings.HasPrefix(name, "/") || len(name) > 1 && name[1] == ':':
		return "has an absolute name"
	case strings.IndexFunc(name, unprintable) >= 0:
		return "has control characters in its name"
	case strings.ContainsAny(name, `<>:"|?*`):
		return "has characters in its name that Windows refuses"
	}
	for piece := range strings.SplitSeq(name, "/") {
		switch {
		case piece == "" || piece == "." || piece == "..":
			return "has a name that leads somewhere else"
		case len(piece) > maxPiece:
			return "has too long a name"
		case strings.HasSuffix(piece, ".") || strings.HasSuffix(piece, " ") || strings.HasPrefix(piece, " "):
			return "has a name that begins or ends with what file systems drop"
		case reserved(piece):
			return "is called as a device is on Windows"
		}
	}
	return ""
}

func unprintable(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }

// reserved reports whether Windows takes a name for a device, whatever follows
// its first dot.
func reserved(piece string) bool {
	base, _, _ := strings.Cut(strings.ToUpper(piece), ".")
	switch base = strings.TrimRight(base, " "); base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	if r := []rune(base); len(r) == 4 && (strings.HasPrefix(base, "COM") || strings.HasPrefix(base, "LPT")) {
		return strings.ContainsRune("0123456789¹²³", r[3])
	}
	return false
}

// distinct finds names that some file system takes for one another, and files
// that are folders of others.
type distinct struct {
	fold    cases.Caser
	files   map[string]string
	folders map[string]bool
}

func newDistinct(n int) *distinct {
	return &distinct{cases.Fold(), make(map[string]string, n), make(map[string]bool)}
}

// add says what is wrong with one more name, or nothing.
func (d *distinct) add(name string) string {
	key := norm.NFKC.String(d.fold.String(norm.NFKC.String(name)))
	if other, ok := d.files[key]; ok {
		if other == name {
			return "is there twice"
		}
		return "is called as another file is, but for case or accents"
	}
	if d.folders[key] {
		return "is a file and a folder"
	}
	d.files[key] = name
	for up := path.Dir(key); up != "." && !d.folders[up]; up = path.Dir(up) {
		if _, ok := d.files[up]; ok {
			return "lies in a folder that is a file"
		}
		d.folders[up] = true
	}
	return ""
}
