package portal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/rights"
)

// Bounds of downloads. Each piece of a download has to be taken in time, so
// that whoever takes none holds no place.
const (
	downloadsAtOnce = 32
	downloadsOfOne  = 3 // a browser resumes on a new connection before the old one is given up
	downloadPiece   = 64 << 10
	pieceWithin     = time.Minute
)

// download is a file that is written when it is asked for, any range of it.
type download struct {
	rights.Open
	account hearkeep.AccountID // whose archive it is
	whose   string             // who counts for its places: an account, or all tickets of one
	coded   bool               // it is fetched by a one-time code
	send    func(ctx context.Context, w io.Writer, from, to int64) error
}

// download answers with an archive: whole, or one range of it (RFC 9110, 13
// and 14). Its ETag is of the frozen archive, so that a range never joins two.
func (p *portal) download(w http.ResponseWriter, r *http.Request, d download) error {
	tag := strongTag(d.ETag)
	if given := r.Header.Get("If-Match"); given != "" && !hasTag(given, tag) {
		return hearkeep.Errorf(hearkeep.Changed, "This is not the archive that was begun.").WithHint("Prepare it anew.")
	}
	h := w.Header()
	h.Set("ETag", tag)
	h.Set("Accept-Ranges", "bytes")
	h.Set("Cache-Control", "private, no-store")
	if given := r.Header.Get("If-None-Match"); given != "" && hasTag(given, tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	from, to, status := int64(0), d.Size, http.StatusOK
	if r.Method == http.MethodGet && (r.Header.Get("If-Range") == "" || r.Header.Get("If-Range") == tag) {
		switch a, b, found := oneRange(r.Header.Get("Range"), d.Size); {
		case found && a >= b:
			h.Set("Content-Range", fmt.Sprintf("bytes */%d", d.Size))
			return p.tell(w, r, problem{Title: "There is no such range.", Status: http.StatusRequestedRangeNotSatisfiable, Code: hearkeep.Invalid})
		case found:
			from, to, status = a, b, http.StatusPartialContent
			h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", a, b-1, d.Size))
		}
	}
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="`+fileName(d.Name)+`"`)
	h.Set("Content-Length", strconv.FormatInt(to-from, 10))
	if r.Method == http.MethodHead {
		w.WriteHeader(status)
		return nil
	}
	leave, err := p.downloads.enter(d.whose)
	if err != nil {
		return err
	}
	defer leave()
	p.fetchedBy(r, d)
	return p.sendRange(w, r, status, d, from, to)
}

// sendRange writes a range. What fails before the first byte is told; what fails
// later breaks the connection off, so that nobody takes a part for the whole.
func (p *portal) sendRange(w http.ResponseWriter, r *http.Request, status int, d download, from, to int64) error {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	if p.Ending != nil {
		defer context.AfterFunc(p.Ending, cancel)()
	}
	out := &pieces{w: w, control: http.NewResponseController(w), status: status}
	// The deadline for reading requests would end the download.
	if err := out.control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	defer out.control.SetWriteDeadline(time.Time{}) // as the next request expects it
	err := d.send(ctx, out, from, to)
	switch {
	case err == nil:
		return nil
	case !out.begun && ctx.Err() == nil:
		return err
	case ctx.Err() == nil && !out.broken:
		p.Log.Error("a download broke off", "archive", d.ID, "code", hearkeep.CodeOf(err), "err", err)
	}
	panic(http.ErrAbortHandler)
}

// pieces writes a body piece by piece, each within pieceWithin.
type pieces struct {
	w       http.ResponseWriter
	control *http.ResponseController
	status  int
	begun   bool
	broken  bool // the reader went away, or was too slow
}

func (o *pieces) Write(b []byte) (n int, err error) {
	if !o.begun {
		o.begun = true
		o.w.WriteHeader(o.status)
	}
	for n < len(b) {
		if err := o.control.SetWriteDeadline(time.Now().Add(pieceWithin)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return n, err
		}
		wrote, err := o.w.Write(b[n:min(len(b), n+downloadPiece)])
		if n += wrote; err != nil {
			o.broken = true
			return n, err
		}
	}
	return n, nil
}

// oneRange reads a Range header of a file of size bytes: [from, to), empty
// where it cannot be satisfied. It is not found where the header is absent,
// not understood, or asks for several: then the whole file is the answer.
func oneRange(header string, size int64) (from, to int64, found bool) {
	unit, spec, ok := strings.Cut(header, "=")
	if !ok || !strings.EqualFold(textproto.TrimString(unit), "bytes") || strings.Contains(spec, ",") {
		return 0, 0, false
	}
	first, last, ok := strings.Cut(textproto.TrimString(spec), "-")
	if !ok {
		return 0, 0, false
	}
	if first == "" { // the last so many
		n, ok := digits(last)
		if !ok {
			return 0, 0, false
		}
		return size - min(n, size), size, true
	}
	if from, ok = digits(first); !ok {
		return 0, 0, false
	}
	if last == "" {
		return from, size, true
	}
	if to, ok = digits(last); !ok || to < from {
		return 0, 0, false
	}
	return from, min(to, size-1) + 1, true
}

// digits reads a number of digits alone. One that is too large is the largest.
func digits(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 1<<62 - 1, true
	}
	return n, err == nil
}

// hasTag reports whether a list of entity tags, or *, holds a strong one.
func hasTag(list, tag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one = textproto.TrimString(one); one == "*" || one == tag {
			return true
		}
	}
	return false
}

func strongTag(tag string) string {
	if strings.HasPrefix(tag, `"`) {
		return tag
	}
	return `"` + tag + `"`
}

// fileName is what a browser calls a file: letters, digits, dots and dashes.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return '-'
	}, name)
}

// places bounds what goes on at once, in all and of one. Whoever finds none is
// told to come again: a download is not worth a connection that waits.
type places struct {
	all, each int

	mu    sync.Mutex
	taken int
	of    map[string]int
}

func newPlaces(all, each int) *places { return &places{all: all, each: each, of: map[string]int{}} }

func (s *places) enter(whose string) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken >= s.all || s.of[whose] >= s.each {
		return nil, hearkeep.Errorf(hearkeep.TooMany, "Too many of these go on at once.").
			WithHint("Wait until another is done; a download can be resumed.").After(pieceWithin)
	}
	s.taken++
	s.of[whose]++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.taken--
		if s.of[whose]--; s.of[whose] == 0 {
			delete(s.of, whose)
		}
	}), nil
}
