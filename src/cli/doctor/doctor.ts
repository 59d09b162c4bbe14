import { cpus } from 'node:os';
import { addBackend } from '../../backend/add.ts';
import { optionalNames } from '../../backend/optional.ts';
import type { Command, Io } from '../command.ts';
import { charsetFor } from '../terminal/charset.ts';
import { doctorLines, type Finding } from '../terminal/doctorLines.ts';
import { paintFor, paintLine } from '../terminal/paint.ts';
import { examine } from './examine.ts';

export const command: Command = {
  name: 'doctor',
  args: '',
  options: [
    { name: 'run', value: 'DIR', doc: 'where the runs will go (default runs)' },
    { name: 'add', value: optionalNames.join('|'), doc: 'first fetch the packages of this backend' },
  ],
  examples: ['agent doctor', 'agent doctor --run /data/runs', 'agent doctor --add tensorflow'],
  run: async (input, io) => {
    const added = input.choice('add', optionalNames);
    if (added) await addBackend(added, step => input.has('quiet') || io.stderr.write(`  ${step}\n`));
    const findings = await examine(input.text('run') ?? 'runs');
    const problems = findings.filter(({ state }) => state === 'hurts').length;
    const verdict = verdictOf(findings);
    if (input.has('json'))
      io.stdout.write(`${JSON.stringify({ problems, verdict, findings, cores: cpus().length })}\n`);
    else print(findings, verdict, io);
    return problems > 0 ? 1 : 0;
  },
};

function verdictOf(findings: readonly Finding[]): string {
  const hurts = new Set(findings.filter(({ state }) => state === 'hurts').map(({ name }) => name));
  if (hurts.size === 0) return 'Everything works.';
  if (hurts.has('node') || hurts.has('mujoco')) return 'Training will not work before this is mended.';
  if (hurts.has('native')) return 'Training works, many times slower than it could.';
  for (const name of optionalNames) if (hurts.has(name)) return `Training works, but not with --backend ${name}.`;
  return 'Training works; a full Humanoid run will not fit.';
}

function print(findings: readonly Finding[], verdict: string, io: Io): void {
  const paint = paintFor(io.stdout, io.env);
  const lines = doctorLines(findings, verdict).map(line => paintLine(line, paint));
  io.stdout.write(`${charsetFor(io.env)(lines.join('\n'))}\n`);
}
