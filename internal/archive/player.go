package archive

import (
	"bufio"
	"context"
	"fmt"
	"io"
)

// perScript is how many recordings are in one of the player's script files: a
// page opened from a folder cannot fetch, and can load scripts.
const perScript = 250

// scriptName is the n-th, counted from 1.
func scriptName(n int) string { return fmt.Sprintf("player/%05d.js", n) }

// scripts are the spans of the player's script files.
func scripts(t *table, n int) []*span {
	var spans []*span
	for from := 0; from < n; from += perScript {
		spans = append(spans, &span{name: scriptName(from/perScript + 1), sheet: func() sheet { return &script{t: t, from: from} },
			from: from, to: min(n, from+perScript)})
	}
	return spans
}

// script gives the player the recordings from one on.
type script struct {
	t    *table
	from int
}

func (s *script) begin(w *bufio.Writer) { fmt.Fprintf(w, "hearkeep.take(%d, [", s.from) }

func (s *script) recording(w *bufio.Writer, i int, r *Recording) {
	if i > s.from {
		w.WriteByte(',')
	}
	w.WriteByte('\n')
	w.Write(marshal(recordingOf(s.t, i, r)))
}

func (s *script) opening(*bufio.Writer, *Opening) {}

func (s *script) end(w *bufio.Writer) { w.WriteString("\n]);\n") }

// playerIndex gives the player the facts, and of every recording what it lists
// and filters by before its script is loaded: door, wall clock in seconds
// since 1970 less that of the recording before, tenths of a second, 1 for
// sound + 2 for words, number.
func playerIndex(f *Facts, t *table) func(context.Context, Content, io.Writer) error {
	return func(_ context.Context, _ Content, w io.Writer) error {
		out := bufio.NewWriter(w)
		head := marshal(headOf(f, t, len(t.rows)))
		fmt.Fprintf(out, "hearkeep.open(%s, %d, [", head, perScript)
		var before int64
		for i := range t.rows {
			r := &t.rows[i]
			at := r.local(t.zone)
			_, offset := at.Zone()
			wall := at.Unix() + int64(offset)
			has := 0
			if r.size >= 0 {
				has |= 1
			}
			if r.words {
				has |= 2
			}
			if i > 0 {
				out.WriteByte(',')
			}
			if i%perScript == 0 {
				out.WriteByte('\n')
			}
			fmt.Fprintf(out, "%d,%d,%d,%d,%d", r.door, wall-before, (r.took+50)/100, has, r.number)
			before = wall
			if err := failure(out); err != nil {
				return err
			}
		}
		out.WriteString("\n]);\n")
		return out.Flush()
	}
}
