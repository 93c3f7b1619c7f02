package speech

import (
	"time"

	"github.com/hearkeep/hearkeep"
)

// endpointDrop is how far below the threshold a frame may fall that follows
// one of speech, and still be speech.
const endpointDrop = 0.15

// EndpointOptions say what an utterance is. A field that is zero has the value
// given with it.
type EndpointOptions struct {
	Threshold float32       // probability from which a frame is speech: 0.5
	MinSpeech time.Duration // of speech on end, before it is believed: 100 ms
	Trailing  time.Duration // without speech, before the utterance has ended: 700 ms
	PreRoll   time.Duration // kept before the speech: 200 ms
	PostRoll  time.Duration // kept after it: 200 ms
	MaxWait   time.Duration // for speech to begin: 8 s
	MaxSpeech time.Duration // from Begin to End: 30 s
}

func (o EndpointOptions) withDefaults() EndpointOptions {
	fill := func(field *time.Duration, value time.Duration) {
		if *field <= 0 {
			*field = value
		}
	}
	if o.Threshold <= 0 {
		o.Threshold = 0.5
	}
	fill(&o.MinSpeech, 100*time.Millisecond)
	fill(&o.Trailing, 700*time.Millisecond)
	fill(&o.PreRoll, 200*time.Millisecond)
	fill(&o.PostRoll, 200*time.Millisecond)
	fill(&o.MaxWait, 8*time.Second)
	fill(&o.MaxSpeech, 30*time.Second)
	return o
}

// EndpointEvent is what an Endpointer found out.
type EndpointEvent int

// The last three are final.
const (
	EndpointNone    EndpointEvent = iota // nothing new
	EndpointBegan                        // somebody speaks, from Begin
	EndpointEnded                        // they spoke from Begin to End
	EndpointTooLong                      // they have spoken from Begin for MaxSpeech, which is End
	EndpointNothing                      // nobody spoke within MaxWait, or before the sound ended
)

func (e EndpointEvent) String() string {
	return [...]string{"none", "began", "ended", "too long", "nothing"}[e]
}

// Endpoint is where an utterance begins and ends, in samples since the first
// that the Endpointer was fed.
type Endpoint struct {
	Event EndpointEvent
	Begin int // PreRoll included, as far as there was sound
	End   int // not included; PostRoll is, as far as there was sound; 0 until known
}

// Endpointer finds one utterance in sound as it comes in. It holds at most a
// frame of 32 ms of it. One goroutine at a time may use it.
type Endpointer struct {
	options  EndpointOptions
	activity *VoiceActivity
	network  listener
	speech   stretch
	frame    [sileroFrame]int16
	filled   int
	state    Endpoint // None: nobody has spoken yet; Began: somebody speaks; or final
}

// NewEndpointer waits for an utterance.
func NewEndpointer(v *VoiceActivity, o EndpointOptions) *Endpointer {
	o = o.withDefaults()
	return &Endpointer{options: o, activity: v, speech: o.stretch()}
}

// Feed takes the next 16 kHz mono samples, any number of them, and gives what
// they brought: the last event where there were several. After a final event
// it takes no more, and repeats that event. It allocates nothing.
func (e *Endpointer) Feed(samples []int16) Endpoint {
	before := e.state.Event
	for len(samples) > 0 && !e.final() {
		n := copy(e.frame[e.filled:], samples)
		samples = samples[n:]
		if e.filled += n; e.filled == sileroFrame {
			e.hear()
		}
	}
	if e.state.Event == before && !e.final() {
		return Endpoint{}
	}
	return e.state
}

// Finish says that the sound has ended, and gives the final event.
func (e *Endpointer) Finish() Endpoint {
	total := e.speech.frames*sileroFrame + e.filled
	if e.filled > 0 && !e.final() {
		clear(e.frame[e.filled:])
		e.hear()
	}
	switch e.state.Event {
	case EndpointNone:
		e.state = Endpoint{Event: EndpointNothing}
	case EndpointBegan:
		e.end()
	}
	e.state.End = min(e.state.End, total)
	return e.state
}

