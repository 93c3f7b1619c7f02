package bring

import (
	"path"
	"strings"
)

// maxCompared bounds how many names all lists of an archive are compared with,
// where many sounds are called the same: lists and names may be anybody's.
const maxCompared = 5_000_000

// names find sounds by more than their file's name. All are in lower case.
type names struct {
	whole    map[string]int   // by the whole name; -1 where several have it
	tail     map[string][]int // by the last two of its parts
	compared int
}

func namesOf(files []File) *names {
	n := &names{whole: map[string]int{}, tail: map[string][]int{}}
	for i, f := range files {
		if hidden(f.Name) || f.kind() != "sound" {
			continue
		}
		name := strings.ToLower(f.Name)
		if _, twice := n.whole[name]; twice {
			n.whole[name] = -1
		} else {
			n.whole[name] = i
		}
		n.tail[tailOf(name)] = append(n.tail[tailOf(name)], i)
	}
	return n
}

// tailOf is the last folder and the name of a path, as far as it has them.
func tailOf(name string) string {
	return path.Join(path.Base(path.Dir(name)), path.Base(name))
}

// find finds the sound that a list names: as it is named from the list's
// folder, or else as the end of its name, where that is of one sound alone.
func (r *reader) find(ref, dir string) (at int, why string) {
	ref = strings.ToLower(path.Clean(strings.ReplaceAll(strings.TrimSpace(ref), `\`, "/")))
	candidates := r.byBase[path.Base(ref)]
	switch len(candidates) {
	case 0:
		return -1, "A list names it, and it is not in the archive."
	case 1:
		return candidates[0], ""
	}
	if r.names == nil {
		r.names = namesOf(r.Source.Files())
	}
	if i, ok := r.names.whole[path.Join(strings.ToLower(dir), ref)]; ok && i >= 0 {
		return i, ""
	}
	if i := r.ending(ref, candidates); i >= 0 {
		return i, ""
	}
	return -1, "Several recordings of the archive are called this, and the list does not say which."
}

// ending is the one sound whose name is ref, or ends in it; -1 for none, for
// several, and where too much was compared already.
func (r *reader) ending(ref string, candidates []int) (one int) {
	if strings.Contains(ref, "/") {
		candidates = r.names.tail[tailOf(ref)]
	}
	if r.names.compared += len(candidates); r.names.compared > maxCompared {
		return -1
	}
	one = -1
	for _, i := range candidates {
		name := strings.ToLower(r.Source.Files()[i].Name)
		if name != ref && !strings.HasSuffix(name, "/"+ref) {
			continue
		}
		if one >= 0 {
			return -1
		}
		one = i
	}
	return one
}
