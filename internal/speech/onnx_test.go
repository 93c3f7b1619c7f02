package speech

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// message writes one field with a length.
func message(number uint64, body ...[]byte) []byte {
	all := bytes.Join(body, nil)
	out := binary.AppendUvarint(nil, number<<3|2)
	return append(binary.AppendUvarint(out, uint64(len(all))), all...)
}

// number writes one varint field.
func number(field, v uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, field<<3), v)
}

// constant is a node that gives a value its name.
func constant(name string, parts ...[]byte) []byte {
	return message(graphNode, message(nodeOutput, []byte(name)), message(nodeOperator, []byte("Constant")),
		message(nodeAttribute, message(1, []byte("value")), message(attributeTensor, parts...)))
}

// subgraph is a node that holds a graph.
func subgraph(body ...[]byte) []byte {
	return message(graphNode, message(nodeOperator, []byte("If")), message(nodeAttribute, message(attributeGraph, body...)))
}

var floatBytes = []byte{0, 0, 128, 63, 0, 0, 0, 192} // 1, -2

func TestONNXConstants(t *testing.T) {
	model := slices.Concat(
		number(1, 8), // the version of the format
		message(modelGraph,
			constant("x", number(tensorDims, 2), number(tensorType, tensorTypeFloat), message(tensorRaw, floatBytes)),
			subgraph(constant("y", message(tensorDims, []byte{1, 2}), number(tensorType, tensorTypeFloat), message(tensorRaw, floatBytes))),
			message(graphNode, message(nodeOperator, []byte("Relu"))),
		))
	constants, err := readONNX(model)
	if err != nil || len(constants) != 2 {
		t.Fatalf("got %d constants, %v, want 2", len(constants), err)
	}
	want := []float32{1, -2}
	if got, err := constants["x"].floats(2); !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if got, err := constants["y"].floats(1, 2); !slices.Equal(got, want) {
		t.Errorf("in a subgraph: got %v, %v, want %v", got, err, want)
	}
	for name, dims := range map[string][]uint64{"x": {1, 2}, "y": {2}, "absent": {2}, "": {}} {
		if got, err := constants[name].floats(dims...); !errors.Is(err, errONNX) {
			t.Errorf("%q of shape %d: got %v, %v, want an error", name, dims, got, err)
		}
	}
	if _, err := (tensor{dims: []uint64{2}, kind: 7, raw: floatBytes}).floats(2); err == nil {
		t.Error("integers: got no error")
	}
}

func TestONNXRefuses(t *testing.T) {
	deep := subgraph()
	for range deepestSubgraphs {
		deep = subgraph(deep)
	}
	for name, file := range map[string][]byte{
		"a length beyond the end": {modelGraph<<3 | 2, 5, 1},
		"a length of 2^63":        {modelGraph<<3 | 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1},
		"no length":               {modelGraph<<3 | 2},
		"a varint without end":    bytes.Repeat([]byte{0xff}, 20),
		"field 0":                 {0, 0},
		"a group":                 {1<<3 | 3},
		"half of eight bytes":     {1<<3 | 1, 0, 0, 0, 0},
		"half of four bytes":      {1<<3 | 5, 0, 0},
		"packed dims cut short":   message(modelGraph, constant("x", message(tensorDims, []byte{0x80}))),
		"subgraphs without end":   message(modelGraph, deep),
	} {
		if _, err := readONNX(file); !errors.Is(err, errONNX) {
			t.Errorf("%s: got %v, want an error", name, err)
		}
	}
	if _, err := readVoiceActivity(nil); !errors.Is(err, errONNX) {
		t.Errorf("no file: got %v, want an error", err)
	}
}

func TestVoiceActivityRefusesDamagedModels(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 40 { // none of the file's tail can be spared: it closes the network for 16 kHz
		n := rng.IntN(len(sileroModel))
		if _, err := readVoiceActivity(sileroModel[:n]); !errors.Is(err, errONNX) {
			t.Fatalf("the first %d bytes: got %v, want an error", n, err)
		}
	}
	damaged := slices.Clone(sileroModel)
	for range 40 { // a weight may change unseen; nothing may panic
		at := rng.IntN(len(damaged))
		was := damaged[at]
		damaged[at] = byte(rng.Uint32())
		readVoiceActivity(damaged)
		damaged[at] = was
	}
}

func FuzzReadONNX(f *testing.F) {
	f.Add([]byte{})
	f.Add(message(modelGraph, constant("x", number(tensorDims, 2), number(tensorType, 1), message(tensorRaw, floatBytes))))
	f.Add(message(modelGraph, subgraph(subgraph(constant("y", message(tensorDims, []byte{1, 2}), number(tensorType, 1), message(tensorRaw, floatBytes))))))
	f.Add([]byte{1<<3 | 1, 0, 0, 0, 0, 0, 0, 0, 0, 2<<3 | 5, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, file []byte) {
		constants, err := readONNX(file)
		if err != nil && !errors.Is(err, errONNX) {
			t.Fatalf("got %v, want errONNX", err)
		}
		total := 0
		for _, c := range constants {
			total += len(c.raw)
			c.floats(c.dims...)
		}
		if total > len(file) {
			t.Fatalf("got %d bytes of tensors from %d bytes", total, len(file))
		}
		if _, err := readVoiceActivity(file); err == nil {
			t.Fatal("took a made-up file for the network")
		}
	})
}