func (e *Endpointer) final() bool { return e.state.Event > EndpointBegan }

// hear takes the frame that has been filled.
func (e *Endpointer) hear() {
	e.filled = 0
	ended := e.speech.next(e.network.hear(e.activity, &e.frame))
	now := e.speech.frames * sileroFrame
	if e.state.Event == EndpointNone {
		switch {
		case e.speech.believed:
			e.state = Endpoint{Event: EndpointBegan, Begin: max(0, e.speech.first*sileroFrame-inSamples(e.options.PreRoll))}
		case e.speech.run == 0 && now >= inSamples(e.options.MaxWait): // not while speech may be beginning
			e.state.Event = EndpointNothing
		}
		return
	}
	switch limit := e.limit(); {
	case ended:
		e.end()
	case now >= limit:
		e.state.Event, e.state.End = EndpointTooLong, limit
	}
}

// end closes the utterance after its last frame of speech.
func (e *Endpointer) end() {
	e.state.Event = EndpointEnded
	spoken := (e.speech.last+1)*sileroFrame + inSamples(e.options.PostRoll)
	e.state.End = min(spoken, e.limit(), e.speech.frames*sileroFrame)
}

// limit is where an utterance that has begun is too long.
func (e *Endpointer) limit() int { return e.state.Begin + inSamples(e.options.MaxSpeech) }

// Activity says whether there is speech in 16 kHz mono samples and, if so,
// from which sample to which (end not included), with a short margin. However
// long a pause, the speech after it counts. It may be called concurrently.
func (v *VoiceActivity) Activity(samples []int16) (begin, end int, speech bool) {
	o := EndpointOptions{}.withDefaults()
	var network listener
	s := o.stretch()
	for at := 0; at < len(samples); at += sileroFrame {
		var frame [sileroFrame]int16 // the last is filled up with silence
		copy(frame[:], samples[at:])
		s.next(network.hear(v, &frame))
		if !s.believed {
			continue
		}
		if !speech {
			begin, speech = max(0, s.first*sileroFrame-inSamples(o.PreRoll)), true
		}
		end = min(len(samples), (s.last+1)*sileroFrame+inSamples(o.PostRoll))
	}
	return begin, end, speech
}

// stretch is speech with pauses too short to end it, found in the
// probabilities of one frame after another.
type stretch struct {
	threshold   float32
	least       int // frames of speech on end, before the stretch is believed
	pause       int // frames without, before it has ended
	frames      int // heard so far
	first, last int // frames of speech in the stretch at hand
	run         int // frames of speech on end, up to now
	open        bool
	believed    bool
}

func (o EndpointOptions) stretch() stretch {
	return stretch{threshold: o.Threshold, least: inFrames(o.MinSpeech), pause: inFrames(o.Trailing)}
}

// next takes a frame's probability and says whether a stretch that was
// believed has ended with it; first and last are then still that stretch's.
func (s *stretch) next(p float32) (ended bool) {
	now := s.frames
	s.frames++
	threshold := s.threshold
	if s.run > 0 {
		threshold -= endpointDrop
	}
	if p >= threshold {
		if !s.open {
			s.open, s.first = true, now
		}
		s.last = now
		s.run++
		s.believed = s.believed || s.run >= s.least
		return false
	}
	s.run = 0
	if s.open && now-s.last >= s.pause {
		ended = s.believed
		s.open, s.believed = false, false
	}
	return ended
}

func inSamples(d time.Duration) int { return int(d * hearkeep.SampleRate / time.Second) }

// inFrames is the nearest number of frames, at least one.
func inFrames(d time.Duration) int {
	return max(1, (inSamples(d)+sileroFrame/2)/sileroFrame)
}
