package speech

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Cage says what keeps a worker, and the programs it runs, from doing anything
// but its work. Each entry is a sentence.
type Cage struct {
	Applied []string `json:"applied"` // what holds
	Missing []string `json:"missing"` // what this kernel or container refuses, with the reason
}

// note adds a sentence: what holds, or what is missing, and why.
func (c *Cage) note(err error, applied, missing string) {
	if err != nil {
		c.Missing = append(c.Missing, fmt.Sprintf("%s: %v.", missing, err))
		return
	}
	c.Applied = append(c.Applied, applied)
}

// setup is what a worker is told when it is started, in one variable of its
// environment: the cage must be known before the first event can be read.
type setup struct {
	Native Native `json:"native"`
	Cage   *Cage  `json:"cage,omitempty"` // set by the worker itself once it runs in it
}

const setupVariable = "HEARKEEP_WORKER"

func (s setup) variable() (string, error) {
	b, err := json.Marshal(s)
	return setupVariable + "=" + string(b), err
}

// enterCage closes the cage and executes this program in it, with the same
// arguments; it returns there. Executing is the point: no_new_privs, Landlock
// and seccomp bind one thread and what it executes, and only a program of one
// thread is bound as a whole (syscall.AllThreadsSyscall does not work once
// purego is linked).
//
// Where the kernel refuses a part, the worker runs with the rest, and says so.
// Where the program cannot be executed in the cage, it does not run at all.
func enterCage() (setup, error) {
	s, err := givenSetup()
	if err != nil {
		return setup{}, err
	}
	if s.Cage != nil {
		// Two threads of Go are enough for one thing at a time; each thread
		// counts against the limit of memory.
		runtime.GOMAXPROCS(2)
		// Last, since executing undoes it.
		s.Cage.note(unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0),
			"Only root can look into it.",
			"Other processes of its account can look into it")
		return s, nil
	}
	runtime.LockOSThread() // and never unlocked: the thread ends in exec
	s.Cage = closeCage(s.Native)
	variable, err := s.variable()
	if err != nil {
		return setup{}, err
	}
	return setup{}, execSelf(append(os.Environ(), variable))
}

// givenSetup takes the setup out of the environment, so that no engine sees it.
func givenSetup() (setup, error) {
	s := setup{}
	if given := os.Getenv(setupVariable); given != "" {
		if err := json.Unmarshal([]byte(given), &s); err != nil {
			return setup{}, fmt.Errorf("cage: read %s: %w", setupVariable, err)
		}
	}
	s.Native = s.Native.withDefaults()
	return s, os.Unsetenv(setupVariable)
}

// closeCage binds the calling thread. The order matters: each step needs what
// the later ones take away.
func closeCage(n Native) *Cage {
	c := &Cage{}
	c.note(leaveBehind(),
		"It holds no file open but its pipes.",
		"Files that its caller left open may stay open")
	c.note(limit(),
		fmt.Sprintf("It can use %d MB of memory, and leaves no memory dump.", memoryMost>>20),
		"Its use of memory is not limited")
	c.note(dropPrivileges(),
		"It has no privileges and cannot get any.",
		"It has, or can get, the privileges of its account")
	c.confineFiles(n)
	c.note(refuseCalls(),
		"The network, other processes, and what changes files or the system are refused (seccomp).",
		"The network and other processes are open to it; seccomp cannot be used")
	return c
}

// leaveBehind gives up what a program inherits: descriptors, a folder, a mask.
func leaveBehind() error {
	unix.Umask(0o077)
	if err := os.Chdir("/"); err != nil {
		return err
	}
	return unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
}

// Limits of a worker. Measured: 1.75 GB of address space, nearly all of it
// reserved and never touched, of which it can write to 175 MB (49 MB are used)
// with the grammar of the program, and to 150 MB with one of 20,000 words.
const (
	memoryMost  = 512 << 20 // bytes it can write to
	addressMost = 4 << 30
	fileMost    = 64 << 20 // a file in memory: ten minutes of speech
)

// limit sets the limits that are inherited by what is executed.
func limit() error {
	for _, l := range []struct {
		resource int
		most     uint64
	}{
		// One, not none: where dumps go to a program, the kernel ignores 0, and
		// takes 1 for "none" (core(5)).
		{unix.RLIMIT_CORE, 1},
		{unix.RLIMIT_FSIZE, fileMost},
		{unix.RLIMIT_NOFILE, 256},
		{unix.RLIMIT_NPROC, 4096}, // counts all processes of the account
		{unix.RLIMIT_MEMLOCK, 0},
		{unix.RLIMIT_MSGQUEUE, 0},
		{unix.RLIMIT_STACK, 8 << 20},
		{unix.RLIMIT_DATA, memoryMost},
		{unix.RLIMIT_AS, addressMost},
	} {
		if raceDetector && (l.resource == unix.RLIMIT_AS || l.resource == unix.RLIMIT_DATA) {
			continue // it reserves terabytes
		}
		var now unix.Rlimit
		if err := unix.Prlimit(0, l.resource, nil, &now); err != nil {
			return err
		}
		most := min(now.Max, l.most)
		if err := unix.Prlimit(0, l.resource, &unix.Rlimit{Cur: most, Max: most}, nil); err != nil {
			return err
		}
	}
	return nil
}

// dropPrivileges gives up every capability, which root has, and the way to get
// them back by executing something.
func dropPrivileges() error {
	for c := range uintptr(64) {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if err != nil && err != unix.EINVAL && err != unix.EPERM { // no such capability; not root
			return err
		}
	}
	none := [2]unix.CapUserData{}
	if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

// execSelf executes this program again. Its path can be closed to a root
// without privileges, where it lies in somebody's private folder; the link in
// /proc leads past that.
func execSelf(environment []string) error {
	self, err := os.Executable()
	if err == nil {
		err = syscall.Exec(self, os.Args, environment)
	}
	if linked := syscall.Exec("/proc/self/exe", os.Args, environment); linked != nil {
		return fmt.Errorf("cage: execute this program in it: %w, and %w", err, linked)
	}
	return nil
}
