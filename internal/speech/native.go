package speech

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Names of the engines, as a turn's stages show them.
const (
	recogniserName = "pocketsphinx en-us"
	fliteName      = "flite slt"
	espeakName     = "espeak-ng"
)

// What installs them on Debian.
const (
	mendSphinx = "apt-get install libpocketsphinx3 pocketsphinx-en-us"
	mendFlite  = "apt-get install flite"
	mendEspeak = "apt-get install espeak-ng"
)

// openSphinx opens the recogniser, or reports it absent.
func (n Native) openSphinx() (*sphinx, error) {
	lib, err := openSphinx(n.Sphinxbase, n.Pocketsphinx)
	if err == nil {
		_, err = os.Stat(filepath.Join(n.Model, "en-us", "mdef"))
	}
	if err == nil {
		_, err = os.Stat(n.dictionary())
	}
	if err != nil {
		return nil, &workerError{Text: fmt.Sprintf("speech: %s: %v", recogniserName, err), Code: codeAbsent}
	}
	return lib, nil
}

// dictionary is the file of pronunciations that comes with the model.
func (n Native) dictionary() string { return filepath.Join(n.Model, "cmudict-en-us.dict") }

// describe looks for every engine, and says what the cage is.
func (s setup) describe() info {
	n := s.Native
	entry := func(name, does, mend string, err error) program {
		if err == nil {
			mend = ""
		}
		return program{name, does, err == nil, mend}
	}
	_, sphinx := n.openSphinx()
	_, flite := exec.LookPath(n.Flite)
	_, espeak := exec.LookPath(n.Espeak)
	return info{
		ASR: []program{entry(recogniserName, "recognises English commands", mendSphinx, sphinx)},
		TTS: []program{
			entry(fliteName, "speaks English", mendFlite, flite),
			entry(espeakName, "speaks other languages, and says how unusual names sound", mendEspeak, espeak),
		},
		Cage: s.Cage,
	}
}
