package archive

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
)

// file is one that is made from facts and contents whenever it is wanted.
type file struct {
	name string // within the bag
	size int64
	crc  uint32
	sum  [32]byte
	make func(ctx context.Context, c Content, w io.Writer) error
}

// measure is file with what write writes now as the plan.
func measure(ctx context.Context, name string, write func(ctx context.Context, c Content, w io.Writer) error) (*file, error) {
	m := newMeasured()
	if err := write(ctx, nil, m); err != nil {
		return nil, err
	}
	return m.file(name, write), nil
}

// text is a file of bytes that are there.
func text(name string, b []byte) (*file, error) {
	return measure(context.Background(), name, func(_ context.Context, _ Content, w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// again writes the bytes [from, to) of a file by making it from its start. If
// it comes to its end, it is held against the plan: Changed.
func (f *file) again(ctx context.Context, c Content, w io.Writer, from, to int64) error {
	m := newMeasured()
	out := &window{w: w, from: from, to: to}
	err := f.make(ctx, c, io.MultiWriter(out, m))
	switch {
	case errors.Is(err, errEnough):
		return nil
	case err != nil:
		return err
	case m.size != f.size || m.sum() != f.sum:
		return changed(f.name)
	}
	return nil
}

// measured is metered with a hash.
type measured struct {
	metered
	hash hash.Hash
}

func newMeasured() *measured { return &measured{hash: sha256.New()} }

func (m *measured) Write(b []byte) (int, error) {
	m.hash.Write(b)
	return m.metered.Write(b)
}

func (m *measured) sum() (sum [32]byte) {
	m.hash.Sum(sum[:0])
	return sum
}

func (m *measured) file(name string, again func(context.Context, Content, io.Writer) error) *file {
	return &file{name: name, size: m.size, crc: m.crc, sum: m.sum(), make: again}
}

// sheet writes a file recording by recording, and then opening by opening. It
// need not look at errors: a bufio.Writer keeps its first.
type sheet interface {
	begin(w *bufio.Writer)
	recording(w *bufio.Writer, i int, r *Recording)
	opening(w *bufio.Writer, o *Opening)
	end(w *bufio.Writer)
}

// span is a sheet's file, and what of the contents goes into it.
type span struct {
	name     string
	sheet    func() sheet // a fresh one
	from, to int          // recordings
	openings bool
}

// make writes the whole file.
func (s *span) make(ctx context.Context, c Content, w io.Writer) error {
	out := bufio.NewWriterSize(w, 32<<10)
	sheet := s.sheet()
	sheet.begin(out)
	if s.from < s.to {
		err := c.Recordings(ctx, s.from, func(i int, r Recording) error {
			if i >= s.to {
				return errEnough
			}
			sheet.recording(out, i, &r)
			return failure(out)
		})
		if err != nil && (!errors.Is(err, errEnough) || failure(out) != nil) {
			return err
		}
	}
	if s.openings {
		err := c.Openings(ctx, func(o Opening) error {
			sheet.opening(out, &o)
			return failure(out)
		})
		if err != nil {
			return err
		}
	}
	sheet.end(out)
	return out.Flush()
}

// failure is the first error of a bufio.Writer.
func failure(w *bufio.Writer) error {
	_, err := w.Write(nil)
	return err
}

// started is a span that is being measured in the one pass of New.
type started struct {
	*span
	sheet sheet
	sum   *measured
	out   *bufio.Writer
}

func (s *span) start() *started {
	m := newMeasured()
	st := &started{s, s.sheet(), m, bufio.NewWriterSize(m, 32<<10)}
	st.sheet.begin(st.out)
	return st
}

func (s *started) file() *file {
	s.sheet.end(s.out)
	s.out.Flush() // into a hash, which never fails
	return s.sum.file(s.name, s.span.make)
}

// pass measures all spans in one pass over the recordings and one over the
// openings, and fills the table. It returns their files in order.
func pass(ctx context.Context, c Content, t *table, spans []*span) ([]*file, error) {
	files := make([]*file, len(spans))
	open := make([]*started, len(spans))
	ready := func(n int) { // what begins or ends before the n-th recording
		for i, s := range spans {
			if open[i] == nil && files[i] == nil && s.from <= n {
				open[i] = s.start()
			}
			if open[i] != nil && s.to <= n && !s.openings {
				files[i], open[i] = open[i].file(), nil
			}
		}
	}
	n := c.Count()
	next := 0
	err := c.Recordings(ctx, 0, func(i int, r Recording) error {
		if i != next || i >= n {
			return stopped("recording %s came as number %d, and %d of %d was due", r.ID, i, next, n)
		}
		if err := t.add(r); err != nil {
			return err
		}
		if i%perScript == 0 { // spans begin and end there, and nowhere else
			ready(i)
		}
		for _, s := range open {
			if s != nil && i < s.to {
				s.sheet.recording(s.out, i, &r)
			}
		}
		next++
		return nil
	})
	if err != nil {
		return nil, err
	}
	if next != n {
		return nil, stopped("%d recordings came, and %d were due", next, n)
	}
	ready(n)
	err = c.Openings(ctx, func(o Opening) error {
		for _, s := range open {
			if s != nil {
				s.sheet.opening(s.out, &o)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, s := range open {
		if s != nil {
			files[i] = s.file()
		}
	}
	return files, nil
}
