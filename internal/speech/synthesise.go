package speech

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// MaxText is how many bytes of a text are said; about two minutes.
const MaxText = 2000

// sayLongest ends a synthesiser that does not end by itself.
const sayLongest = 15 * time.Second

// tag is the shape of a language tag. One that differs is refused: it goes on
// a command line, where a text never does.
var tag = regexp.MustCompile(`^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{1,8})*$`)

// clean takes out of a text what is no text: control characters, broken
// UTF-8, and the brackets that espeak-ng reads phonemes in. It ends at a word
// within MaxText bytes.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == unicode.ReplacementChar, r == '[', r == ']', unicode.IsControl(r), unicode.IsSpace(r):
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > MaxText {
		text = strings.ToValidUTF8(text[:MaxText], "")
		if i := strings.LastIndexByte(text, ' '); i > 0 {
			text = text[:i]
		}
	}
	if !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }) {
		return ""
	}
	return text
}

// plain writes a text without the marks on its letters and with plain
// quotation marks. ok is false where that leaves something other than ASCII,
// which flite cannot say.
func plain(text string) (ascii string, ok bool) {
	ok = true
	ascii = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r):
			return -1
		case r == '‘' || r == '’':
			return '\''
		case r == '“' || r == '”' || r == '„':
			return '"'
		case r == '–' || r == '—' || r == '…':
			return ','
		case r > unicode.MaxASCII:
			ok = false
		}
		return r
	}, norm.NFD.String(text))
	return ascii, ok
}

// say makes the sound of a text, with flite where the language and the
// letters are English and it is there, else with espeak-ng.
func (n Native) say(text, lang string) (Sound, error) {
	if lang == "" {
		lang = "en"
	}
	if !tag.MatchString(lang) {
		return Sound{}, refused(errors.New("speech: not a language tag"))
	}
	text = clean(text) // the other side did, but this is the side that runs programs
	base, _, _ := strings.Cut(strings.ToLower(lang), "-")
	if ascii, ok := plain(text); ok && base == "en" {
		sound, err := render(fliteName, n.Flite, ascii, "-voice", "slt", "-o", renderTo, "-")
		if !errors.Is(err, ErrAbsent) {
			return sound, err
		}
	}
	voice := strings.ToLower(lang)
	if voice == "en" {
		voice = "en-us"
	}
	sound, err := render(espeakName, n.Espeak, text, "-v", voice, "-w", renderTo, "--stdin")
	var report *workerError
	if voice != base && errors.As(err, &report) && report.Code == codeRefused { // it may know no such region
		return render(espeakName, n.Espeak, text, "-v", base, "-w", renderTo, "--stdin")
	}
	return sound, err
}

// renderTo is where a synthesiser writes: descriptor 3, a file in memory.
const renderTo = "/proc/self/fd/3"

// render runs a synthesiser that reads the text from its standard input: on a
// command line every user of the machine could read it.
func render(name, program, text string, args ...string) (Sound, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return Sound{}, &workerError{Text: fmt.Sprintf("speech: %s: %v", name, err), Code: codeAbsent}
	}
	wav, err := memoryFile("speech", nil)
	if err != nil {
		return Sound{}, err
	}
	defer wav.Close()
	ctx, cancel := context.WithTimeout(context.Background(), sayLongest)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdin = strings.NewReader(text + "\n")
	cmd.ExtraFiles = []*os.File{wav.File}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil {
		return Sound{}, refused(fmt.Errorf("speech: %s: %w", name, err))
	}
	if _, err := wav.Seek(0, io.SeekStart); err != nil {
		return Sound{}, err
	}
	file, err := io.ReadAll(wav)
	if err != nil {
		return Sound{}, err
	}
	sound, err := readWAV(file)
	if err != nil {
		return Sound{}, refused(fmt.Errorf("speech: %s: %w", name, err))
	}
	sound.Engine = name
	return sound, nil
}

// readWAV reads what a synthesiser writes: 16-bit mono PCM in RIFF. A length
// beyond the end of the file means its end; some write before they know.
func readWAV(b []byte) (Sound, error) {
	if len(b) < 12 || !bytes.Equal(b[:4], []byte("RIFF")) || !bytes.Equal(b[8:12], []byte("WAVE")) {
		return Sound{}, errors.New("not a WAV file")
	}
	var s Sound
	for b = b[12:]; len(b) >= 8; {
		id, size := string(b[:4]), int(binary.LittleEndian.Uint32(b[4:]))
		b = b[8:]
		chunk := b[:min(size, len(b))]
		switch {
		case id == "fmt " && len(chunk) >= 16:
			channels, width := binary.LittleEndian.Uint16(chunk[2:]), binary.LittleEndian.Uint16(chunk[14:])
			if binary.LittleEndian.Uint16(chunk) != 1 || channels != 1 || width != 16 {
				return Sound{}, errors.New("WAV file is not 16-bit mono PCM")
			}
			s.Rate = int(binary.LittleEndian.Uint32(chunk[4:]))
		case id == "data" && s.Rate > 0:
			s.Samples = samplesOf(chunk)
			return s, nil
		}
		b = b[min(size+size%2, len(b)):]
	}
	return Sound{}, errors.New("WAV file without sound")
}
