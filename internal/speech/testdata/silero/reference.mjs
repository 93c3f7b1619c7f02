// Writes the probabilities that ONNX Runtime gives for 16 kHz samples, one a
// line: the reference that ../../silero_test.go compares with.
//
//   npm install onnxruntime-web@1.30.0
//   ffmpeg -i recording -ar 16000 -ac 1 -f s16le - | node reference.mjs silero_vad_v5.onnx
import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-web";

ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(readFileSync(process.argv[2]));
const pcm = readFileSync(0);
const samples = new Float32Array(pcm.length >> 1).map((_, i) => pcm.readInt16LE(2 * i) / 32768);

const sr = new ort.Tensor("int64", [16000n], []);
let state = new ort.Tensor("float32", new Float32Array(2 * 128), [2, 1, 128]);
const input = new Float32Array(64 + 512);
for (let at = 0; at + 512 <= samples.length; at += 512) {
  input.copyWithin(0, 512);
  input.set(samples.subarray(at, at + 512), 64);
  const out = await session.run({ input: new ort.Tensor("float32", input, [1, 576]), state, sr });
  state = out.stateN;
  console.log(out.output.data[0].toFixed(7));
}
