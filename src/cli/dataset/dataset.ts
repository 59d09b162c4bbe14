import { UsageError } from '../../errors.ts';
import type { Command, Input, Io } from '../command.ts';

const ACTIONS = ['ls', 'info', 'get', 'make', 'verify'] as const;

export const command: Command = {
  name: 'dataset',
  args: 'ls | info NAME | get NAME… | make NAME | verify NAME|FILE',
  options: [
    { name: 'steps', value: 'N', doc: 'make: environment steps to collect', default: "as many as the published set's" },
    { name: 'seed', value: 'S', doc: 'make: seed of worlds, goals and actions', default: '0' },
    { name: 'policy', value: 'FILE|RUN', doc: 'make: the controller, or the run to take', default: 'the one shipped' },
  ],
  examples: [
    'agent dataset ls',
    'agent dataset get hopper-medium                 downloads, checks and keeps it',
    'AGENT_DATASET_MIRROR=file:///data/d4rl/ agent dataset get antmaze-large',
    'agent dataset make maze2d-umaze --steps 100000  stores local/maze2d-umaze',
  ],
  run,
};

async function run(input: Input, io: Io): Promise<number> {
  const [action, ...names] = input.args;
  if (action === undefined) {
    throw new UsageError('agent dataset: ls, info, get, make or verify is missing', [
      ['all datasets', 'agent dataset ls'],
    ]);
  }
  if (!ACTIONS.includes(action as (typeof ACTIONS)[number]))
    throw new UsageError(`agent dataset does not know "${action}"`, [['it knows', ACTIONS.join('  ')]]);
  if (action !== 'make') {
    const stray = ['steps', 'seed', 'policy'].find(flag => input.has(flag));
    if (stray) throw new UsageError(`--${stray} belongs to agent dataset make`);
  }
  if (action === 'ls') return (await import('./datasetList.ts')).list(names, input, io);
  if (names.length === 0) {
    throw new UsageError(`agent dataset ${action}: the name is missing`, [['all datasets', 'agent dataset ls']]);
  }
  if (action === 'get') return (await import('./datasetGet.ts')).get(names, input, io);
  if (names.length > 1) throw new UsageError(`agent dataset ${action} takes one name, not also "${names[1]}"`);
  if (action === 'make') return (await import('./datasetMake.ts')).make(names[0]!, input, io);
  const { info, verify } = await import('./datasetInfo.ts');
  return action === 'info' ? info(names[0]!, input, io) : verify(names[0]!, input, io);
}
