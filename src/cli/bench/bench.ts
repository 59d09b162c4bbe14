import { type BackendName, backendNames } from '../../backend/names.ts';
import { UsageError } from '../../errors.ts';
import type { Command, Input, Io } from '../command.ts';
import { precisionOption } from '../flags.ts';
import { formatDuration } from '../terminal/format.ts';

/** One measurement of `agent bench`: its module is loaded only when it is called. */
interface Benchmark {
  readonly name: string;
  readonly summary: string;
  run(input: Input, io: Io): Promise<number>;
}

const benchmarks: readonly Benchmark[] = [
  {
    name: 'kernels',
    summary: 'rates of the backend’s hot operations',
    run: async (input, io) => (await import('./benchKernels.ts')).runBenchKernels(input, io),
  },
  {
    name: 'act',
    summary: 'time of one action',
    run: async (input, io) => (await import('./benchAct.ts')).runBenchAct(input, io),
  },
  {
    name: 'update',
    summary: 'time of one gradient update, and its part of the backend’s peak',
    run: async (input, io) => (await import('./benchUpdate.ts')).runBenchUpdate(input, io),
  },
  {
    name: 'env',
    summary: 'environment steps a second against the engine alone',
    run: async (input, io) => {
      const { benchEnv, envBenchText } = await import('./benchEnv.ts');
      const id = input.required('env', 'ID', [['all of them', 'agent env ls']]);
      const workers = input.count('threads');
      const begun = performance.now();
      const onMeasured = (done: number, of: number) => {
        const left = ((performance.now() - begun) / 1000 / done) * (of - done);
        if (!input.has('quiet') && done < of)
          io.stderr.write(`measured ${done} of ${of}   ${formatDuration(left)} left\n`);
      };
      const result = await benchEnv(id, { numEnvs: input.count('num-envs'), workers, onMeasured });
      io.stdout.write(`${input.has('json') ? JSON.stringify(result) : envBenchText(result)}\n`);
      return 0;
    },
  },
  {
    name: 'bridge',
    summary: 'round trip and steps a second of a simulator elsewhere, beside a bare ZeroMQ echo',
    run: async (input, io) => (await import('./benchBridge.ts')).runBenchBridge(input, io),
  },
  {
    name: 'load',
    summary: 'reading a dataset',
    run: async (input, io) => {
      const [, file] = input.args;
      if (file === undefined) throw new UsageError('FILE is missing', [['usage', 'agent bench load FILE']]);
      return (await import('./benchLoad.ts')).runBenchLoad(input, io, file);
    },
  },
];

export const command: Command = {
  name: 'bench',
  args: '[kernels|act|update|env|bridge|load]',
  maxArgs: 2,
  options: [
    { name: 'algo', value: 'A', doc: 'the algorithm of act and update', default: 'qvpo' },
    { name: 'obs-dim', value: 'O', doc: 'numbers of an observation', default: '11' },
    { name: 'act-dim', value: 'D', doc: 'numbers of an action', default: '3' },
    { name: 'batch-size', value: 'B', doc: 'transitions of an update', default: "the algorithm's" },
    { name: 'diffusion-steps', value: 'N', doc: 'steps of the denoising chain', default: "the algorithm's" },
    { name: 'candidates', value: 'K', doc: 'actions sampled per decision', default: "the algorithm's" },
    { name: 'preset', value: 'paper|fast', doc: 'hyperparameters of the algorithm', default: 'paper' },
    { name: 'backend', value: backendNames.join('|'), doc: 'what computes', default: 'auto' satisfies BackendName },
    { name: 'threads', value: 'N', doc: 'worker threads', default: 'all cores' },
    { ...precisionOption, doc: `${precisionOption.doc}, for act and update` },
    { name: 'env', value: 'ID', doc: 'the environment of env' },
    { name: 'num-envs', value: 'N', doc: 'worlds of env and bridge', default: '1, bridge 32' },
    { name: 'sim', value: 'ADDRESS', doc: 'the simulator of bridge; without, one in which nothing happens' },
    { name: 'sim-keys', value: 'DIR', doc: 'keys of bridge, for another machine' },
    { name: 'seconds', value: 'S', doc: 'measuring time of act, update, kernels and bridge', default: '5, bridge 15' },
  ],
  examples: [
    'agent bench update --algo qvpo --obs-dim 376 --act-dim 17 --threads 1 --json',
    'agent bench act --algo qvpo --obs-dim 11 --act-dim 3 --candidates 4',
  ],
  run: async (input, io) => {
    const name = input.args[0] ?? 'kernels';
    const benchmark = benchmarks.find(one => one.name === name);
    if (!benchmark)
      throw new UsageError(`there is no benchmark "${name}"`, [['one of', benchmarks.map(one => one.name).join(', ')]]);
    return benchmark.run(input, io);
  },
};
