package speech

import (
	_ "embed"
	"fmt"
	"math"
)

// The shape of Silero VAD v5 at 16 kHz. A frame, after the end of the one
// before, goes through a short-time Fourier transform, four convolutions and a
// recurrent layer to one probability.
const (
	sileroFrame   = 512 // new samples a frame: 32 ms
	sileroContext = 64  // samples of the frame before
	sileroPadding = 64  // samples mirrored at the end
	sileroWindow  = 256 // samples of a transform
	sileroHop     = 128
	sileroBands   = sileroWindow/2 + 1
	sileroSpectra = (sileroContext+sileroFrame+sileroPadding-sileroWindow)/sileroHop + 1 // 4
	sileroHidden  = 128
	sileroKernel  = 3
)

// sileroModel is the published file; silero/README.md says whose and from where.
//
//go:embed silero/silero_vad_v5.onnx
var sileroModel []byte

// VoiceActivity is the network Silero VAD v5, which gives the probability that
// there is speech in each frame of 32 ms. It is its weights only, in pure Go,
// and may be used concurrently; what it has heard is kept by an Endpointer.
type VoiceActivity struct {
	fourier   layer // rows: sileroBands cosines, then as many sines
	encoder   [4]convolution
	input     layer // of the recurrent cell: gates input, forget, cell, output
	recurrent layer
	output    layer
}

// A layer is a matrix with a bias for each of its rows.
type layer struct {
	weights []float32 // row after row
	bias    []float32
}

// A convolution has sileroKernel taps and one column of zeros either side. A
// row of its weights is an output channel, and holds the taps of every input
// channel.
type convolution struct {
	layer
	in, out int // channels
	stride  int
}

// NewVoiceActivity reads the network that is part of this program.
func NewVoiceActivity() (*VoiceActivity, error) { return readVoiceActivity(sileroModel) }

