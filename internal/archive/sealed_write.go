package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/hearkeep/hearkeep"
)

// at is where the i-th recording's bytes begin in a member, and past the last
// one where the member ends.
func (p *sealedPlan) at(of string, i int) int64 {
	end := i == len(p.rows)
	switch {
	case of == memberWraps && end:
		return p.wraps
	case of == memberText && end:
		return p.text
	case end:
		return p.sound
	case of == memberWraps:
		return p.rows[i].wraps
	case of == memberText:
		return p.rows[i].text
	}
	return p.rows[i].sound
}

// first is the first recording of which a member has bytes after from.
func (p *sealedPlan) first(of string, from int64) int {
	return sort.Search(len(p.rows), func(i int) bool { return p.at(of, i+1) > from })
}

// each goes through the recordings whose bytes lie in [from, to) of a member,
// and holds each against what was frozen.
func (p *sealedPlan) each(ctx context.Context, of string, from, to int64, fn func(i int, r SealedRecording, wraps, text []byte) error) error {
	next := p.first(of, from)
	err := p.vault.Content.Each(ctx, next, func(i int, r SealedRecording) error {
		if i >= len(p.rows) || p.at(of, i) >= to {
			return errEnough
		}
		wraps, text, _, err := rowBytes(r)
		if err != nil {
			return err
		}
		if i != next || rowSum(r, wraps, text) != p.rows[i].sum {
			return errChangedRow(r)
		}
		next++
		return fn(i, r, wraps, text)
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return err
}

// writeRows writes a range of the wraps or of the text.
func (p *sealedPlan) writeRows(ctx context.Context, w io.Writer, of string, from, to int64) error {
	out := &window{w: w, from: from, to: to}
	return p.each(ctx, of, from, to, func(i int, _ SealedRecording, wraps, text []byte) error {
		out.at = p.at(of, i)
		if of == memberWraps {
			return out.put(wraps)
		}
		return out.put(text)
	})
}

const (
	soundChunk  = 256 << 10 // bytes that are read, hashed and written at once
	soundChunks = 8         // on their way
)

// piece is some bytes of a sound, and where they stand in the member.
type piece struct {
	at  int64
	buf []byte
}

// writeSound writes a range of the sounds. One goroutine reads and hashes
// while this one writes. The last piece of a sound is passed on only after
// its hash was found to be that of its row.
func (p *sealedPlan) writeSound(ctx context.Context, w io.Writer, from, to int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := soundStream{ctx: ctx, pieces: make(chan piece, soundChunks), free: make(chan []byte, soundChunks+2)}
	for range soundChunks + 2 {
		s.free <- nil // made when it is first needed
	}
	done := make(chan error, 1)
	go func() {
		defer close(s.pieces)
		done <- p.each(ctx, memberSound, from, to, func(i int, r SealedRecording, _, _ []byte) error {
			return s.sound(r, p.at(memberSound, i))
		})
	}()
	out := &window{w: w, from: from, to: to}
	var failed error
	for next := range s.pieces {
		if failed == nil {
			out.at = next.at
			if failed = out.put(next.buf); failed != nil {
				cancel()
			}
		}
		s.free <- next.buf
	}
	if err := <-done; failed == nil {
		failed = err
	}
	return failed
}

// soundStream reads and hashes sounds into pieces.
type soundStream struct {
	ctx    context.Context
	pieces chan piece
	free   chan []byte
}

// sound reads one recording's sound, if it has one.
func (s *soundStream) sound(r SealedRecording, at int64) error {
	parts, err := sortedParts(r)
	audio := parts[partIndex(hearkeep.PartAudio)]
	if err != nil || audio == nil {
		return err
	}
	cause, err := s.copy(r, audio, at)
	if cause == nil || err != nil {
		return err
	}
	cause = fmt.Errorf("archive: sound of recording %s: %w", r.ID, cause)
	if err := r.Damaged(s.ctx, cause); err != nil {
		cause = errors.Join(cause, err)
	}
	return hearkeep.Errorf(hearkeep.Stopped, "A recording is not what was stored, so this archive stops here.").
		WithHint("That is written down, and whoever runs this keep can see that it happened.").Because(cause)
}

// copy passes a sound on. damage says why it is not what was stored; err is
// any other failure. The last piece is sent after the hash was compared.
func (s *soundStream) copy(r SealedRecording, audio *SealedPart, at int64) (damage, err error) {
	in, err := r.Audio(s.ctx)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	sum := sha256.New()
	for left := audio.Size; ; {
		buf, err := s.room()
		if err != nil {
			return nil, err
		}
		n := min(left, soundChunk)
		_, err = io.ReadFull(in, buf[:n])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			s.free <- buf
			return errors.New("it is shorter than its row says"), nil
		}
		if err != nil {
			s.free <- buf
			return nil, fmt.Errorf("archive: read sound of recording %s: %w", r.ID, err)
		}
		sum.Write(buf[:n])
		if left -= n; left == 0 {
			if damage := compare(sum.Sum(nil), audio, in); damage != nil {
				s.free <- buf
				return damage, nil
			}
		}
		if err := s.pass(piece{at, buf[:n]}); err != nil || left == 0 {
			return nil, err
		}
		at += n
	}
}

// compare holds a sound that was read to its size against its row.
func compare(sum []byte, audio *SealedPart, in io.Reader) error {
	if string(sum) != string(audio.Hash[:]) {
		return errors.New("its SHA-256 is not that of its row")
	}
	var more [1]byte
	if n, _ := in.Read(more[:]); n > 0 {
		return errors.New("it is longer than its row says")
	}
	return nil
}

func (s *soundStream) room() ([]byte, error) {
	select {
	case buf := <-s.free:
		if buf == nil {
			buf = make([]byte, soundChunk)
		}
		return buf[:soundChunk], nil
	case <-s.ctx.Done():
		return nil, s.ctx.Err()
	}
}

func (s *soundStream) pass(p piece) error {
	select {
	case s.pieces <- p:
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}
