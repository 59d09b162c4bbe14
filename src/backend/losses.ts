import type { TensorInfo } from '../tensor/tf.ts';
import type { KernelCall, KernelFunction } from './elementwise.ts';
import { binaryNames } from './library.ts';

/** The kernels of `kernels/losses.h`, under the names of the ops in `tensor/ops`. All have their inputs as an array. */
const listed = ({ inputs }: KernelCall) => inputs as unknown as readonly TensorInfo[];

const squashed: KernelFunction = (backend, call) => {
  const [heads, xi] = listed(call) as [TensorInfo, TensorInfo];
  const [rows, actDim] = xi.shape as [number, number];
  const actions = backend.output([rows, actDim]);
  const logDensity = backend.output([rows]);
  const buffers = [backend.values(heads), backend.values(xi), actions.values, logDensity.values];
  backend.run('squashedForward', buffers, [rows, actDim], call.attrs.range);
  return [actions.info, logDensity.info];
};

const squashedGradient: KernelFunction = (backend, call) => {
  const [rows, actDim] = listed(call)[1]!.shape as [number, number];
  const { info, values } = backend.output([rows, 2 * actDim]);
  const inputs = listed(call).map(tensor => backend.values(tensor));
  backend.run('squashedBackward', [...inputs, values], [rows, actDim], call.attrs.range);
  return [info];
};

const least: KernelFunction = (backend, call) => {
  const [a, b] = listed(call).map(tensor => backend.values(tensor)) as [Float32Array, Float32Array];
  const { info, values } = backend.output(listed(call)[0]!.shape);
  const minimum = binaryNames.indexOf('Minimum');
  backend.run('binary', [a, b, values], [minimum, 1, values.length, 0, 1, 0, 1]);
  return [info];
};

const leastGradient: KernelFunction = (backend, call) => {
  const { shape } = listed(call)[0]!;
  const [a, b] = [backend.output(shape), backend.output(shape)];
  const inputs = listed(call).map(tensor => backend.values(tensor));
  backend.run('leastBackward', [...inputs, a.values, b.values], [a.values.length]);
  return [a.info, b.info];
};

const errors: KernelFunction = (backend, call) => {
  const [y, ...q] = listed(call).map(tensor => backend.values(tensor));
  const results = [backend.output([]), backend.output([]), backend.output([])];
  backend.run('squaredErrors', [y!, ...results.map(({ values }) => values), ...q], [q.length, y!.length]);
  return results.map(({ info }) => info);
};

/** q, v */
const expectile: KernelFunction = (backend, call) => {
  const [q, v] = listed(call).map(tensor => backend.values(tensor)) as [Float32Array, Float32Array];
  const results = [backend.output([]), backend.output([])];
  const buffers = [q, v, ...results.map(({ values }) => values)];
  backend.run('expectileError', buffers, [q.length], [call.attrs.expectile]);
  return results.map(({ info }) => info);
};

/** dy, q, v */
const expectileGradient: KernelFunction = (backend, call) => {
  const [dy, q, v] = listed(call).map(tensor => backend.values(tensor)) as [Float32Array, Float32Array, Float32Array];
  const { info, values } = backend.output(listed(call)[2]!.shape);
  backend.run('expectileErrorBackward', [q, v, dy, values], [q.length], [call.attrs.expectile]);
  return [info];
};

/** rewards, terminated, [α, ln π,] values … */
const bootstrapped: KernelFunction = (backend, call) => {
  const { discount, entropy } = call.attrs as { discount: number; entropy: boolean };
  const [r, terminated, ...rest] = listed(call).map(tensor => backend.values(tensor));
  const [alpha, logDensity] = entropy ? rest : [null, null];
  const { info, values } = backend.output(listed(call)[0]!.shape);
  const v = entropy ? rest.slice(2) : rest;
  backend.run('bootstrap', [r!, terminated!, alpha!, logDensity!, values, ...v], [v.length, values.length], [discount]);
  return [info];
};

/** [α, ln π,] values … */
const objective: KernelFunction = (backend, call) => {
  const { entropy } = call.attrs as { entropy: boolean };
  const inputs = listed(call).map(tensor => backend.values(tensor));
  const [alpha, logDensity] = entropy ? inputs : [null, null];
  const q = entropy ? inputs.slice(2) : inputs;
  const { info, values } = backend.output([]);
  backend.run('softObjective', [alpha!, logDensity!, values, ...q], [q.length, q[0]!.length]);
  return [info];
};

/** dy, then as before → the gradients of ln π, if there is one, and of values. */
const objectiveGradient: KernelFunction = (backend, call) => {
  const { entropy } = call.attrs as { entropy: boolean };
  const [dy, ...inputs] = listed(call);
  const q = entropy ? inputs.slice(2) : inputs;
  const results = (entropy ? inputs.slice(1) : inputs).map(({ shape }) => backend.output(shape));
  const [dLogDensity, dq] = entropy ? [results[0]!.values, results.slice(1)] : [null, results];
  const pairs = q.flatMap((tensor, i) => [backend.values(tensor), dq[i]!.values]);
  const alpha = entropy ? backend.values(inputs[0]!) : null;
  const buffers = [alpha, backend.values(dy!), dLogDensity, ...pairs];
  backend.run('softObjectiveBackward', buffers, [q.length, dq[0]!.values.length]);
  return results.map(({ info }) => info);
};

const errorsGradient: KernelFunction = (backend, call) => {
  const [dy, y, ...q] = listed(call);
  const results = q.map(({ shape }) => backend.output(shape));
  const pairs = q.flatMap((tensor, i) => [backend.values(tensor), results[i]!.values]);
  const target = backend.values(y!);
  backend.run('squaredErrorsBackward', [target, backend.values(dy!), ...pairs], [q.length, target.length]);
  return results.map(({ info }) => info);
};

export const losses: Readonly<Record<string, KernelFunction>> = {
  SquashedGaussian: squashed,
  SquashedGaussianGradient: squashedGradient,
  Least: least,
  LeastGradient: leastGradient,
  ExpectileError: expectile,
  ExpectileErrorGradient: expectileGradient,
  Bootstrap: bootstrapped,
  SoftObjective: objective,
  SoftObjectiveGradient: objectiveGradient,
  SquaredErrors: errors,
  SquaredErrorsGradient: errorsGradient,
};
