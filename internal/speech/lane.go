package speech

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Back-off between workers that fail one after the other: none after the
// first failure, then doubling.
const (
	backoffFirst = 100 * time.Millisecond
	backoffMost  = 10 * time.Second
)

var errClosed = errors.New("speech is closed")

// lane is one worker process and the queue before it.
type lane struct {
	name    string
	options Options
	closing context.Context // ends with close
	end     context.CancelFunc
	turn    chan struct{} // whoever fills it talks to the worker and owns the fields below

	worker    *process // nil: none is running
	grammar   *event   // what a new worker is given
	failures  int      // in a row
	notBefore time.Time
}

func newLane(name string, o Options) *lane {
	closing, end := context.WithCancel(context.Background())
	return &lane{name: name, options: o, closing: closing, end: end, turn: make(chan struct{}, 1)}
}

// call sends events to the worker, starting one if need be, and hands what
// comes back to answer until that says it is done. It ends with ctx; a worker
// that has not answered by then, or breaks the protocol, is killed.
func (l *lane) call(ctx context.Context, send []event, answer func(event) (bool, error)) error {
	return l.inTurn(ctx, func(ctx context.Context) error { return l.converse(ctx, send, answer) })
}

// setGrammar is a call that a new worker is given again.
func (l *lane) setGrammar(ctx context.Context, g event) error {
	return l.inTurn(ctx, func(ctx context.Context) error {
		err := l.converse(ctx, []event{g}, grammarSet)
		if err == nil || absent(err) {
			l.grammar = &g
		}
		return err
	})
}

func grammarSet(ev event) (bool, error) { return true, ev.expect(typeGrammarSet, nil) }

// inTurn runs f when nobody else talks to the worker.
func (l *lane) inTurn(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.closing, func() { cancel(errClosed) })()
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return fmt.Errorf("wait for the %s: %w", l.name, context.Cause(ctx))
	}
	if l.closing.Err() != nil {
		return errClosed
	}
	return f(ctx)
}

// close kills the worker and makes every call fail. It returns when the last
// call has.
func (l *lane) close() {
	l.end()
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	if l.worker != nil {
		l.worker.kill()
		<-l.worker.gone
		l.worker = nil
	}
}

func (l *lane) converse(ctx context.Context, send []event, answer func(event) (bool, error)) error {
	if err := l.ready(ctx); err != nil {
		return err
	}
	err := l.exchange(ctx, send, answer)
	if !errors.Is(err, ErrWorker) {
		l.failures = 0
	}
	return err
}

// exchange talks to the worker that is running, and discards it where that
// fails.
func (l *lane) exchange(ctx context.Context, send []event, answer func(event) (bool, error)) error {
	err := l.worker.converse(ctx, send, answer)
	switch {
	case !errors.Is(err, ErrWorker):
	case errors.Is(err, context.Canceled): // the caller gave up; that says nothing of the worker
		l.retire()
	default:
		l.failed(err)
	}
	return err
}

// ready sees to it that a worker is running, configured, with the grammar.
func (l *lane) ready(ctx context.Context) error {
	if l.worker != nil {
		select {
		case <-l.worker.gone:
			l.failed(fmt.Errorf("%w: it ended: %v", ErrWorker, l.worker.cmd.ProcessState))
		default:
			if !l.worker.seen.changed() {
				return nil
			}
			l.retire()
		}
	}
	select {
	case <-time.After(time.Until(l.notBefore)):
	case <-ctx.Done():
		return fmt.Errorf("%w: restart of the %s: %w", ErrWorker, l.name, context.Cause(ctx))
	}
	w, err := startProcess(l.options)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrWorker, err)
		l.failed(err)
		return err
	}
	l.worker = w
	l.options.Log.Info("speech: worker started", slog.String("lane", l.name), slog.Int("pid", w.cmd.Process.Pid))
	if l.grammar == nil {
		return nil
	}
	err = l.exchange(ctx, []event{*l.grammar}, grammarSet)
	if errors.Is(err, ErrWorker) {
		return err
	}
	return nil // an absent engine is for the call to find
}

