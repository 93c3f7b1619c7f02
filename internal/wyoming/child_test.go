package wyoming

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// child is the variable that turns the test binary into another process: a
// crowd of bad peers, which needs file descriptors of its own, or a server
// whose processor time is measured.
const child = "HEARKEEP_WYOMING_CHILD"

func TestMain(m *testing.M) {
	role, addr, _ := strings.Cut(os.Getenv(child), " ")
	switch role {
	case "":
		os.Exit(m.Run())
	case "crowd":
		crowd(addr)
	case "server":
		serveCounting()
	}
}

// spawn starts a child and returns its first line of output. It ends when its
// standard input is closed, which the end of the test does.
func spawn(t testing.TB, cmd *exec.Cmd) (line string, pid int) {
	t.Helper()
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", cmd, err)
		}
	})
	if line, err = bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return strings.TrimSpace(line), cmd.Process.Pid
}

// self is the test binary in a role.
func self(role string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), child+"="+role)
	return cmd
}

// crowdSize is how many bad peers there are.
const crowdSize = 10_000

// crowd is ten thousand peers of every bad kind. It tells when all are there
// and stays until standard input ends.
func crowd(addr string) {
	chunk, _ := New(AudioChunk{AudioFormat{16000, 2, 1}, voice(0xdead, 160)})
	start := func(i int, c net.Conn) {
		w := NewWriter(c)
		switch i % 10 {
		case 0: // says nothing
		case 1: // a byte at a time
			go func() {
				for _, b := range []byte(`{"type":"describe"` + strings.Repeat(" ", 1<<20)) {
					if _, err := c.Write([]byte{b}); err != nil {
						return
					}
					time.Sleep(500 * time.Millisecond)
				}
			}()
		case 2: // announces and does not send
			io.WriteString(c, `{"type":"audio-chunk","data_length":65536,"payload_length":65536}`+"\n{")
		case 3: // is no peer of ours
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		case 4: // a header without end
			io.WriteString(c, `{"type":"`+strings.Repeat("x", 2000))
		case 5: // half an utterance, and gone without a goodbye
			w.Write(chunk)
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		case 6: // closes its half
			c.(*net.TCPConn).CloseWrite()
		case 7: // asks and does not read
			io.WriteString(c, strings.Repeat(`{"type":"describe"}`+"\n", 50))
		case 8: // an utterance that does not end
			w.Write(chunk)
		case 9: // a sane beginning, then nonsense
			w.Write(chunk)
			io.WriteString(c, event("audio-chunk", `{"rate":-1,"width":0,"channels":1000000000}`, "abc"))
		}
	}
	var all []net.Conn // kept from being collected
	for i := range crowdSize {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			fmt.Fprintln(os.Stderr, "crowd:", err)
			os.Exit(1)
		}
		all = append(all, c)
		start(i, c)
	}
	fmt.Println("there:", len(all))
	io.Copy(io.Discard, os.Stdin)
}

// serveCounting is a server that takes audio in and drops it.
func serveCounting() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	fmt.Println(l.Addr())
	Serve(ctx, l, Options{Handler: Sessions(counting{}, Limits{Utterance: time.Hour}, nil)})
}

// counting tells how many bytes it heard.
type counting struct{ parrot }

func (counting) Transcribe(ctx context.Context, _ Transcribe, audio *Audio) (Transcript, error) {
	for n := 0; ; {
		c, err := audio.Next(ctx)
		if err == io.EOF {
			return Transcript{Text: NewText(fmt.Sprint(n))}, nil
		}
		if err != nil {
			return Transcript{}, err
		}
		n += len(c.PCM)
	}
}
