package speech

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxWords    = 20000
	maxWordSize = 100 // bytes
)

// pronounce makes the dictionary of a grammar, in pocketsphinx's format: the
// pronunciations of the model's own dictionary where it has the word, else
// one that espeak-ng gives, else one by rule. Every word gets one: whatever a
// timer is called, it can be asked for.
func (n Native) pronounce(words []string) (string, error) {
	if len(words) > maxWords {
		return "", fmt.Errorf("speech: a grammar of %d words, at most %d are taken", len(words), maxWords)
	}
	wanted := make(map[string]bool, len(words))
	for _, w := range words {
		if w == "" || len(w) > maxWordSize || strings.ContainsFunc(w, notInWord) {
			return "", errors.New("speech: a word of the grammar holds what no word does")
		}
		wanted[w] = true
	}
	var dict strings.Builder
	known, err := lookUp(n.dictionary(), wanted, &dict)
	if err != nil {
		return "", fmt.Errorf("speech: dictionary of the model: %w", err)
	}
	var unknown []string
	for w := range wanted {
		if !known[w] {
			unknown = append(unknown, w)
		}
	}
	slices.Sort(unknown)
	heard := n.espeak(unknown)
	for i, w := range unknown {
		var phones []string
		if i < len(heard) {
			phones = fromIPA(heard[i])
		}
		if len(phones) == 0 {
			phones = byRule(w)
		}
		fmt.Fprintf(&dict, "%s %s\n", w, strings.Join(phones, " "))
	}
	return dict.String(), nil
}

// notInWord reports characters that mean something in a grammar or in a
// dictionary.
func notInWord(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.IsUpper(r) || strings.ContainsRune(`<>()[]{}|=;*+/\"#`, r)
}

// lookUp copies the lines of wanted words, alternatives included, from a
// dictionary file, and says which words it found.
func lookUp(file string, wanted map[string]bool, to *strings.Builder) (map[string]bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	known := map[string]bool{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		word, _, _ := bytes.Cut(lines.Bytes(), []byte(" "))
		word, _, _ = bytes.Cut(word, []byte("(")) // word(2)
		if wanted[string(word)] {
			known[string(word)] = true
			to.Write(lines.Bytes())
			to.WriteByte('\n')
		}
	}
	return known, lines.Err()
}

// espeak gives the sounds of words as espeak-ng writes them in the
// International Phonetic Alphabet; nothing where it is absent or fails.
func (n Native) espeak(words []string) []string {
	path, err := exec.LookPath(n.Espeak)
	if err != nil || len(words) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-q", "--ipa", "-v", "en-us") // a line in, a line out
	cmd.Stdin = strings.NewReader(strings.Join(words, "\n") + "\n")
	out, err := cmd.Output()
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if err != nil || len(lines) != len(words) {
		return nil
	}
	return lines
}

// switched is espeak-ng's mark for a change of language within a word.
var switched = regexp.MustCompile(`\([a-z-]+\)`)

// fromIPA turns sounds of the International Phonetic Alphabet into the phones
// of the model (ARPAbet), the longest known first; marks of stress and length
// and sounds it has nothing like are left out.
func fromIPA(sounds string) []string {
	var phones []string
	rest := switched.ReplaceAllString(sounds, "")
	for rest != "" {
		size := 0
		for _, p := range ipa {
			if strings.HasPrefix(rest, p.sound) {
				phones = append(phones, strings.Fields(p.phones)...)
				size = len(p.sound)
				break
			}
		}
		if size == 0 {
			_, size = utf8.DecodeRuneInString(rest)
		}
		rest = rest[size:]
	}
	return phones
}

// ipa maps sounds to phones; a sound stands before any that it begins with.
var ipa = []struct{ sound, phones string }{
	{"tʃ", "CH"}, {"dʒ", "JH"}, {"ts", "T S"}, {"dz", "D Z"},
	{"aɪɚ", "AY ER"}, {"aɪ", "AY"}, {"aʊ", "AW"}, {"ɔɪ", "OY"}, {"ɔø", "OY"},
	{"oʊ", "OW"}, {"əʊ", "OW"}, {"eɪ", "EY"}, {"eː", "EY"},
	{"ɔːɹ", "AO R"}, {"oːɹ", "AO R"}, {"əl", "AH L"}, {"iə", "IY AH"},
	{"a", "AA"}, {"ɑ", "AA"}, {"ɒ", "AA"}, {"æ", "AE"}, {"ɔ", "AO"}, {"ʌ", "AH"}, {"ə", "AH"}, {"ɐ", "AH"},
	{"ɜ", "ER"}, {"ɝ", "ER"}, {"ɚ", "ER"}, {"ɛ", "EH"}, {"e", "EH"}, {"ɪ", "IH"}, {"ᵻ", "IH"}, {"ɨ", "IH"},
	{"i", "IY"}, {"ʊ", "UH"}, {"ɯ", "UH"}, {"u", "UW"}, {"y", "UW"}, {"ʏ", "UH"}, {"o", "OW"}, {"ø", "ER"}, {"œ", "ER"},
	{"p", "P"}, {"b", "B"}, {"t", "T"}, {"ʈ", "T"}, {"ɾ", "T"}, {"d", "D"}, {"ɖ", "D"}, {"k", "K"}, {"c", "K"}, {"q", "K"},
	{"ɡ", "G"}, {"g", "G"}, {"ɣ", "G"}, {"f", "F"}, {"ɸ", "F"}, {"v", "V"}, {"β", "V"}, {"ʋ", "V"}, {"θ", "TH"}, {"ð", "DH"},
	{"s", "S"}, {"z", "Z"}, {"ʃ", "SH"}, {"ʂ", "SH"}, {"ɕ", "SH"}, {"ʒ", "ZH"}, {"ʐ", "ZH"}, {"ʑ", "ZH"},
	{"x", "HH"}, {"χ", "HH"}, {"ç", "HH"}, {"h", "HH"}, {"ħ", "HH"}, {"m", "M"}, {"n", "N"}, {"ɳ", "N"}, {"ɲ", "N Y"}, {"ŋ", "NG"},
	{"l", "L"}, {"ɫ", "L"}, {"ɭ", "L"}, {"ʎ", "L Y"}, {"ɬ", "L"}, {"ɹ", "R"}, {"r", "R"}, {"ʁ", "R"}, {"ʀ", "R"}, {"ɽ", "R"},
	{"w", "W"}, {"ʍ", "W"}, {"j", "Y"},
}
