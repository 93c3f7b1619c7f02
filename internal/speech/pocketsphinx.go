package speech

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"github.com/ebitengine/purego"
	"golang.org/x/sys/unix"
)

// sphinx is pocketsphinx 0.8/5prealpha as Debian builds it, opened at run
// time. Only the worker opens it.
type sphinx struct {
	args         func() uintptr
	parse        func(cmd, defs uintptr, argc int32, argv uintptr, strict int32) uintptr
	setString    func(cmd uintptr, name, value string)
	setInt       func(cmd uintptr, name string, value int64)
	freeConfig   func(cmd uintptr) int32
	silence      func(callback, user uintptr)
	setLog       func(file uintptr)
	open         func(cmd uintptr) uintptr
	free         func(ps uintptr) int32
	setJSGF      func(ps uintptr, name, jsgf string) int32
	setAllphone  func(ps uintptr, name string, path uintptr) int32
	setSearch    func(ps uintptr, name string) int32
	startStream  func(ps uintptr) int32
	startUtt     func(ps uintptr) int32
	processRaw   func(ps uintptr, data unsafe.Pointer, n uintptr, noSearch, full int32) int32
	endUtt       func(ps uintptr) int32
	hypothesis   func(ps uintptr, score *int32) uintptr
	segments     func(ps uintptr) uintptr
	nextSegment  func(seg uintptr) uintptr
	segmentWord  func(seg uintptr) string
	segmentSpan  func(seg uintptr, from, to *int32)
	segmentScore func(seg uintptr, acoustic, language, backoff *int32) int32
}

// openSphinx loads the two libraries by name. It fails where one is missing
// or lacks a function.
func openSphinx(base, pocket string) (*sphinx, error) {
	b, err := purego.Dlopen(base, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, err
	}
	p, err := purego.Dlopen(pocket, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, err
	}
	s := &sphinx{}
	for _, f := range []struct {
		lib  uintptr
		name string
		fn   any
	}{
		{b, "cmd_ln_parse_r", &s.parse}, {b, "cmd_ln_set_str_r", &s.setString},
		{b, "cmd_ln_set_int_r", &s.setInt}, {b, "cmd_ln_free_r", &s.freeConfig},
		{b, "err_set_callback", &s.silence}, {b, "err_set_logfp", &s.setLog},
		{p, "ps_args", &s.args}, {p, "ps_init", &s.open}, {p, "ps_free", &s.free},
		{p, "ps_set_jsgf_string", &s.setJSGF}, {p, "ps_set_allphone_file", &s.setAllphone},
		{p, "ps_set_search", &s.setSearch}, {p, "ps_start_stream", &s.startStream}, {p, "ps_start_utt", &s.startUtt},
		{p, "ps_process_raw", &s.processRaw}, {p, "ps_end_utt", &s.endUtt},
		{p, "ps_get_hyp", &s.hypothesis}, {p, "ps_seg_iter", &s.segments},
		{p, "ps_seg_next", &s.nextSegment}, {p, "ps_seg_word", &s.segmentWord},
		{p, "ps_seg_frames", &s.segmentSpan}, {p, "ps_seg_prob", &s.segmentScore},
	} {
		addr, err := purego.Dlsym(f.lib, f.name)
		if err != nil {
			return nil, err
		}
		purego.RegisterFunc(f.fn, addr)
	}
	s.silence(0, 0) // its log holds what it heard
	s.setLog(0)
	return s, nil
}

// Searches of a decoder.
const (
	searchGrammar = "grammar"
	searchPhones  = "phones"
)

var errUtterance = errors.New("speech: pocketsphinx fails on an utterance")

// decoder is pocketsphinx with one grammar; not for concurrent use.
type decoder struct {
	lib *sphinx
	ps  uintptr
}

