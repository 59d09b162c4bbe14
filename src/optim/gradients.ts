import { training } from '../tensor/ops/trained.ts';
import { type Scalar, type TapeNode, type Tensor, tapeState, tf } from '../tensor/tf.ts';

/**
 * The gradient of the scalar that `compute` returns with respect to each variable (or other tensor), undefined for one it does not depend
 * on. As `tf.variableGrads`, which spends a scope on every input of every operation: a tenth of a small update.
 */
export function gradients(variables: ReadonlySet<Tensor>, compute: () => Scalar): (Tensor | undefined)[] {
  const state = tapeState();
  const outermost = state.gradientDepth === 0;
  if (outermost) state.activeTape = [];
  const begin = state.activeTape!.length;
  return training(variables, () => {
    const y = record(compute);
    const tape = state.activeTape!.slice(begin);
    try {
      return tf.tidy(() => backward(tape, variables, y)) as Tensor[];
    } finally {
      if (outermost) {
        for (const { saved } of tape) if (saved) for (const tensor of saved) tensor.dispose();
        state.activeTape = null;
      }
    }
  });
}

/** A scalar function of x at x, and its gradient there. */
export function valueAndGradient<T extends Tensor>(x: T, compute: (x: T) => Scalar): { value: Scalar; gradient: T } {
  let value: Scalar | undefined;
  const [gradient] = gradients(new Set([x]), () => {
    value = tf.keep(compute(x));
    return value;
  });
  if (!gradient) throw new Error('valueAndGradient: the scalar does not depend on x');
  return { value: release(value!), gradient: gradient as T };
}

/** Hands a tensor that was kept to the current scope. tfjs calls this private; a clone and a disposal cost ten times as much. */
export function release<T extends Tensor>(tensor: T): T {
  tensor.kept = false;
  (tf.engine() as unknown as { track(tensor: Tensor): void }).track(tensor);
  return tensor;
}

function record(compute: () => Scalar): Scalar {
  const state = tapeState();
  state.gradientDepth++;
  try {
    return tf.tidy(compute);
  } finally {
    state.gradientDepth--;
  }
}

function backward(tape: readonly TapeNode[], variables: ReadonlySet<Tensor>, y: Scalar): (Tensor | undefined)[] {
  const dependent = new Set<number>();
  for (const { id } of variables) dependent.add(id);
  const path: { readonly node: TapeNode; readonly wanted: string[] }[] = [];
  for (const node of tape) {
    const wanted: string[] = [];
    for (const name in node.inputs) if (dependent.has(node.inputs[name]!.id)) wanted.push(name);
    if (wanted.length === 0) continue;
    for (const { id } of node.outputs) dependent.add(id);
    path.push({ node, wanted });
  }
  const found = new Map<number, Tensor>([[y.id, tf.scalar(1)]]);
  for (let i = path.length - 1; i >= 0; i--) {
    const { node, wanted } = path[i]!;
    const dys = node.outputs.map(({ id }) => found.get(id));
    if (dys.some(dy => dy !== undefined)) propagate(node, wanted, dys, found);
  }
  return [...variables].map(({ id }) => found.get(id));
}

/** Adds the gradients of an operation's wanted inputs to those found. */
function propagate(node: TapeNode, wanted: string[], dys: (Tensor | undefined)[], found: Map<number, Tensor>): void {
  if (!node.gradient) throw new Error('an operation without a gradient on the way from a variable to the loss');
  const toInputs = node.gradient(dys);
  for (const name of wanted) {
    const { id } = node.inputs[name]!;
    const dx = toInputs[name]!();
    const before = found.get(id);
    found.set(id, before ? tf.add(before, dx) : dx);
  }
}
