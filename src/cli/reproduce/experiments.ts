/** A result that can be made again: one training command, run with several seeds. */
export interface Experiment {
  readonly name: string;
  /** What it shows, one line. */
  readonly title: string;
  /** Arguments after `agent`, without seed and run directory. */
  readonly command: readonly string[];
  readonly seeds: readonly number[];
  /** A published value to draw beside the curve, and whose it is. */
  readonly reference?: { readonly value: number; readonly label: string };
}

const words = (text: string) => text.split(' ');

/** In minutes, with float32 throughout and with sampling in bfloat16: whether returns suffer. */
function pendulum(name: string, env: string, reference: Experiment['reference']): Experiment[] {
  const command = words(
    `online --env ${env} --hidden 64 --policy-every 1 --policy-learning-rate 1e-3 --critic-learning-rate 1e-3 --warmup-steps 1000 --steps 15000 --eval-every 1000`,
  );
  return (['float32', 'bf16'] as const).map(precision => ({
    name: precision === 'float32' ? name : `${name}-${precision}`,
    title: `${env}, QVPO${precision === 'float32' ? '' : ', sampling in bfloat16'}`,
    command: [...command, '--precision', precision],
    seeds: [0, 1, 2],
    reference,
  }));
}

export const experiments: readonly Experiment[] = [
  ...pendulum('inverted-pendulum', 'InvertedPendulum-v4', { value: 1000, label: 'the most there is' }),
  ...pendulum('inverted-double-pendulum', 'InvertedDoublePendulum-v4', { value: 9100, label: 'solved (Gymnasium)' }),
  {
    name: 'hopper',
    title: 'Hopper-v3, QVPO',
    command: words(
      'online --env Hopper-v3 --hidden 128 --behavior-candidates 2 --entropy-weight-floor 0.05 --warmup-steps 5000 --steps 150000 --eval-every 2500 --precision float32',
    ),
    seeds: [0],
    reference: { value: 3728, label: 'QVPO, best of 10⁶ steps' },
  },
  {
    name: 'sac-halfcheetah',
    title: 'HalfCheetah-v4, SAC',
    command: words('online --algo sac --env HalfCheetah-v4 --steps 200000 --eval-every 10000'),
    seeds: [0],
    reference: { value: 10617, label: 'SAC, best of 10⁶ steps (v3)' },
  },
  {
    name: 'td3-halfcheetah',
    title: 'HalfCheetah-v4, TD3',
    command: words('online --algo td3 --env HalfCheetah-v4 --steps 200000 --eval-every 10000'),
    seeds: [0],
    reference: { value: 10389, label: 'TD3, best of 10⁶ steps (v3)' },
  },
  {
    name: 'sac-hopper',
    title: 'Hopper-v4, SAC',
    command: words('online --algo sac --env Hopper-v4 --steps 300000 --eval-every 10000'),
    seeds: [2],
    reference: { value: 2997, label: 'SAC, best of 10⁶ steps (v3)' },
  },
  {
    name: 'td3-hopper',
    title: 'Hopper-v4, TD3',
    command: words('online --algo td3 --env Hopper-v4 --steps 1000000 --eval-every 10000'),
    seeds: [3],
    reference: { value: 3268, label: 'TD3, best of 10⁶ steps (v3)' },
  },
  {
    name: 'sac-walker2d',
    title: 'Walker2d-v4, SAC',
    command: words('online --algo sac --env Walker2d-v4 --steps 600000 --eval-every 10000'),
    seeds: [0],
    reference: { value: 4888, label: 'SAC, best of 10⁶ steps (v3)' },
  },
];
