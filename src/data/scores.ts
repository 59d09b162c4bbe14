/** Mean returns between which D4RL's score runs from 0 to 100. */
export interface ScoreRange {
  /** Of uniformly random actions. */
  readonly min: number;
  /** Of the expert. */
  readonly max: number;
}

/** D4RL's reference returns, by task without quality level; maze2d by full name. From the published reference tables. */
const RANGES: Readonly<Record<string, readonly [min: number, max: number]>> = {
  halfcheetah: [-280.178953, 12135.0],
  hopper: [-20.272305, 3234.3],
  walker2d: [1.629008, 4592.3],
  ant: [-325.6, 3879.7],
  antmaze: [0, 1],
  'maze2d-open-v0': [0.01, 20.66],
  'maze2d-umaze-v0': [0.94, 62.6],
  'maze2d-medium-v0': [5.77, 85.14],
  'maze2d-large-v0': [4.83, 191.99],
  'maze2d-umaze-v1': [23.85, 161.86],
  'maze2d-medium-v1': [13.13, 277.39],
  'maze2d-large-v1': [6.7, 273.99],
  'maze2d-open-dense-v0': [11.17817, 27.166538620695782],
  'maze2d-umaze-dense-v0': [23.249793, 81.78995240126592],
  'maze2d-medium-dense-v0': [19.47762, 96.03474232952358],
  'maze2d-large-dense-v0': [27.38831, 215.09965671563742],
  'maze2d-umaze-dense-v1': [68.537689, 193.66285642381482],
  'maze2d-medium-dense-v1': [44.264742, 297.4552547777125],
  'maze2d-large-dense-v1': [30.569041, 303.4857382709002],
  'maze2d-eval-umaze-v1': [36.63, 141.4],
  'maze2d-eval-medium-v1': [13.07, 204.93],
  'maze2d-eval-large-v1': [16.4, 302.22],
  'maze2d-eval-umaze-dense-v1': [56.95455, 178.21373133248397],
  'maze2d-eval-medium-dense-v1': [42.28578, 235.5658957482388],
  'maze2d-eval-large-dense-v1': [56.95455, 326.09647655082637],
};

/**
 * The range of a task, given as D4RL's name (`hopper-medium-v2`, `antmaze-large-play-v2`, `maze2d-umaze-v1`) or as the
 * environment's (`Hopper-v3`), any case; a maze2d name without version means v1. Undefined where D4RL has none.
 */
export function scoreRange(name: string): ScoreRange | undefined {
  const lower = name
    .toLowerCase()
    .replace(/^local\//, '')
    .replace(/\+legacy$/, '');
  if (lower.includes('+') || lower.startsWith('ant-waypoint')) return undefined; // somebody's own model; a task of this project
  const key = lower.startsWith('maze2d-') ? (/-v\d$/.test(lower) ? lower : `${lower}-v1`) : lower.split('-', 1)[0]!;
  const range = Object.hasOwn(RANGES, key) ? RANGES[key] : undefined;
  return range && { min: range[0], max: range[1] };
}

/** 100 × (return − min) / (max − min). */
export function normalizedScore(episodeReturn: number, { min, max }: ScoreRange): number {
  return (100 * (episodeReturn - min)) / (max - min);
}
