import { existsSync, statSync } from 'node:fs';
import { fileSha256 } from '../../data/checksum.ts';
import { type Description, describeSteps, type Summary } from '../../data/describe.ts';
import { datasetHome } from '../../data/home.ts';
import { type Located, locate } from '../../data/locate.ts';
import { type OpenedSteps, readLocated } from '../../data/openDataset.ts';
import { normalizedScore, type ScoreRange, scoreRange } from '../../data/scores.ts';
import { UsageError } from '../../errors.ts';
import type { Input, Io } from '../command.ts';
import { formatReturn, formatSpread, grouped } from '../terminal/format.ts';

/** `agent dataset info NAME`: what is in it if it is here, else what is known of it. */
export async function info(name: string, input: Input, io: Io): Promise<number> {
  const located = locate(name, datasetHome(io.env));
  sayCompletion(name, located, input, io);
  if (!existsSync(located.file) && located.entry) return describeAbsent(located, input, io);
  const opened = await readLocated(located);
  const description = describeSteps(opened.steps);
  if (input.has('json')) {
    const { name: full, file, sha256, envId, scores } = opened;
    io.stdout.write(`${JSON.stringify({ name: full, file, sha256, env: envId, scores, ...description })}\n`);
  } else {
    for (const [label, text] of lines(opened, description)) io.stdout.write(`${label.padEnd(14)}${text}\n`);
  }
  return 0;
}

/** `agent dataset verify NAME|FILE`: reads all of it, and compares it with its recorded SHA-256. */
export async function verify(name: string, input: Input, io: Io): Promise<number> {
  const located = locate(name, datasetHome(io.env));
  sayCompletion(name, located, input, io);
  const { file, steps, sha256 = await fileSha256(located.file) } = await readLocated(located);
  const { min, max } = describeSteps(steps).actions;
  if (Math.max(-min, max) > 1 + 1e-5)
    throw new UsageError(`${located.name}: actions reach from ${min} to ${max}, they lie in [-1, 1]`);
  const result = { name: located.name, file, sha256, bytes: statSync(file).size, rows: steps.rows, ok: true };
  if (input.has('json')) io.stdout.write(`${JSON.stringify(result)}\n`);
  else io.stdout.write(`${located.name} is intact: ${grouped(steps.rows)} rows, SHA-256 ${sha256}\n`);
  return 0;
}

/** Says on stderr what a short name was taken for. */
export function sayCompletion(asked: string, located: Located, input: Input, io: Io): void {
  if (located.completed && !input.has('quiet')) io.stderr.write(`${asked} means ${located.name}\n`);
}

function describeAbsent({ name, file, entry }: Located, input: Input, io: Io): number {
  const { envId, obsDim, actDim, transitions, maxEpisodeSteps } = entry!;
  const scores = scoreRange(name);
  const known = { name, file, here: false, env: envId, scores, obsDim, actDim, transitions, maxEpisodeSteps };
  if (input.has('json')) {
    io.stdout.write(`${JSON.stringify(known)}\n`);
    return 0;
  }
  const sizes = obsDim ? `${obsDim} observations, ${actDim} actions` : 'said by the file';
  const rows: [string, string][] = [
    ['name', `${name}  (not on this machine: agent dataset get ${name})`],
    ['task', envId],
    ['sizes', sizes],
    ['steps', transitions ? grouped(transitions) : 'said by the file'],
    ...scoreLine(scores),
  ];
  for (const [label, text] of rows) io.stdout.write(`${label.padEnd(14)}${text}\n`);
  return 0;
}

function lines({ name, file, sha256, envId, scores }: OpenedSteps, d: Description): [string, string][] {
  const spread = ({ mean, std, min, max }: Summary) =>
    `${formatReturn(mean)} ± ${formatSpread(std, mean)}   ${formatReturn(min)} to ${formatReturn(max)}`;
  const score = d.returns && scores ? [`${normalizedScore(d.returns.mean, scores).toFixed(1)}`] : [];
  return [
    ['name', name],
    ['file', file],
    ...(sha256 ? ([['SHA-256', sha256]] as [string, string][]) : []),
    ...(envId ? ([['task', envId]] as [string, string][]) : []),
    ['sizes', `${d.obsDim} observations, ${d.actDim} actions from ${d.actions.min} to ${d.actions.max}`],
    ['steps', `${grouped(d.steps)}, of which ${grouped(d.transitions)} make transitions`],
    ['ends', `${grouped(d.terminals)} terminals, ${grouped(d.timeouts)} timeouts`],
    ['episodes', `${grouped(d.episodes)} complete`],
    ...(d.returns ? ([['returns', spread(d.returns)]] as [string, string][]) : []),
    ...(d.lengths ? ([['lengths', spread(d.lengths)]] as [string, string][]) : []),
    ...score.map(text => ['mean score', `${text} of 100`] as [string, string]),
    ...scoreLine(scores),
  ];
}

function scoreLine(scores: ScoreRange | undefined): [string, string][] {
  return scores ? [['score', `0 at a return of ${scores.min}, 100 at ${scores.max}`]] : [];
}
