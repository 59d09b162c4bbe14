import { join } from 'node:path';
import type { Algorithm } from '../../algorithms/algorithm.ts';
import { useBackend } from '../../backend/register.ts';
import type { EnvSpec } from '../../env/env.ts';
import { restoreVariables, storeVariables } from '../../loops/variables.ts';
import { Rng } from '../../random/rng.ts';
import { replaceBytes } from '../../runs/durable.ts';
import { readCheckpoint } from '../../runs/readRun.ts';
import { type RunConfig, readConfig } from '../../runs/runConfig.ts';
import { encodeSafetensors } from '../../runs/safetensors.ts';
import { StreamNoise } from '../../tensor/noise.ts';
import { taskOf } from '../eval/eval.ts';
import { buildAlgorithm, makeWorlds, sizesOf } from '../train/onlineParts.ts';
import type { LoopOptions } from '../train/onlinePlan.ts';
import { knownTask } from '../train/simulator.ts';
import { toOnnx } from './onnx.ts';
import { type Graph, tracePolicy } from './trace.ts';

export interface PolicyRequest {
  readonly directory: string;
  readonly checkpoint: 'last' | 'best' | number;
  /** Where to; without one, `policy.onnx` or `policy.safetensors` in the run's directory. */
  readonly out: string | undefined;
}

export interface PolicyFile {
  readonly file: string;
  readonly bytes: number;
  readonly checkpoint: number;
}

/**
 * The evaluated policy as an ONNX model: `observation` [1, obsDim] and standard normal (or uniform) noise by name in,
 * `action` [1, actDim] in [−1, 1] out. The metadata say what the numbers are and the bounds to map actions to.
 */
export async function exportOnnx(request: PolicyRequest): Promise<PolicyFile> {
  const { graph, metadata, step } = await trace(request);
  return write(request, 'policy.onnx', [toOnnx(graph, metadata)], step);
}

/** The weights that the evaluated policy needs (and no others), by the names of the checkpoint. */
export async function exportSafetensors(request: PolicyRequest): Promise<PolicyFile> {
  const { algorithm, graph, metadata, step } = await trace(request);
  const needed = Object.fromEntries(graph.variables.map(name => [name, algorithm.variables[name]!]));
  const parts = encodeSafetensors(storeVariables(needed), metadata);
  return write(request, 'policy.safetensors', [parts].flat(), step);
}

async function trace({ directory, checkpoint: which }: PolicyRequest) {
  const config = readConfig(directory);
  const { step, tensors } = await readCheckpoint(directory, which);
  await useBackend('cpu', {});
  const task = taskOf(config);
  const env = await makeWorlds(task, 1, knownTask(task) ? {} : (config.options as Partial<LoopOptions>));
  try {
    const algorithm: Algorithm = buildAlgorithm(config, env.spec);
    restoreVariables(algorithm.variables, tensors);
    const noise = new StreamNoise(new Rng(0));
    const graph = tracePolicy(algorithm, algorithm.variables, sizesOf(env.spec).obsDim, noise);
    return { algorithm, graph, step, metadata: describe(config, env.spec, graph, step) };
  } finally {
    await env.close();
  }
}

function describe(config: RunConfig, { actionSpace }: EnvSpec, graph: Graph, step: number): Record<string, string> {
  const { algo, task, seed, values } = config;
  return {
    algo,
    task,
    seed: String(seed),
    checkpoint: String(step),
    inputs: graph.inputs.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join('; '),
    action: '[1, actDim] in [-1, 1]; multiply by (high - low) / 2 and add (high + low) / 2',
    actionLow: JSON.stringify([...actionSpace.low]),
    actionHigh: JSON.stringify([...actionSpace.high]),
    hyperparameters: JSON.stringify(values),
  };
}

async function write(
  { directory, out }: PolicyRequest,
  name: string,
  parts: readonly Uint8Array[],
  checkpoint: number,
): Promise<PolicyFile> {
  const file = out ?? join(directory, name);
  await replaceBytes(file, parts);
  return { file, bytes: parts.reduce((sum, part) => sum + part.length, 0), checkpoint };
}
