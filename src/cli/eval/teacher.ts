import type { Algorithm } from '../../algorithms/algorithm.ts';
import { Srpo } from '../../algorithms/srpo.ts';
import { SrpoTeacher, studentFlop } from '../../algorithms/srpoTeacher.ts';
import { UsageError } from '../../errors.ts';
import { Rng } from '../../random/rng.ts';
import { StreamNoise } from '../../tensor/noise.ts';
import { type Tensor2D, tf } from '../../tensor/tf.ts';
import { formatTime } from '../terminal/format.ts';
import { columns, type Line } from '../terminal/lines.ts';

/** One way to an action: the extracted policy, or the diffusion model it learned from. */
export interface Actor {
  readonly name: string;
  readonly candidates: number;
  readonly calls: number;
  /** Median time of one action for one observation. */
  readonly microseconds: number;
  readonly flop: number;
}

/** SRPO's headline: the policy's time and arithmetic beside the diffusion policy's, from the same networks. */
export interface Comparison {
  readonly student: Actor;
  readonly teachers: readonly Actor[];
  /** How many times faster the student is than the teacher of most candidates. */
  readonly ratio: number;
}

/** Candidates and calls of the teachers: a single sample, IDQL's number in the mazes, and on locomotion. */
const TEACHERS = [
  { candidates: 1, calls: 15 },
  { candidates: 32, calls: 5 },
  { candidates: 32, calls: 15 },
  { candidates: 128, calls: 5 },
] as const;
/** Calls that warm up, and calls that are measured, alternating between the actors. */
const [WARM, MEASURED] = [5, 40];

/** Measures the actors in turns, so that whatever else the machine does slows all of them alike. */
export function compareWithTeacher(algorithm: Algorithm, obsDim: number, seed: number): Comparison {
  if (!(algorithm instanceof Srpo))
    throw new UsageError('--teacher compares SRPO with the diffusion model it learned from; this is another algorithm');
  const rng = new Rng(seed).split('teacher');
  const noise = new StreamNoise(rng);
  const s = tf.tensor2d(
    Float32Array.from({ length: obsDim }, () => rng.normal()),
    [1, obsDim],
  ) as Tensor2D;
  const teachers = TEACHERS.map(options => new SrpoTeacher(algorithm, options));
  const actors = [() => algorithm.act(s), ...teachers.map(teacher => () => teacher.act(s, noise))];
  const medians = measure(actors);
  s.dispose();
  const student = { name: 'policy', candidates: 1, calls: 1, microseconds: medians[0]!, flop: studentFlop(algorithm) };
  const measured = TEACHERS.map((options, i) => ({
    name: 'diffusion',
    ...options,
    microseconds: medians[i + 1]!,
    flop: teachers[i]!.flop,
  }));
  return { student, teachers: measured, ratio: measured.at(-1)!.microseconds / student.microseconds };
}

function measure(actors: readonly (() => Tensor2D)[]): number[] {
  const times: number[][] = actors.map(() => []);
  for (let round = 0; round < WARM + MEASURED; round++) {
    actors.forEach((act, i) => {
      const begin = performance.now();
      tf.tidy(() => void act().dataSync());
      if (round >= WARM) times[i]!.push(1000 * (performance.now() - begin));
    });
  }
  return times.map(list => Math.round(10 * list.sort((a, b) => a - b)[MEASURED / 2]!) / 10);
}

/** The comparison as a table for the terminal. */
export function comparisonLines({ student, teachers }: Comparison): Line[] {
  const row = ({ name, candidates, calls, microseconds, flop }: Actor, times: string): Line =>
    columns(
      [2, [name]],
      [14, [`${candidates} × ${calls}`]],
      [28, [formatTime(microseconds * 1e-6)]],
      [40, [times]],
      [52, [formatFlop(flop)]],
    );
  return [
    [['dim', '  an action   K × calls     time        slower      arithmetic']],
    row(student, ''),
    ...teachers.map(teacher => row(teacher, `${(teacher.microseconds / student.microseconds).toPrecision(3)} ×`)),
  ];
}

function formatFlop(flop: number): string {
  if (flop < 1e6) return `${Math.round(flop / 1e3)} kFLOP`;
  return flop < 999.5e6 ? `${(flop / 1e6).toPrecision(3)} MFLOP` : `${(flop / 1e9).toPrecision(3)} GFLOP`;
}
