package speech

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// RunWorker is the whole life of a worker process, whose streams stdin and
// stdout are. It executes the program again, with the same arguments, in a
// cage (Cage says what holds), and there answers events until stdin ends.
//
// Where stdout is the process's own, the protocol moves to a copy of it and
// descriptor 1 goes where stderr goes: a native library that prints cannot
// then break into an answer.
func RunWorker(stdin io.Reader, stdout io.Writer) error { return runWorker(stdin, stdout, nil) }

// runWorker is RunWorker with an answer to events that are not the worker's.
// Only tests have one, to find out from inside what the cage refuses.
func runWorker(stdin io.Reader, stdout io.Writer, other func(event) (event, error)) error {
	s, err := enterCage()
	if err != nil {
		return fmt.Errorf("speech: worker: %w", err)
	}
	out, err := private(stdout)
	if err != nil {
		return fmt.Errorf("speech: worker: %w", err)
	}
	w := newWorker(s, stdin, out)
	w.other = other
	return w.run()
}

func newWorker(s setup, in io.Reader, out io.Writer) *worker {
	return &worker{setup: s, in: newEventReader(in, maxGrammar), out: out}
}

// run is the main loop. A report goes out as an error event, and the loop goes
// on; it returns only where the other side is gone or does not speak the
// protocol.
func (w *worker) run() error {
	defer w.forget()
	for {
		ev, err := w.in.read()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = w.serve(ev)
		}
		var report *workerError
		if errors.As(err, &report) {
			var failure event
			if failure, err = newEvent(typeError, report, nil); err == nil {
				err = w.answer(failure)
			}
		}
		if err != nil {
			return fmt.Errorf("speech: worker: %w", err)
		}
	}
}

// private takes descriptor 1 away from everybody else in the process.
func private(stdout io.Writer) (io.Writer, error) {
	f, ok := stdout.(*os.File)
	if !ok || f.Fd() != 1 {
		return stdout, nil
	}
	fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	if err := unix.Dup3(2, 1, 0); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "protocol"), nil
}

// worker is the state of a worker process; one goroutine.
type worker struct {
	setup   setup
	in      *eventReader
	out     io.Writer
	other   func(event) (event, error)
	turn    uint64   // of the call that is served
	grammar *Grammar // the last accepted, or the one that waits for its engine
	lib     *sphinx  // nil until opened
	decoder *decoder // nil until made, with grammar
}

// serve carries out one event. A workerError is for the other side to know;
// any other error ends the worker.
func (w *worker) serve(ev event) error {
	w.turn = ev.Turn
	switch ev.Type {
	case typeGrammar:
		var g Grammar
		if err := json.Unmarshal(ev.Payload, &g); err != nil {
			return refused(errors.New("speech: not a grammar"))
		}
		if err := w.setGrammar(g); err != nil {
			return err
		}
		return w.answer(event{Type: typeGrammarSet})
	case typeTranscribe:
		return w.transcribe()
	case typeSynthesize:
		var s synthesize
		if err := ev.decode(&s); err != nil {
			return err
		}
		return w.synthesize(s)
	case typeDescribe:
		answer, err := newEvent(typeInfo, w.setup.describe(), nil)
		if err != nil {
			return err
		}
		return w.answer(answer)
	}
	if w.other == nil {
		return nil // Wyoming: events that are not known are ignored
	}
	answer, err := w.other(ev)
	if err != nil {
		return err
	}
	return w.answer(answer)
}

// answer sends one event of the answer to the call that is served.
func (w *worker) answer(ev event) error {
	ev.Turn = w.turn
	return writeEvent(w.out, ev)
}

// refused reports err to the other side.
func refused(err error) *workerError { return &workerError{Text: err.Error(), Code: codeRefused} }

// setGrammar makes a decoder for g. If g is refused, the one before stays; if
// the engine is absent, g waits for it.
func (w *worker) setGrammar(g Grammar) error {
	if w.lib == nil {
		lib, err := w.setup.Native.openSphinx()
		if err != nil {
			w.grammar = &g
			return err
		}
		w.lib = lib
	}
	dictionary, err := w.setup.Native.pronounce(g.Words)
	if err != nil {
		return refused(err)
	}
	d, err := newDecoder(w.lib, w.setup.Native.Model, dictionary, g.JSGF)
	if err != nil {
		return refused(err)
	}
	w.forget()
	w.decoder, w.grammar = d, &g
	return nil
}

func (w *worker) forget() {
	if w.decoder != nil {
		w.decoder.close()
		w.decoder = nil
	}
}

// transcribe reads audio to its stop, recognises it and answers.
func (w *worker) transcribe() error {
	samples, err := w.hear()
	if err != nil {
		return err
	}
	if w.grammar == nil {
		return &workerError{Text: "speech: no grammar is set", Code: codeNoGrammar}
	}
	if w.decoder == nil { // the engine was absent; it may be there now
		if err := w.setGrammar(*w.grammar); err != nil {
			return err
		}
	}
	v, err := w.decoder.recognise(samples)
	if err != nil {
		return refused(err)
	}
	answer, err := newEvent(typeTranscript, transcript{v.text, v.score, v.rejected, recogniserName}, nil)
	if err != nil {
		return err
	}
	return w.answer(answer)
}

// hear reads audio-start, audio-chunk … audio-stop. Sound in another format
// than speech has is refused, but read to its end.
func (w *worker) hear() ([]int16, error) {
	var samples []int16
	var refusal error
	most := int(MaxUtterance.Seconds()*16000) + chunkBytes
	for {
		ev, err := w.in.read()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		switch ev.Type {
		case typeAudioChunk:
			var f audioFormat
			if err := ev.decode(&f); err != nil {
				return nil, err
			}
			if !f.isSpeechFormat() || len(samples) > most {
				refusal = refused(errors.New("speech: sound too long, or not 16 kHz mono"))
				continue
			}
			samples = append(samples, samplesOf(ev.Payload)...)
		case typeAudioStop:
			return samples, refusal
		}
	}
}

// synthesize says a text and sends the sound.
func (w *worker) synthesize(s synthesize) error {
	sound, err := w.setup.Native.say(s.Text, s.Voice.Language)
	if err != nil {
		return err
	}
	events, err := audioEvents(sound.Samples, sound.Rate, sound.Engine)
	if err != nil {
		return err
	}
	for _, ev := range events {
		if err := w.answer(ev); err != nil {
			return err
		}
	}
	return nil
}
