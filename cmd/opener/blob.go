//go:build js && wasm

package main

import (
	"fmt"
	"io"
	"syscall/js"
)

const (
	windowSize = 256 << 10 // bytes of a file that are read at once
	windows    = 8         // that are kept
)

// blob reads a File of the browser at any place, a window at a time, so that
// an archive of many gigabytes is never in memory.
type blob struct {
	file js.Value
	size int64
	kept []window // the one used last at the end
}

type window struct {
	at    int64
	bytes []byte
}

func newBlob(file js.Value) *blob {
	return &blob{file: file, size: int64(file.Get("size").Float())}
}

// ReadAt implements io.ReaderAt.
func (b *blob) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		if off >= b.size {
			return n, io.EOF
		}
		w, err := b.window(off / windowSize * windowSize)
		if err != nil {
			return n, err
		}
		m := copy(p[n:], w[off%windowSize:])
		n, off = n+m, off+int64(m)
	}
	return n, nil
}

func (b *blob) window(at int64) ([]byte, error) {
	for i, w := range b.kept {
		if w.at == at {
			b.kept = append(append(b.kept[:i:i], b.kept[i+1:]...), w)
			return w.bytes, nil
		}
	}
	end := min(at+windowSize, b.size)
	buffer, err := await(b.file.Call("slice", float64(at), float64(end)).Call("arrayBuffer"))
	if err != nil {
		return nil, err
	}
	w := window{at, make([]byte, end-at)}
	if js.CopyBytesToGo(w.bytes, js.Global().Get("Uint8Array").New(buffer)) != len(w.bytes) {
		return nil, io.ErrUnexpectedEOF // the file changed on the disk
	}
	if len(b.kept) == windows {
		b.kept = b.kept[1:]
	}
	b.kept = append(b.kept, w)
	return w.bytes, nil
}

// await waits for a promise.
func await(promise js.Value) (js.Value, error) {
	type settled struct {
		value js.Value
		err   error
	}
	done := make(chan settled, 1)
	then := js.FuncOf(func(_ js.Value, args []js.Value) any { done <- settled{value: args[0]}; return nil })
	defer then.Release()
	failed := js.FuncOf(func(_ js.Value, args []js.Value) any {
		done <- settled{err: fmt.Errorf("opener: the browser cannot read the file: %s", args[0].Get("name").String())}
		return nil
	})
	defer failed.Release()
	promise.Call("then", then, failed)
	s := <-done
	return s.value, s.err
}