// newDecoder loads the acoustic model, and a dictionary and grammar that are
// never written to a disk: the names of timers stand in them.
func newDecoder(lib *sphinx, model, dictionary, jsgf string) (*decoder, error) {
	dict, err := memoryFile("dictionary", []byte(dictionary))
	if err != nil {
		return nil, fmt.Errorf("speech: dictionary: %w", err)
	}
	defer dict.Close()
	config := lib.parse(0, lib.args(), 0, 0, 1)
	if config == 0 {
		return nil, errors.New("speech: pocketsphinx takes no configuration")
	}
	defer lib.freeConfig(config)
	lib.setString(config, "-hmm", filepath.Join(model, "en-us"))
	lib.setString(config, "-dict", dict.path())
	lib.setInt(config, "-allphone_ci", 1)
	// Sound comes trimmed; without its own removal of silence both passes count
	// the same frames.
	lib.setInt(config, "-remove_silence", 0)
	d := &decoder{lib: lib}
	if d.ps = lib.open(config); d.ps == 0 {
		return nil, errors.New("speech: pocketsphinx does not start: acoustic model or dictionary")
	}
	if lib.setJSGF(d.ps, searchGrammar, jsgf) != 0 {
		d.close()
		return nil, errors.New("speech: pocketsphinx refuses the grammar")
	}
	if lib.setAllphone(d.ps, searchPhones, 0) != 0 {
		d.close()
		return nil, errors.New("speech: pocketsphinx has no phone search")
	}
	return d, nil
}

func (d *decoder) close() { d.lib.free(d.ps) }

// segment is one word, phone or filler of a pass over the audio.
type segment struct {
	word     string
	from, to int // frames of 10 ms, both included
	acoustic int // log likelihood against the frame's best density; 0 is best
}

// listen makes the noise level of an utterance known before it is searched: it
// runs the front end alone over all of it. It begins a stream of its own, so
// that nothing is carried over from the utterance before.
func (d *decoder) listen(samples []int16) error {
	if d.lib.startStream(d.ps) != 0 {
		return errUtterance
	}
	return d.run(searchGrammar, samples, 1)
}

// run takes a whole utterance through the front end and, unless noSearch is
// 1, a search. Whole, because cepstral means are then taken of all of it, and
// of nothing else.
func (d *decoder) run(search string, samples []int16, noSearch int32) error {
	if len(samples) == 0 || d.lib.setSearch(d.ps, search) != 0 || d.lib.startUtt(d.ps) != 0 {
		return errUtterance
	}
	n := d.lib.processRaw(d.ps, unsafe.Pointer(unsafe.SliceData(samples)), uintptr(len(samples)), noSearch, 1)
	if d.lib.endUtt(d.ps) != 0 || n < 0 {
		return errUtterance
	}
	return nil
}

// pass searches an utterance that was listened to. No segments means that
// nothing in the search fits.
func (d *decoder) pass(search string, samples []int16) ([]segment, error) {
	if err := d.run(search, samples, 0); err != nil {
		return nil, err
	}
	var score int32
	if search == searchGrammar && d.lib.hypothesis(d.ps, &score) == 0 {
		return nil, nil
	}
	var segments []segment
	for seg := d.lib.segments(d.ps); seg != 0; seg = d.lib.nextSegment(seg) {
		var from, to, acoustic, language, backoff int32
		d.lib.segmentSpan(seg, &from, &to)
		d.lib.segmentScore(seg, &acoustic, &language, &backoff)
		if word := d.lib.segmentWord(seg); word != "(NULL)" {
			segments = append(segments, segment{word, int(from), int(to), int(acoustic)})
		}
	}
	return segments, nil
}

// memFile is a file that exists in memory only.
type memFile struct{ *os.File }

// memoryFile makes a memory file that holds content.
func memoryFile(name string, content []byte) (memFile, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return memFile{}, err
	}
	f := memFile{os.NewFile(uintptr(fd), name)}
	if _, err := f.Write(content); err != nil {
		f.Close()
		return memFile{}, err
	}
	return f, nil
}

// path is where this process, and no other user's, can open the file.
func (f memFile) path() string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }
