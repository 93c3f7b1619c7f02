package archive

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// Bag is an open archive that has been planned: one ZIP file, in it one
// folder, in that a BagIt 1.0 bag (RFC 8493). Of every recording it keeps the
// time, the size and the hashes, 80 bytes in all, and no words.
//
// It may be written by several at the same time, each with contents of their
// own.
type Bag struct {
	facts Facts
	top   string // the folder in the ZIP, with its slash
	t     *table
	files []*file
	made  uint32 // facts.Made as ZIP has it
	zip   *zipLayout
	hash  [32]byte
}

// New plans an open archive. It reads the contents once, and keeps the last
// part of a page in memory at most. It fails with hearkeep.Stopped where a
// recording is of no door that the facts name, or where numbers are not
// accounted for (C2).
func New(ctx context.Context, f Facts, c Content) (*Bag, error) {
	if f.Zone == nil {
		f.Zone = time.UTC
	}
	id := f.Archive.String()
	b := &Bag{facts: f, made: dosTime(f.Made.In(f.Zone)),
		top: fmt.Sprintf("hearkeep-%s-%s/", f.Made.In(f.Zone).Format("2006-01-02"), id[:6])}
	b.t = newTable(&b.facts, c.Count())
	payload, tags, err := b.plan(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := b.declare(payload, tags); err != nil {
		return nil, err
	}
	b.zip, err = newZipLayout(len(b.files)+len(b.t.sounds), b.member)
	return b, err
}

// plan measures what is made of facts and contents: files of the payload, and
// others.
func (b *Bag) plan(ctx context.Context, c Content) (payload, tags []*file, err error) {
	n := c.Count()
	spans := []*span{
		{name: "data/transcripts.csv", sheet: func() sheet { return transcripts{b.t} }, to: n},
		{name: "data/data.json", sheet: func() sheet { return &data{facts: &b.facts, t: b.t, n: n} }, to: n, openings: true},
		{name: "data/who-opened.csv", sheet: func() sheet { return openings{b.t} }, openings: true},
	}
	whole := len(spans)
	made, err := pass(ctx, c, b.t, append(spans, scripts(b.t, n)...))
	if err != nil {
		return nil, nil, err
	}
	if err := b.t.addsUp(); err != nil {
		return nil, nil, err
	}
	payload, tags = made[:whole:whole], made[whole:]
	for _, f := range []struct {
		name string
		text []byte
	}{
		{"data/numbers.csv", numbers(b.t)}, {"data/withheld.csv", withheld(&b.facts)},
		{"data/information.html", information(&b.facts)}, {"data/schema.json", schema()},
	} {
		made, err := text(f.name, f.text)
		if err != nil {
			return nil, nil, err
		}
		payload = append(payload, made)
	}
	index, err := measure(ctx, "player/index.js", playerIndex(&b.facts, b.t))
	return payload, append(tags, index), err
}

// declare makes the tag files, in which everything is declared.
func (b *Bag) declare(payload, tags []*file) error {
	octets := b.t.payload()
	for _, f := range payload {
		octets += f.size
	}
	hashes, err := measure(context.Background(), manifestName, payloadManifest(payload, b.t))
	if err != nil {
		return err
	}
	declared := []*file{hashes}
	for _, f := range append(page(),
		tagFile{bagitName, []byte(bagitText)},
		tagFile{infoName, info(&b.facts, octets, len(payload)+len(b.t.sounds))},
		tagFile{"README.txt", readme(&b.facts, b.t)},
	) {
		made, err := text(f.name, f.text)
		if err != nil {
			return err
		}
		declared = append(declared, made)
	}
	declared = append(declared, tags...)
	last, err := text(tagManifestName, tagManifest(declared))
	if err != nil {
		return err
	}
	b.hash = last.sum
	b.files = append(append([]*file{last}, declared...), payload...)
	return nil
}

// tagFile is a file whose bytes are there.
type tagFile struct {
	name string
	text []byte
}

func (b *Bag) member(i int) zipMember {
	if i < len(b.files) {
		f := b.files[i]
		return zipMember{name: b.top + f.name, size: f.size, crc: f.crc, when: b.made}
	}
	r := &b.t.rows[b.t.sounds[i-len(b.files)]]
	return zipMember{name: b.top + b.t.soundName(r), size: r.size, crc: r.crc, when: dosTime(r.local(b.facts.Zone))}
}

// Name is how the file is called: "hearkeep-2026-07-03-a1b2c3.zip".
func (b *Bag) Name() string { return strings.TrimSuffix(b.top, "/") + ".zip" }

// Size is the whole file's, in bytes.
func (b *Bag) Size() int64 { return b.zip.size }

// Count is how many recordings are in it, those without sound as well.
func (b *Bag) Count() int { return len(b.t.rows) }

// Hash is the SHA-256 of its tag manifest, which names the hash of every other
// manifest and tag file, and so of everything.
func (b *Bag) Hash() [32]byte { return b.hash }

// ETag is a strong entity tag (RFC 9110): the same bytes, and no others, have it.
func (b *Bag) ETag() string { return `"` + string(hexOf(b.hash))[:32] + `"` }

// Write writes the bytes [from, to) of the file. Contents must be those that
// it was planned with. It fails with hearkeep.Changed where they are not;
// what was written then is no part of the archive.
func (b *Bag) Write(ctx context.Context, w io.Writer, c Content, from, to int64) error {
	if c.Count() != len(b.t.rows) {
		return changed("the count of recordings")
	}
	ahead := newBehind(w)
	err := b.write(ctx, ahead, c, from, to)
	if e := ahead.close(); err == nil || e != nil {
		err = e // of both, the writer's is the cause
	}
	return err
}

func (b *Bag) write(ctx context.Context, w io.Writer, c Content, from, to int64) error {
	return b.zip.write(ctx, w, func(ctx context.Context, i int, w io.Writer, from, to int64) error {
		if i < len(b.files) {
			return b.files[i].again(ctx, c, w, from, to)
		}
		return sound(ctx, w, c, int(b.t.sounds[i-len(b.files)]), from, to)
	}, from, to)
}

// sound has the bytes [from, to) of a recording's sound read into w.
func sound(ctx context.Context, w io.Writer, c Content, i int, from, to int64) error {
	s, err := c.Sound(ctx, i)
	if err != nil {
		return err
	}
	for err == nil && from < to {
		at := from
		var n int64
		n, err = fill(w, to-from, func(p []byte) error {
			if n, err := s.ReadAt(p, at); n < len(p) { // as io.ReaderAt has it, err says why
				return fmt.Errorf("archive: sound of recording %d: %w", i, err)
			}
			return nil
		})
		from += n
	}
	if _, e := fill(w, 0, func([]byte) error { return s.Close() }); err == nil {
		err = e
	}
	return err
}