// readVoiceActivity reads a network of exactly this shape. It keeps nothing of
// the file.
func readVoiceActivity(file []byte) (*VoiceActivity, error) {
	constants, err := readONNX(file)
	if err != nil {
		return nil, fmt.Errorf("speech: voice activity: %w", err)
	}
	weights := func(name string, dims ...uint64) []float32 {
		// The model chooses between two networks by sample rate; this one is for 16 kHz.
		t := constants["If_0_then_branch__Inline_0__"+name]
		values, failed := t.floats(dims...)
		if failed != nil && err == nil {
			err = fmt.Errorf("speech: voice activity: %s: %w", name, failed)
		}
		return values
	}
	v := &VoiceActivity{
		fourier: layer{weights("stft.forward_basis_buffer", 2*sileroBands, 1, sileroWindow), make([]float32, 2*sileroBands)},
		encoder: [4]convolution{
			{in: sileroBands, out: 128, stride: 1}, {in: 128, out: 64, stride: 2},
			{in: 64, out: 64, stride: 2}, {in: 64, out: sileroHidden, stride: 1},
		},
		input: layer{
			weights("decoder.rnn.weight_ih", 4*sileroHidden, sileroHidden),
			weights("decoder.rnn.bias_ih", 4*sileroHidden),
		},
		recurrent: layer{
			weights("decoder.rnn.weight_hh", 4*sileroHidden, sileroHidden),
			weights("decoder.rnn.bias_hh", 4*sileroHidden),
		},
		output: layer{weights("decoder.decoder.2.weight", 1, sileroHidden, 1), weights("decoder.decoder.2.bias", 1)},
	}
	for i := range v.encoder {
		c, name := &v.encoder[i], fmt.Sprintf("encoder.%d.reparam_conv.", i)
		c.layer = layer{
			weights(name+"weight", uint64(c.out), uint64(c.in), sileroKernel),
			weights(name+"bias", uint64(c.out)),
		}
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// listener is what the network remembers from frame to frame, and room to
// work in. Its zero value has heard nothing.
type listener struct {
	hidden, cell [sileroHidden]float32
	samples      [sileroContext + sileroFrame + sileroPadding]float32
	// Columns in time, each of all channels, of what goes into a layer and
	// what comes out of it.
	a, b   [sileroSpectra * sileroBands]float32
	window [sileroKernel * sileroBands]float32
	gates  [2][4 * sileroHidden]float32
}

// hear gives the probability, 0 to 1, that there is speech in the next frame.
// It allocates nothing.
func (l *listener) hear(v *VoiceActivity, frame *[sileroFrame]int16) float32 {
	copy(l.samples[:sileroContext], l.samples[sileroFrame:])
	for i, s := range frame {
		l.samples[sileroContext+i] = float32(s) / (1 << 15)
	}
	for i := range sileroPadding {
		const end = sileroContext + sileroFrame
		l.samples[end+i] = l.samples[end-2-i]
	}
	l.spectra(v)
	columns := sileroSpectra
	from, to := l.a[:], l.b[:]
	for i := range v.encoder {
		columns = v.encoder[i].apply(to, from, columns, &l.window)
		from, to = to, from
	}
	l.remember(v, from[:sileroHidden])

	for i, h := range l.hidden {
		to[i] = max(0, h)
	}
	var logit [1]float32
	v.output.apply(logit[:], to[:sileroHidden])
	return sigmoid(logit[0])
}

// spectra fills a with the magnitude of each band in each window.
func (l *listener) spectra(v *VoiceActivity) {
	var parts [2 * sileroBands]float32
	for t := range sileroSpectra {
		v.fourier.apply(parts[:], l.samples[t*sileroHop:][:sileroWindow])
		for i := range sileroBands {
			re, im := parts[i], parts[sileroBands+i]
			l.a[t*sileroBands+i] = float32(math.Sqrt(float64(re*re + im*im)))
		}
	}
}

// remember takes a step of the recurrent cell (long short-term memory).
func (l *listener) remember(v *VoiceActivity, in []float32) {
	v.input.apply(l.gates[0][:], in)
	v.recurrent.apply(l.gates[1][:], l.hidden[:])
	gate := func(which, i int) float32 {
		return l.gates[0][which*sileroHidden+i] + l.gates[1][which*sileroHidden+i]
	}
	for i := range l.hidden {
		take, keep, give := sigmoid(gate(0, i)), sigmoid(gate(1, i)), sigmoid(gate(3, i))
		l.cell[i] = keep*l.cell[i] + take*tanh(gate(2, i))
		l.hidden[i] = give * tanh(l.cell[i])
	}
}

// apply convolves and cuts at zero, and gives how many columns came out.
func (c *convolution) apply(out, in []float32, columns int, window *[sileroKernel * sileroBands]float32) int {
	n := 0
	for at := -1; at+sileroKernel-1 <= columns; at += c.stride {
		for tap := range sileroKernel {
			inside := at+tap >= 0 && at+tap < columns
			for channel := range c.in {
				var x float32
				if inside {
					x = in[(at+tap)*c.in+channel]
				}
				window[channel*sileroKernel+tap] = x
			}
		}
		column := out[n*c.out:][:c.out]
		c.layer.apply(column, window[:c.in*sileroKernel])
		for i, x := range column {
			column[i] = max(0, x)
		}
		n++
	}
	return n
}

// apply multiplies: a value of out for each row. Four rows at once, so that
// the processor need not wait for one sum before the next.
func (m *layer) apply(out, in []float32) {
	n := len(in)
	row := 0
	for ; row+4 <= len(out); row += 4 {
		w := m.weights[row*n:][:4*n]
		w0, w1, w2, w3 := w[:n], w[n:][:n], w[2*n:][:n], w[3*n:][:n]
		var a, b, c, d float32
		for i, x := range in {
			a += w0[i] * x
			b += w1[i] * x
			c += w2[i] * x
			d += w3[i] * x
		}
		out[row], out[row+1], out[row+2], out[row+3] = a+m.bias[row], b+m.bias[row+1], c+m.bias[row+2], d+m.bias[row+3]
	}
	for ; row < len(out); row++ {
		sum := m.bias[row]
		for i, w := range m.weights[row*n:][:n] {
			sum += w * in[i]
		}
		out[row] = sum
	}
}

func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }

func tanh(x float32) float32 { return float32(math.Tanh(float64(x))) }