// retire discards the worker; the next call has a new one.
func (l *lane) retire() (pid int) {
	if l.worker == nil {
		return 0
	}
	pid = l.worker.cmd.Process.Pid
	l.worker.kill()
	l.worker = nil
	return pid
}

// failed discards the worker and puts off the next.
func (l *lane) failed(err error) {
	pid := l.retire()
	if l.failures++; l.failures > 1 {
		l.notBefore = time.Now().Add(min(backoffMost, backoffFirst<<min(l.failures-2, 10)))
	}
	if l.closing.Err() == nil {
		l.options.Log.Warn("speech: worker failed", slog.String("lane", l.name), slog.Int("pid", pid),
			slog.Int("in_a_row", l.failures), slog.Any("error", err))
	}
}

// process is one running worker.
type process struct {
	cmd    *exec.Cmd
	in     *os.File
	out    *os.File
	events *eventReader  // of out
	turn   uint64        // the last call's number
	gone   chan struct{} // closed when it has ended and was waited for
	seen   surroundings  // what its cage was made of
}

// startProcess runs a worker and tells it which engines to use. It gets no
// environment but that, a search path, and no home (espeak-ng's sound
// libraries would leave folders there), and dies with us.
func startProcess(o Options) (*process, error) {
	native := o.Native.withDefaults()
	variable, err := setup{Native: native}.variable()
	if err != nil {
		return nil, err
	}
	seen := native.surroundings()
	childIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer childIn.Close()
	out, childOut, err := os.Pipe()
	if err != nil {
		in.Close()
		return nil, err
	}
	defer childOut.Close()
	cmd := exec.Command(o.Command[0], o.Command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = childIn, childOut, o.Stderr
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + searchPath, "LC_ALL=C.UTF-8", "HOME=/dev/null", variable}
	// Its own group: a Ctrl-C meant for us must not end an answer half-way.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		in.Close()
		out.Close()
		return nil, err
	}
	p := &process{cmd: cmd, in: in, out: out, seen: seen,
		events: newEventReader(out, maxSoundPayload), gone: make(chan struct{})}
	go func() {
		cmd.Wait() // ProcessState says how it ended
		close(p.gone)
	}()
	return p, nil
}

// kill ends the process at once, wherever it hangs, what it started, and
// whoever talks to it. It leads a group, which in the cage nobody can leave.
func (p *process) kill() {
	select {
	case <-p.gone: // its number may be another's
	default:
		syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
	p.cmd.Process.Kill()
	p.in.Close()
	p.out.Close()
}

// converse is one exchange. An error is the worker's own report
// (workerError), after which it goes on, or wraps ErrWorker, after which
// nothing it says can be used.
func (p *process) converse(ctx context.Context, send []event, answer func(event) (bool, error)) error {
	stop := context.AfterFunc(ctx, p.kill)
	err := p.exchange(send, answer)
	var report *workerError
	switch {
	case !stop():
		return fmt.Errorf("%w: %w", ErrWorker, context.Cause(ctx))
	case err == nil:
		return nil
	case errors.As(err, &report):
		return err
	}
	return fmt.Errorf("%w: %w", ErrWorker, err)
}

func (p *process) exchange(send []event, answer func(event) (bool, error)) error {
	p.turn++
	for _, ev := range send {
		ev.Turn = p.turn
		if err := writeEvent(p.in, ev); err != nil {
			return err
		}
	}
	for {
		ev, err := p.events.read()
		if err != nil {
			return err
		}
		if ev.Turn != p.turn {
			return fmt.Errorf("%w: the answer to another call", errFraming)
		}
		if ev.Type == typeError {
			report := &workerError{}
			if err := ev.decode(report); err != nil {
				return err
			}
			return report
		}
		if done, err := answer(ev); done || err != nil {
			return err
		}
	}
}
