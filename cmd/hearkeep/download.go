package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"time"

	"github.com/hearkeep/hearkeep"
)

// download is an archive that is fetched, in this run of the program or in
// several: what is there already is beside the file, as NAME.part, with what
// it is a part of, as NAME.part.json.
type download struct {
	Path   string `json:"path"` // at the keep
	Name   string `json:"name"`
	ETag   string `json:"etag"`
	Bytes  int64  `json:"bytes"`
	Ticket string `json:"ticket,omitempty"` // for a sealed archive: leave to fetch it, for a day
	URL    string `json:"url"`
	Sealed bool   `json:"sealed,omitempty"`

	out  string
	ask  func(*http.Request)
	keep device
	told *console
}

const (
	downloadTries = 8 // in a row without a byte
	downloadPause = time.Second
)

// archiveName is what a keep calls the file of an archive.
var archiveName = regexp.MustCompile(`^hearkeep-[0-9A-Za-z.-]{1,80}\.zip$`)

// outFile is where an archive goes: the file that was named, else what the
// keep calls it, in this folder. It refuses a file that is there.
func outFile(given, name string) (string, error) {
	if given == "" {
		if !archiveName.MatchString(name) { // it becomes a file's name
			name = "hearkeep-archive.zip"
		}
		given = name
	}
	if _, err := os.Lstat(given); err == nil {
		return "", hearkeep.Errorf(hearkeep.Conflict, "There is a file %s already.", given).WithHint("Remove it, or name another with --out.")
	}
	return given, nil
}

// resumable reads what an earlier run left beside a file; nil where that is
// nothing, or another keep's.
func resumable(out, url string) *download {
	data, err := os.ReadFile(out + ".part.json")
	var d download
	if err != nil || json.Unmarshal(data, &d) != nil || d.URL != url || d.Path == "" || d.ETag == "" {
		return nil
	}
	if info, err := os.Stat(out + ".part"); err != nil || info.Size() == 0 || info.Size() > d.Bytes {
		return nil
	}
	d.out = out
	return &d
}

func (d *download) part() string { return d.out + ".part" }

// forget removes what an earlier run left.
func (d *download) forget() error {
	var errs []error
	for _, name := range []string{d.part(), d.part() + ".json"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// errOver says that an archive cannot be fetched any further.
var errOver = errors.New("the archive that was begun is there no more")

// run fetches what is missing and gives the file its name once it is whole.
// It fails with errOver where the keep has that archive no more.
func (d *download) run(ctx context.Context) error {
	if err := writeSecret(d.part()+".json", d); err != nil {
		return err
	}
	file, err := os.OpenFile(d.part(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	bar := meter{out: d.told.err, total: d.Bytes, shows: isTerminal(d.told.err)}
	for tries := 0; ; {
		at, err := file.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		if at == d.Bytes {
			break
		}
		n, err := d.piece(ctx, file, at, &bar)
		switch {
		case errors.Is(err, errOver), ctx.Err() != nil:
			bar.end()
			return errors.Join(err, ctx.Err())
		case err == nil:
			continue
		case n > 0:
			tries = 0
		}
		if tries++; tries >= downloadTries || final(err) {
			bar.end()
			return fmt.Errorf("%w (run it again to go on from %d of %d bytes)", err, at+n, d.Bytes)
		}
		select {
		case <-time.After(downloadPause << min(tries-1, 4)):
		case <-ctx.Done():
		}
	}
	bar.end()
	if err := errors.Join(file.Sync(), file.Close(), os.Rename(d.part(), d.out)); err != nil {
		return err
	}
	return os.Remove(d.part() + ".json")
}

// final reports what trying again does not mend.
func final(err error) bool {
	switch hearkeep.CodeOf(err) {
	case hearkeep.Unauthorized, hearkeep.Forbidden, hearkeep.StepUp, hearkeep.Stopped, hearkeep.Invalid:
		return true
	}
	return false
}

// piece fetches from a place on, as far as the connection lasts.
func (d *download) piece(ctx context.Context, file *os.File, at int64, bar *meter) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.keep.URL+d.Path, nil)
	if err != nil {
		return 0, err
	}
	d.ask(req)
	req.Header.Set("Accept", "application/json") // of what goes wrong
	req.Header.Set("If-Match", d.ETag)
	if at > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", at))
		req.Header.Set("If-Range", d.ETag)
	}
	resp, err := d.keep.send(req, 0)
	if err != nil {
		return 0, err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		err := problemOf(d.keep.URL, resp)
		if code := hearkeep.CodeOf(err); code == hearkeep.NotFound || code == hearkeep.Changed {
			return 0, fmt.Errorf("%w: %w", errOver, err)
		}
		return 0, err
	}
	defer resp.Body.Close()
	switch want := fmt.Sprintf("bytes %d-%d/%d", at, d.Bytes-1, d.Bytes); {
	case resp.Header.Get("ETag") != d.ETag:
		return 0, errOver
	case resp.StatusCode == http.StatusPartialContent && resp.Header.Get("Content-Range") == want:
	case resp.StatusCode == http.StatusOK && resp.ContentLength == d.Bytes:
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return 0, err
		}
		if err := file.Truncate(0); err != nil {
			return 0, err
		}
		at = 0
	default:
		return 0, notHearkeep(d.keep.URL, fmt.Errorf("status %s, range %q, want %q", resp.Status, resp.Header.Get("Content-Range"), want))
	}
	bar.done = at
	n, err := io.Copy(io.MultiWriter(file, bar), io.LimitReader(resp.Body, d.Bytes-at))
	if err == nil && at+n < d.Bytes {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		err = codedError{exitUnreachable, hearkeep.Errorf(hearkeep.Unavailable, "The connection to your keep broke off.").Because(err)}
	}
	return n, err
}

// meter shows how far a download is, where somebody looks.
type meter struct {
	out         io.Writer
	done, total int64
	shows       bool
	last        time.Time
}

func (m *meter) Write(b []byte) (int, error) {
	m.done += int64(len(b))
	if m.shows && time.Since(m.last) > 250*time.Millisecond {
		m.last = time.Now()
		m.show()
	}
	return len(b), nil
}

func (m *meter) show() {
	fmt.Fprintf(m.out, "\r%3d %%  %.1f of %.1f MB", m.done*100/max(1, m.total), float64(m.done)/1e6, float64(m.total)/1e6)
}

// end leaves the line.
func (m *meter) end() {
	if m.shows && !m.last.IsZero() {
		m.show()
		fmt.Fprintln(m.out)
	}
}
