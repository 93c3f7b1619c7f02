package speech

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// searchPath is where a worker looks for programs.
const searchPath = "/usr/local/bin:/usr/bin:/bin"

// What a worker may do with a path: Landlock's rights.
const (
	mayRead    = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	mayExecute = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_EXECUTE
	mayWrite   = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE

	// ofFiles are the rights that a rule on something other than a folder may give.
	ofFiles = mayExecute | mayWrite | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// grant is one path, with all beneath it, that is open to a worker.
type grant struct {
	path   string
	rights uint64
}

// grants lists what the engines need. Files in memory need no grant: they lie
// beneath no folder. Programs are granted one by one: a shell is none of them.
func (n Native) grants() []grant {
	read := []string{
		"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache",
		"/usr/share/espeak-ng-data", "/usr/local/share/espeak-ng-data",
		"/dev/urandom", n.Model,
	}
	for _, library := range []string{n.Sphinxbase, n.Pocketsphinx} {
		if filepath.IsAbs(library) {
			read = append(read, library)
		}
	}
	var all []grant
	for _, path := range read {
		all = append(all, grant{path, mayRead})
	}
	var execute []string
	for _, program := range []string{n.Flite, n.Espeak} {
		if strings.Contains(program, "/") {
			execute = append(execute, program)
			continue
		}
		for _, folder := range filepath.SplitList(searchPath) {
			execute = append(execute, filepath.Join(folder, program))
		}
	}
	// The loader of shared libraries, of any processor and C library.
	for _, pattern := range []string{"/lib/ld-*.so*", "/lib64/ld-*.so*"} {
		loaders, _ := filepath.Glob(pattern) // the pattern is well-formed
		execute = append(execute, loaders...)
	}
	for _, path := range execute {
		all = append(all, grant{path, mayExecute})
	}
	return append(all, grant{"/dev/null", mayWrite})
}

// confineFiles closes every path that n does not need.
func (c *Cage) confineFiles(n Native) {
	version, err := landlock(append(n.grants(), grant{"/proc/self/exe", mayExecute}))
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EOPNOTSUPP) {
		err = fmt.Errorf("the kernel's Landlock is not there or not switched on (%w)", err)
	}
	c.note(err,
		fmt.Sprintf("It can read only the engines' programs, libraries and models, and write no file (Landlock, version %d).", version),
		"The files of its account are open to it")
}

// landlock confines the calling thread to grants, and tells which version of
// Landlock the kernel has. Nothing holds where there is an error.
func landlock(grants []grant) (version int, err error) {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0, errno
	}
	all := ruleset(int(v))
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&all)), unsafe.Sizeof(all), 0)
	if errno != 0 {
		return 0, fmt.Errorf("make a ruleset: %w", errno)
	}
	defer unix.Close(int(fd))
	for _, g := range grants {
		if err := g.add(int(fd), all.Handled_access_fs); err != nil {
			return 0, fmt.Errorf("open %s: %w", g.path, err)
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return 0, fmt.Errorf("apply the ruleset: %w", errno)
	}
	return int(v), nil
}

// ruleset is everything that a version of Landlock can refuse. Its last fields
// stay zero: a kernel that does not know them takes no others.
func ruleset(version int) unix.LandlockRulesetAttr {
	all := unix.LandlockRulesetAttr{Handled_access_fs: unix.LANDLOCK_ACCESS_FS_REFER - 1} // all of version 1
	if version >= 2 {
		all.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		all.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 4 {
		all.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if version >= 5 {
		all.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if version >= 6 {
		all.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	return all
}

// add makes g a rule. What is not there, or closed to us anyway, needs none.
func (g grant) add(ruleset int, handled uint64) error {
	fd, err := unix.Open(g.path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return err
	}
	rights := g.rights & handled
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= ofFiles
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// surroundings are the granted files as they were at one time; nil where one
// was not there. A cage opens files, not names: an engine that is installed or
// upgraded later lies outside of it, and needs a new worker.
type surroundings map[string]os.FileInfo

func (n Native) surroundings() surroundings {
	seen := surroundings{}
	for _, g := range n.grants() {
		seen[g.path], _ = os.Stat(g.path) // nil: not there
	}
	return seen
}

func (s surroundings) changed() bool {
	for path, before := range s {
		now, err := os.Stat(path)
		if (err == nil) != (before != nil) || err == nil && !os.SameFile(now, before) {
			return true
		}
	}
	return false
}
