package speech

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Field numbers of onnx.proto3, of the few messages that lead to a constant.
const (
	modelGraph       = 7
	graphNode        = 1
	nodeOutput       = 2
	nodeOperator     = 4
	nodeAttribute    = 5
	attributeTensor  = 5
	attributeGraph   = 6
	tensorDims       = 1
	tensorType       = 2
	tensorRaw        = 9
	tensorTypeFloat  = 1
	deepestSubgraphs = 8 // the model's own are three deep
)

var errONNX = errors.New("not a well-formed ONNX model")

// tensor is a constant of a model. Its values share the file's bytes.
type tensor struct {
	dims []uint64
	kind uint64 // TensorProto.DataType
	raw  []byte // little-endian
}

// floats gives the values of a tensor that has the type and the shape asked
// for, and of no other.
func (t tensor) floats(dims ...uint64) ([]float32, error) {
	n := 1
	for _, d := range dims {
		n *= int(d)
	}
	if t.kind != tensorTypeFloat || !slices.Equal(t.dims, dims) || len(t.raw) != 4*n {
		return nil, fmt.Errorf("%w: got %d bytes of type %d and shape %d, want float32 of shape %d", errONNX, len(t.raw), t.kind, t.dims, dims)
	}
	values := make([]float32, len(t.raw)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.raw[4*i:]))
	}
	return values, nil
}

// readONNX lists the constants of a model and of its subgraphs by the name of
// the value they give. It passes over everything else: which operators use
// them is for the caller to know.
func readONNX(file []byte) (map[string]tensor, error) {
	constants := map[string]tensor{}
	err := eachField(file, func(number int, _ uint64, body []byte) error {
		if number != modelGraph {
			return nil
		}
		return readGraph(constants, body, 0)
	})
	return constants, err
}

func readGraph(constants map[string]tensor, graph []byte, depth int) error {
	if depth > deepestSubgraphs {
		return fmt.Errorf("%w: subgraphs too deep", errONNX)
	}
	return eachField(graph, func(number int, _ uint64, body []byte) error {
		if number != graphNode {
			return nil
		}
		return readNode(constants, body, depth)
	})
}

func readNode(constants map[string]tensor, node []byte, depth int) error {
	var output, operator string
	var value tensor
	attribute := func(number int, _ uint64, body []byte) (err error) {
		switch number {
		case attributeGraph:
			err = readGraph(constants, body, depth+1)
		case attributeTensor:
			value, err = readTensor(body)
		}
		return err
	}
	err := eachField(node, func(number int, _ uint64, body []byte) error {
		switch number {
		case nodeOutput:
			output = string(body)
		case nodeOperator:
			operator = string(body)
		case nodeAttribute:
			return eachField(body, attribute)
		}
		return nil
	})
	if err == nil && operator == "Constant" {
		constants[output] = value
	}
	return err
}

func readTensor(body []byte) (t tensor, err error) {
	err = eachField(body, func(number int, v uint64, body []byte) error {
		switch {
		case number == tensorDims && body == nil:
			t.dims = append(t.dims, v)
		case number == tensorDims: // packed
			for len(body) > 0 {
				d, n := binary.Uvarint(body)
				if n <= 0 {
					return errONNX
				}
				t.dims, body = append(t.dims, d), body[n:]
			}
		case number == tensorType:
			t.kind = v
		case number == tensorRaw:
			t.raw = body
		}
		return nil
	})
	return t, err
}

// eachField calls f with every field of a protocol buffer message: a number
// as v, anything with a length as a body that shares the message's bytes and
// is not nil. It ends at the first error.
func eachField(message []byte, f func(number int, v uint64, body []byte) error) error {
	for len(message) > 0 {
		key, n := binary.Uvarint(message)
		if n <= 0 || key>>3 == 0 || key>>3 > math.MaxInt32 {
			return errONNX
		}
		message = message[n:]
		var v uint64
		var body []byte
		switch key & 7 {
		case 0: // a varint
			if v, n = binary.Uvarint(message); n <= 0 {
				return errONNX
			}
		case 1:
			n = 8
		case 5:
			n = 4
		case 2: // a length, and so many bytes
			length, prefix := binary.Uvarint(message)
			if prefix <= 0 || length > uint64(len(message)-prefix) {
				return errONNX
			}
			n = prefix + int(length)
			body = message[prefix:n:n]
		default:
			return errONNX
		}
		if n > len(message) {
			return errONNX
		}
		if err := f(int(key>>3), v, body); err != nil {
			return err
		}
		message = message[n:]
	}
	return nil
}
