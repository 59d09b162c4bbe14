import type { TaskDefinition } from '../../../envs/mujoco/task.ts';
import type { Finding } from '../../env/checkEnv.ts';
import { columns, type Line } from './lines.ts';
import type { Span } from './paint.ts';

/** Column where the facts begin; headings stand left of it. */
const FACTS = 16;
const MEANING = 17;
/** Width of one action, with its index, in the table of actions. */
const ACTION = 24;
const TABLE = 100;

/** Everything `agent env info` says of a task. */
export function envInfoLines(task: TaskDefinition): Line[] {
  const dt = task.frameSkip * task.timestep;
  const stepText = `${plain(dt)} s a step (${task.frameSkip} × ${plain(task.timestep)}), ${task.maxEpisodeSteps} steps`;
  const numbers = task.layout.reduce((total, { size }) => total + size, 0);
  return [
    [],
    ['  ', ['bold', task.id], `   ${task.summary}   ${stepText}`],
    [],
    heading('observation', `${numbers} numbers, unbounded`),
    ...layoutLines(task),
    [],
    heading('action', actionText(task)),
    ...actionLines(task),
    [],
    heading('reward', task.rewardText),
    heading('ends', task.endText),
    heading('versions', task.versionText),
    ...(/ {4}/.test(task.versionText) ? [heading('', 'scores of different versions cannot be compared')] : []),
    ...(task.published ? [heading('published', task.published)] : []),
  ];
}

function heading(name: string, fact: string): Line {
  return columns([2, [['dim', name]]], [FACTS, [fact]]);
}

function layoutLines({ layout }: TaskDefinition): Line[] {
  const width = Math.max(MEANING, ...layout.map(({ name }) => [...name].length + 2));
  let from = 0;
  return layout.map(({ size, name, meaning }) => {
    const last = from + size - 1;
    const range = `${String(from).padStart(7)}${size > 1 ? ` – ${String(last).padStart(3)}` : '      '}`;
    from += size;
    return [['dim', range], `   ${name}${' '.repeat(width - [...name].length)}`, ['dim', meaning]];
  });
}

function actionText({ actionLow, actionHigh, actions, actionUnit }: TaskDefinition): string {
  const bounds = `${plain(actionLow[0]!)}, ${plain(actionHigh[0]!)}`;
  const meaning = /^(torque|force)/.test(actionUnit) ? `times the gear = ${actionUnit}` : actionUnit;
  return `${actions.length} ${actions.length === 1 ? 'number' : 'numbers'} in [${bounds}], ${meaning}`;
}

function actionLines({ actions }: TaskDefinition): Line[] {
  const cells = actions.map(({ name, scale }, i) => `${String(i).padStart(2)} ${name} ${scale}`);
  const width = Math.max(ACTION, ...cells.map(cell => cell.length + 2));
  const perLine = Math.max(1, Math.floor(TABLE / width));
  const lines: Line[] = [];
  for (let i = 0; i < cells.length; i += perLine) {
    const row = cells.slice(i, i + perLine).map(cell => cell.padEnd(width));
    lines.push([`     ${row.join('').trimEnd()}`]);
  }
  return lines;
}

/** Bounds and times as people write them: 0.4, not the float32 next to it. */
function plain(x: number): string {
  return String(Number(x.toPrecision(7)));
}

/** One line a task: id, sizes, time limit, what it is. */
export function envListLines(tasks: readonly TaskDefinition[]): Line[] {
  const width = Math.max(...tasks.map(({ id }) => id.length));
  const header: Line = columns([2, [['dim', 'id']]], [width + 4, [['dim', 'observation action  steps']]]);
  return [
    [],
    header,
    ...tasks.map((task): Line => {
      const obsDim = task.layout.reduce((total, { size }) => total + size, 0);
      const sizes = `${String(obsDim).padStart(11)} ${String(task.actions.length).padStart(6)} ${String(task.maxEpisodeSteps).padStart(6)}`;
      return columns([2, [['bold', task.id]]], [width + 4, [sizes]], [width + 32, [['dim', task.summary]]]);
    }),
  ];
}

const marks: Readonly<Record<Finding['verdict'], Span>> = {
  kept: ['good', '✓'],
  'not offered': ['dim', '–'],
  broken: ['bad', '✗'],
};

/** The findings of a conformance check, and the verdict. */
export function envCheckLines(name: string, findings: readonly Finding[]): Line[] {
  const broken = findings.filter(({ verdict }) => verdict === 'broken').length;
  return [
    [],
    ...findings.flatMap(({ promise, verdict, detail }): Line[] => [
      ['  ', marks[verdict], ` ${promise}`],
      ...(detail ? [['    ', [verdict === 'broken' ? 'bad' : 'dim', detail]] as Line] : []),
    ]),
    [],
    broken === 0 ? [`  ${name} keeps its promises.`] : ['  ', ['bad', `${name} breaks ${broken} of its promises.`]],
  ];
}
