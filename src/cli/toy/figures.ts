import { banditReward } from '../../../envs/toy/bandit.ts';
import { type BanditResult, type PlanarResult, REACH } from './experiments.ts';
import { figure, Panel } from './panel.ts';

/** Points of the data that a figure shows. */
const SHOWN = 900;
/** Densities are shown from e⁻⁵ of the highest on. */
const RANGE = 5;

const titles: Record<PlanarResult['name'], string> = {
  '8gaussians': '8 gaussians',
  swissroll: 'swiss roll',
  moons: 'moons',
  rings: 'rings',
  '2spirals': '2 spirals',
  checkerboard: 'checkerboard',
};

/** The figure of the datasets: data, density, score field and policy shift, a column each. */
export function planarFigure(results: readonly PlanarResult[]): string {
  const panels = (draw: (panel: Panel, result: PlanarResult) => Panel) =>
    results.map(result => draw(new Panel(REACH), result));
  return figure(
    results.map(({ name }) => titles[name]),
    [
      {
        title: 'Data',
        note: `${SHOWN} actions, coloured by value`,
        panels: panels((panel, { data }) =>
          panel.dots(
            shown(data.points, 2),
            shown(data.energies, 1).map(energy => Math.min(1, energy)),
          ),
        ),
      },
      {
        title: 'Behaviour density',
        note: 'diffusion model, log scale',
        panels: panels((panel, result) => panel.field(shades(result))),
      },
      {
        title: 'Score field',
        note: '∇ log μ(a), arrow length √‖∇‖, at t = 0.02',
        panels: panels((panel, result) =>
          panel.field(shades(result), 0.38).arrows(result.arrowPoints, result.score, (1.9 * REACH) / 19),
        ),
      },
      {
        title: 'Policy shift',
        note: 'from the optimum of Q = −½κ‖a − c‖² (ring) to the regularised optimum (dot), 1/β from 0 to 1',
        panels: panels((panel, result) => panel.field(shades(result), 0.6).paths(result.paths)),
      },
    ],
  );
}

/** The figure of the bandit: reward, and actions of the policies. */
export function banditFigure(results: readonly BanditResult[]): string {
  const side = 64;
  const at = (i: number) => (2 * i + 1) / side - 1;
  const reward = Float32Array.from({ length: side * side }, (_, k) =>
    banditReward(at(k % side), at(Math.floor(k / side))),
  );
  const panels = [
    new Panel(1).field(reward),
    ...results.map(({ actions }) => new Panel(1).field(reward, 0.38).dots(actions, undefined, 2.4)),
  ];
  const heads = results.map(
    ({ entropy, modes }) => `${entropy ? 'with' : 'without'} entropy: ${modes} ${modes === 1 ? 'optimum' : 'optima'}`,
  );
  return figure(
    ['reward', ...heads],
    [{ title: 'QVPO', note: 'a bandit with four equal optima, 500 actions of the policy', panels }],
  );
}

/** `SHOWN` rows [n, width] spread evenly over all: some generators go through their modes in turn. */
export function shown(rows: Float32Array, width: number): Float32Array {
  const step = Math.max(1, rows.length / width / SHOWN);
  const count = Math.min(SHOWN, rows.length / width);
  return Float32Array.from({ length: count * width }, (_, k) => {
    return rows[Math.floor(Math.floor(k / width) * step) * width + (k % width)]!;
  });
}

function shades({ logDensity }: PlanarResult): Float32Array {
  const highest = logDensity.reduce((a, b) => Math.max(a, b), -Infinity);
  return logDensity.map(value => Math.max(0, 1 + (value - highest) / RANGE));
}
