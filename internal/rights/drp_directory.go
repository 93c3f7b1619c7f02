package rights

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/notify"
)

// Agent is somebody who may ask in others' names, as the directory has them.
type Agent struct {
	ID   string
	Name string // for people
	key  ed25519.PublicKey
	call *notify.Caller
}

// Bounds of a directory.
const (
	maxDirectory = 1 << 20 // bytes
	maxAgents    = 1000
	maxAgentName = 80 // characters
)

// lookEvery is how often the directory's file is looked at.
const lookEvery = 5 * time.Second

// Directory is which agents there are, read from a file in the form of the
// protocol's service directory (3.05.1): a list of objects with id, name and
// verify_key, an Ed25519 key in base64. callback_hosts is ours: the hosts,
// "name" or "name:port", to which that agent's callbacks may go though they lie
// inside the network. Other members are left alone. No key is learned in any
// other way. It may be used concurrently.
type Directory struct {
	path string
	now  atomic.Pointer[directory]
}

type directory struct {
	agents map[string]Agent
	hash   [32]byte
}

// OpenDirectory reads a directory's file; it fails with Invalid where it does
// not say without a doubt who the agents are.
func OpenDirectory(path string) (*Directory, error) {
	d := &Directory{path: path}
	if _, err := d.Reload(); err != nil {
		return nil, err
	}
	return d, nil
}

// Agent finds an agent by their id.
func (d *Directory) Agent(id string) (Agent, bool) {
	a, ok := d.now.Load().agents[id]
	return a, ok
}

// Len is how many agents there are.
func (d *Directory) Len() int { return len(d.now.Load().agents) }

// Reload reads the file again, and says whether it changed. Where it fails,
// what was read before stays in force.
func (d *Directory) Reload() (changed bool, err error) {
	f, err := os.Open(d.path)
	if err != nil {
		return false, errDirectory("It cannot be read.").Because(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxDirectory+1))
	if err != nil {
		return false, errDirectory("It cannot be read.").Because(err)
	}
	before := d.now.Load()
	next := &directory{hash: sha256.Sum256(data)}
	if before != nil && before.hash == next.hash {
		return false, nil
	}
	if next.agents, err = parseDirectory(data); err != nil {
		return false, err
	}
	d.now.Store(next)
	return true, nil
}

// Watch reads the file again when it changes, and when told to, until ctx ends.
func (d *Directory) Watch(ctx context.Context, told <-chan os.Signal, log *slog.Logger) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var last string // a file that stays wrong is logged once
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-told:
		}
		changed, err := d.Reload()
		switch {
		case err != nil && err.Error() != last:
			last = err.Error()
			log.Error("the directory of agents cannot be read; the one before stays in force", "err", err)
		case err == nil:
			last = ""
			if changed {
				log.Info("the directory of agents was read", "agents", d.Len())
			}
		}
	}
}

func errDirectory(hint string, args ...any) *hearkeep.Error {
	return hearkeep.Errorf(hearkeep.Invalid, "The directory of agents is not in order.").WithHint(hint, args...)
}

// listed is an agent in the directory's file.
type listed struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	VerifyKey string   `json:"verify_key"`
	Hosts     []string `json:"callback_hosts"`
}

// parseDirectory reads a directory. An id or a key that stands there twice
// would leave open who somebody is.
func parseDirectory(data []byte) (map[string]Agent, error) {
	if len(data) > maxDirectory {
		return nil, errDirectory("It is larger than %d bytes.", maxDirectory)
	}
	var list []listed
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&list); err != nil {
		return nil, errDirectory("It is a JSON list of objects with id, name and verify_key.").Because(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errDirectory("Something follows the list.")
	}
	if len(list) > maxAgents {
		return nil, errDirectory("It lists more than %d agents.", maxAgents)
	}
	agents, keys := map[string]Agent{}, map[string]string{}
	for i, l := range list {
		key, err := parseKey(l.VerifyKey)
		switch {
		case !agentName(l.ID):
			return nil, errDirectory("Agent %d has no id of letters, digits, dots, dashes and underscores.", i+1)
		case err != nil:
			return nil, errDirectory("The verify_key of %s is not an Ed25519 key in base64.", l.ID).Because(err)
		case !personName(l.Name):
			return nil, errDirectory("%s has no name, of at most %d characters, that people can be told.", l.ID, maxAgentName)
		case agents[l.ID].key != nil:
			return nil, errDirectory("%s is listed twice.", l.ID)
		case keys[string(key)] != "":
			return nil, errDirectory("%s and %s have one key.", keys[string(key)], l.ID)
		}
		call, err := notify.NewCaller(l.Hosts)
		if err != nil {
			return nil, errDirectory("The callback_hosts of %s are not hosts.", l.ID).Because(err)
		}
		agents[l.ID] = Agent{ID: l.ID, Name: l.Name, key: key, call: call}
		keys[string(key)] = l.ID
	}
	return agents, nil
}

func parseKey(s string) (ed25519.PublicKey, error) {
	key, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, errors.New("rights: not base64")
	}
	if len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("rights: %d bytes, not %d", len(key), ed25519.PublicKeySize)
	}
	if smallOrder(key) {
		return nil, errors.New("rights: a key that everybody can sign for")
	}
	return key, nil
}

// smallOrder reports whether a key is one of the points of order 1, 2, 4 and 8:
// for those, everybody can make signatures. By their y, little-endian, with
// those that are not reduced; the sign of x, the last bit, is left out.
func smallOrder(key ed25519.PublicKey) bool {
	y := slices.Clone(key)
	y[len(y)-1] &= 0x7f
	return slices.Contains([]string{
		"0000000000000000000000000000000000000000000000000000000000000000", // 0
		"0100000000000000000000000000000000000000000000000000000000000000", // 1
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", // order 8
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p - 1
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p + 1
	}, hex.EncodeToString(y))
}

// agentName reports whether s can name an agent or a business in an address
// and in JSON without two spellings.
func agentName(s string) bool {
	return s != "" && len(s) <= 100 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	}) && s != "." && s != ".."
}

func personName(s string) bool {
	return strings.TrimSpace(s) != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxAgentName &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
