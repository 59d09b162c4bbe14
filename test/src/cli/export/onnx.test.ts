import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Algorithm } from '../../../../src/algorithms/algorithm.ts';
import { algorithms } from '../../../../src/algorithms/catalog.ts';
import { toOnnx } from '../../../../src/cli/export/onnx.ts';
import { encode, Float } from '../../../../src/cli/export/protobuf.ts';
import { type Graph, tracePolicy } from '../../../../src/cli/export/trace.ts';
import { resolve } from '../../../../src/config/hyperparameters.ts';
import { Rng } from '../../../../src/random/rng.ts';
import { type Noise, StreamNoise } from '../../../../src/tensor/noise.ts';
import { type Tensor2D, tf } from '../../../../src/tensor/tf.ts';

const [obsDim, actDim] = [5, 2];
const small = { hidden: 16, batchSize: 8, diffusionSteps: 25, candidates: 4, evaluationCandidates: 3, blocks: 1 };
const python = process.env.AGENT_GYM_PYTHON ?? 'python3';
const hasRuntime = spawnSync(python, ['-c', 'import numpy, onnxruntime']).status === 0;
const folder = mkdtempSync(join(tmpdir(), 'agent-onnx-'));

beforeAll(async () => {
  await tf.setBackend('cpu');
});
afterAll(() => rmSync(folder, { recursive: true }));

function build(name: string): Algorithm {
  const definition = algorithms.get(name)!;
  const known = Object.fromEntries(
    Object.entries(small).filter(([key]) => key in (definition.hyperparameters.params as object)),
  );
  const { values } = resolve(definition.hyperparameters, [{ source: 'test', values: known }]);
  return definition.create({ obsDim, actDim }, values as never, new StreamNoise(new Rng(0)));
}

const trace = (algorithm: Algorithm): Graph =>
  tracePolicy(algorithm, algorithm.variables, obsDim, new StreamNoise(new Rng(1)));

/** What the policy answers to another observation and other noise, and what it was given. */
function answer(algorithm: Algorithm) {
  const noise = new StreamNoise(new Rng(2));
  const drawn: Record<string, { shape: readonly number[]; numbers: number[] }> = {};
  const kept = <T extends { shape: number[]; dataSync(): ArrayLike<number> }>(name: string, tensor: T): T => {
    drawn[name] = { shape: tensor.shape, numbers: Array.from(tensor.dataSync()) };
    return tensor;
  };
  const recorded: Noise = {
    normal: (name, shape) => kept(name, noise.normal(name, shape)),
    uniform: (name, shape, low, high) => kept(name, noise.uniform(name, shape, low, high)),
    integers: (name, count, bound) => kept(name, noise.integers(name, count, bound)),
  };
  const observation = tf.tensor2d([[0.3, -1.2, 0.8, 0.1, 2]]) as Tensor2D;
  kept('observation', observation);
  return { drawn, action: [...algorithm.act(observation, 'exploit', recorded).dataSync()] };
}

describe.each([...algorithms.keys()])('%s', name => {
  test('its policy has a graph of known kernels, with the noise it draws as inputs', () => {
    const algorithm = build(name);
    const graph = trace(algorithm);
    expect(graph.inputs.map(value => value.name)).toEqual([
      'observation',
      ...Object.keys(answer(algorithm).drawn).filter(drawn => drawn !== 'observation'),
    ]);
    expect(graph.output.shape).toEqual([1, actDim]);
    expect(graph.variables.length).toBeGreaterThan(0);
    expect(graph.variables.filter(variable => /optimizer|scalars/i.test(variable))).toEqual([]);
    expect(toOnnx(graph, { algo: name }).length).toBeGreaterThan(1000);
  });
});

test.skipIf(!hasRuntime)(
  'ONNX Runtime computes the same actions',
  () => {
    for (const name of algorithms.keys()) {
      const algorithm = build(name);
      writeFileSync(join(folder, `${name}.onnx`), toOnnx(trace(algorithm), { algo: name }));
      writeFileSync(join(folder, `${name}.json`), JSON.stringify(answer(algorithm)));
    }
    const script = `
import json, sys, pathlib, numpy, onnxruntime
worst = {}
for path in pathlib.Path(sys.argv[1]).glob("*.onnx"):
    case = json.loads(path.with_suffix(".json").read_text())
    session = onnxruntime.InferenceSession(str(path))
    feed = {k: numpy.array(v["numbers"], numpy.float32).reshape(v["shape"]) for k, v in case["drawn"].items()}
    feed = {i.name: feed[i.name] for i in session.get_inputs()}
    (action,) = session.run(["action"], feed)
    worst[path.stem] = float(abs(action.ravel() - numpy.array(case["action"])).max())
print(json.dumps(worst))`;
    const worst = JSON.parse(execFileSync(python, ['-c', script, folder], { encoding: 'utf8' }));
    expect(Object.keys(worst).sort()).toEqual([...algorithms.keys()].sort());
    for (const [name, error] of Object.entries(worst)) expect(error, name).toBeLessThan(2e-6);
  },
  120_000,
);

test('messages in the wire format of protocol buffers', () => {
  // The examples of the format's own documentation: 150 as varint, "testing" as text, a message in a message.
  expect([...encode([[1, 150]])]).toEqual([0x08, 0x96, 0x01]);
  expect([...encode([[2, 'testing']])]).toEqual([0x12, 7, ...Buffer.from('testing')]);
  expect([...encode([[3, [[1, 150]]]])]).toEqual([0x1a, 3, 0x08, 0x96, 0x01]);
  expect([...encode([[1, -1]])]).toEqual([0x08, ...new Array(9).fill(0xff), 1]);
  expect([...encode([[1, new Float(1)]])]).toEqual([0x0d, 0, 0, 0x80, 0x3f]);
});
