import { it } from 'vitest';
import { gradients } from '../../src/optim/gradients.ts';
import { Rng } from '../../src/random/rng.ts';
import { expectileError } from '../../src/tensor/ops/expectileError.ts';
import { mlpValues } from '../../src/tensor/ops/mlp.ts';
import { perturb } from '../../src/tensor/ops/perturb.ts';
import { actorObjective, bootstrap } from '../../src/tensor/ops/softValue.ts';
import { squaredErrors } from '../../src/tensor/ops/squaredErrors.ts';
import { type Scalar, type Tensor, type Tensor1D, type Tensor2D, tf, type Variable } from '../../src/tensor/tf.ts';
import { agree, type Draw, pick, type Start } from './kernelsAgree.ts';

/** Two critics of one output, their parameters variables. */
function twin(draw: Draw, shape: readonly number[]) {
  const variables: Variable[] = [];
  const variable = <T extends Tensor>(value: T) => {
    variables.push(tf.variable(value));
    return variables.at(-1) as unknown as T;
  };
  const net = () => ({
    activation: 'relu' as const,
    outputActivation: 'linear' as const,
    layers: shape.slice(1).map((out, l) => ({
      weight: variable(draw([shape[l]!, out], 1 / Math.sqrt(shape[l]!)) as Tensor2D),
      bias: variable(draw([out], 0.3) as Tensor1D),
    })),
  });
  return { nets: [net(), net()], variables };
}

/** What algorithms minimize: targets, objectives, and the gradients that an optimizer asks for. */
export function testObjectiveKernels(start: Start): void {
  it('bootstraps a target, and averages what an actor descends: forward and backward', async () => {
    const rng = new Rng(31);
    for (let trial = 0; trial < 6; trial++) {
      const rows = trial === 0 ? 300 : pick(rng);
      await agree(start, trial, draw => {
        const [r, a, b, logDensity] = [draw([rows]), draw([rows]), draw([rows]), draw([rows])] as Tensor1D[];
        const terminated = tf.cast(tf.greater(draw([rows]), 0.5), 'float32') as Tensor1D;
        const entropy = { alpha: tf.scalar(0.3), logDensity: logDensity! };
        const step = { rewards: r!, terminated };
        const soft = (a: Tensor, b: Tensor, logDensity: Tensor) =>
          actorObjective([a, b] as Tensor1D[], { ...entropy, logDensity: logDensity as Tensor1D });
        const plain = (a: Tensor, b: Tensor) =>
          actorObjective([a, b] as Tensor1D[])
            .mul(-2)
            .asScalar();
        const expectile = (v: Tensor) =>
          expectileError(a!, v as Tensor1D, 0.7)
            .loss.mul(3)
            .asScalar();
        return [
          ...[expectile(b!), expectileError(a!, b!, 0.9).mean, tf.grad(expectile)(b!)],
          bootstrap(step, 0.99, [a!, b!], entropy),
          bootstrap(step, 0.9, [a!]),
          perturb(draw([rows, 3]) as Tensor2D, draw([rows, 3]), { deviation: 0.6, limit: 0.5 }),
          perturb(draw([rows, 3]) as Tensor2D, draw([rows, 3]), { deviation: 0.2 }),
          ...[soft(a!, b!, logDensity!), plain(a!, b!), actorObjective([a!])],
          ...tf.grads(soft)([a!, b!, logDensity!]),
          ...tf.grads(plain)([a!, b!]),
        ];
      });
    }
  });

  it('gives an optimizer its gradients, whichever variables it has', async () => {
    const rng = new Rng(32);
    for (let trial = 0; trial < 8; trial++) {
      const rows = trial === 0 ? 300 : pick(rng);
      const hidden = Array.from({ length: rng.integer(3) }, () => pick(rng));
      const [obsDim, actDim] = [pick(rng), 1 + rng.integer(8)];
      await agree(
        start,
        trial,
        draw => {
          const { nets, variables } = twin(draw, [obsDim + actDim, ...hidden, 1]);
          const [s, y] = [draw([rows, obsDim]) as Tensor2D, draw([rows])];
          const action = tf.variable(draw([rows, actDim]) as Tensor2D);
          const loss = () => squaredErrors(mlpValues(nets, [s, action as unknown as Tensor2D]), y);
          const [all, some, none] = [variables, variables.slice(0, 2), []].map(own =>
            gradients(new Set([...own, action]), () => loss().loss as Scalar),
          ) as [Tensor[], Tensor[], Tensor[]];
          const { loss: total, mean, disagreement } = loss();
          tf.dispose([...variables, action]);
          return [total, mean, disagreement, ...all, ...some, ...none];
        },
        1e-4,
      ); // as for whole networks: through up to three layers
    }
  });
}
