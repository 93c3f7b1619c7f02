package archive

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
)

// Folder writes an unlocked archive into an empty folder, as the open archive
// would be: with the page that plays it, and a bag that can be verified. Every
// byte is checked first. What does not open is left out and returned by name,
// all that is wrong with the archive; the rest is written. Progress, which may
// be nil, is called as recordings are checked.
func (u *Unlocked) Folder(ctx context.Context, to *os.Root, zone *time.Location, progress func(done, of int)) ([]Fault, error) {
	faults := append([]Fault(nil), u.Faults()...)
	c := &reopened{u: u, seen: make(map[placeOf]bool)}
	for i := range u.Count() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		found, err := c.check(i)
		if err != nil {
			return nil, err
		}
		faults = append(faults, found...)
		if progress != nil {
			progress(i+1, u.Count())
		}
	}
	b, err := New(ctx, u.facts(c, faults, zone), c)
	if err != nil {
		return nil, err
	}
	return faults, b.unpack(ctx, c, to)
}

// facts are what the open archive says of itself: what the sealed one said,
// and what did not open of it.
func (u *Unlocked) facts(c *reopened, faults []Fault, zone *time.Location) Facts {
	about := u.About()
	f := Facts{
		Archive: about.Archive, Request: about.Request, Kind: about.Kind, Account: about.Account, Service: about.Service, Made: about.Made,
		Zone: zone, Vaults: c.vaults(), Withheld: u.Withheld(),
	}
	said := "Every recording opened as it was sealed."
	if len(faults) > 0 {
		said = "What was wrong with the sealed archive is listed below; it is left out here."
	}
	opened := Section{"Opened from a sealed archive", []string{said,
		"The sealed archive was signed under a key with the fingerprint " + about.Fingerprint + "; only if your keep shows the same one was it made there."}}
	if !about.Signed {
		opened.Text[1] = "The sealed archive was not signed by the key that it names: anybody may have made or altered it."
	}
	for i, fault := range faults {
		if i == maxNamed {
			opened.Text = append(opened.Text, fmt.Sprintf("And %d more.", len(faults)-i))
			break
		}
		opened.Text = append(opened.Text, fault.Sentence()+".")
	}
	f.Notice = []Section{opened}
	return f
}

// reopened is the content of an open archive that comes out of a sealed one:
// what opened of it.
type reopened struct {
	u    *Unlocked
	rows []reopenedRow
	seen map[placeOf]bool
}

type reopenedRow struct {
	at     int32 // in the sealed archive
	silent bool  // its sound does not open
}

type placeOf struct {
	vault   hearkeep.VaultID
	binding hearkeep.BindingID
	number  hearkeep.Number
}

// check takes the i-th recording if it is the first of its number.
func (c *reopened) check(i int) ([]Fault, error) {
	faults, err := c.u.Check(i)
	if err != nil {
		return nil, err
	}
	r, _, err := c.u.Recording(i)
	if err != nil {
		return nil, err
	}
	at := placeOf{r.Vault, r.Binding, r.Number}
	if c.seen[at] || r.Number == 0 {
		return faults, nil // named by the numbering
	}
	c.seen[at] = true
	row := reopenedRow{at: int32(i)}
	for _, f := range faults {
		row.silent = row.silent || f.Part == hearkeep.PartAudio
	}
	if r.Sound != nil && r.Sound.MediaType != "audio/flac" && !row.silent {
		v, k := c.u.find(i)
		row.silent = true
		faults = append(faults, Fault{Vault: v.index.head.Name, Door: v.door(k).Name, Number: r.Number, Part: hearkeep.PartAudio, What: "is not FLAC"})
	}
	c.rows = append(c.rows, row)
	return faults, nil
}

// vaults are the doors, with what is here made to add up: what is neither here
// nor gone counts as withheld.
func (c *reopened) vaults() []Vault {
	in := make(map[placeOf]int)
	last := make(map[placeOf]hearkeep.Number)
	for at := range c.seen {
		door := placeOf{vault: at.vault, binding: at.binding}
		in[door]++
		last[door] = max(last[door], at.number)
	}
	all := c.u.Vaults()
	for v := range all {
		for d := range all[v].Doors {
			door := &all[v].Doors[d]
			at := placeOf{vault: all[v].ID, binding: door.Binding}
			door.In = in[at]
			door.Last = max(door.Last, int(last[at]), door.In)
			if gone := door.Erased + door.Expired + door.Failed; gone > door.Last-door.In || gone < 0 {
				door.Erased, door.Expired, door.Failed = 0, 0, 0
			}
			door.Withheld = door.Last - door.In - door.Erased - door.Expired - door.Failed
		}
	}
	return all
}

// Count implements Content.
func (c *reopened) Count() int { return len(c.rows) }

// Recordings implements Content.
func (c *reopened) Recordings(ctx context.Context, from int, fn func(int, Recording) error) error {
	for i := from; i < len(c.rows); i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, _, err := c.u.Recording(int(c.rows[i].at))
		if err != nil {
			return err
		}
		if c.rows[i].silent {
			r.Sound = nil
		}
		if err := fn(i, r); err != nil {
			return err
		}
	}
	return nil
}

// Sound implements Content.
func (c *reopened) Sound(_ context.Context, i int) (SoundReader, error) {
	p, err := c.u.Sound(int(c.rows[i].at))
	if err != nil {
		return nil, err
	}
	return openedSound{p}, nil
}

// Openings implements Content: a sealed archive holds none, since the names in
// them are its service's to give.
func (c *reopened) Openings(context.Context, func(Opening) error) error { return nil }

type openedSound struct{ *seal.PartReader }

func (openedSound) Close() error { return nil }

// unpack writes a bag's files into a folder. No name leads out of it.
func (b *Bag) unpack(ctx context.Context, c Content, to *os.Root) error {
	for i := range b.zip.count() {
		m := b.member(i)
		if err := b.unpackFile(ctx, c, to, i, strings.TrimPrefix(m.name, b.top), m.size); err != nil {
			return fmt.Errorf("archive: write the folder: %w", err)
		}
	}
	return nil
}

func (b *Bag) unpackFile(ctx context.Context, c Content, to *os.Root, i int, name string, size int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := to.MkdirAll(path.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := to.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := b.fileBody(ctx, c, f, i, size); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func (b *Bag) fileBody(ctx context.Context, c Content, w io.Writer, i int, size int64) error {
	if i < len(b.files) {
		return b.files[i].again(ctx, c, w, 0, size)
	}
	s, err := c.Sound(ctx, int(b.t.sounds[i-len(b.files)]))
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = io.Copy(w, io.NewSectionReader(s, 0, size))
	return err
}
