package hear_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep/internal/wyoming"
)

// BenchmarkRelay asks another engine directly and through a door, in turn, and
// reports what the door adds to the time from the end of the audio to its
// transcript: the median, in milliseconds, keeping included where it falls in.
func BenchmarkRelay(b *testing.B) {
	engine := (&other{hears: "turn on the kitchen light"}).serve(b)
	d := newDoorway(b, engine)
	audio := spoken(b).samples
	var direct, relayed []time.Duration
	for b.Loop() {
		direct = append(direct, after(b, engine, audio))
		relayed = append(relayed, after(b, d.address, audio))
	}
	b.ReportMetric(float64(median(direct).Microseconds())/1000, "direct-ms")
	b.ReportMetric(float64((median(relayed)-median(direct)).Microseconds())/1000, "added-ms")
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// after is the time from the end of the audio to its transcript. The audio
// comes ten times as fast as it is spoken.
func after(b *testing.B, address string, samples []int16) time.Duration {
	b.Helper()
	c, err := wyoming.Dial(b.Context(), "tcp://"+address, wyoming.Deadlines{})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	var end time.Time
	audio := &paced{stream: stream{samples: samples, after: func() { end = time.Now() }}}
	if _, err := c.Transcribe(b.Context(), wyoming.Transcribe{}, audio); err != nil {
		b.Fatal(err)
	}
	return time.Since(end)
}

type paced struct{ stream }

func (p *paced) Next(ctx context.Context) (wyoming.AudioChunk, error) {
	time.Sleep(6 * time.Millisecond)
	return p.stream.Next(ctx)
}
