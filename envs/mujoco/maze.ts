import type { Rng } from '../../src/random/rng.ts';

/**
 * A maze as rows of cells: # wall, . free, R start cell, G goal cell, C start or goal cell. Tasks differ in how a cell
 * becomes a place in the world.
 */
export type Grid = readonly string[];

export interface Cell {
  readonly row: number;
  readonly col: number;
}

/** Cells marked with one of `marks`, row by row. */
export function cells(grid: Grid, marks: string): Cell[] {
  return grid.flatMap((line, row) => [...line].flatMap((mark, col) => (marks.includes(mark) ? [{ row, col }] : [])));
}

export function drawCell(from: readonly Cell[], rng: Rng): Cell {
  return from[rng.integer(from.length)]!;
}

export interface WallShape {
  /** m. */
  readonly halfExtents: readonly [number, number, number];
  readonly position: (cell: Cell) => readonly [number, number, number];
  /** Sliding, torsional and rolling friction; contact bits, dimension, margin (m) and softness; density in kg/m³. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** The model with a box for every wall cell, in row-major order, behind the other shapes of the world body. */
export function addWalls(xml: string, grid: Grid, shape: WallShape): string {
  const attributes = Object.entries({ size: shape.halfExtents.join(' '), ...shape.attributes })
    .map(([name, value]) => `${name}="${value}"`)
    .join(' ');
  const walls = cells(grid, '#').map(
    cell => `    <geom type="box" pos="${shape.position(cell).join(' ')}" ${attributes}/>\n`,
  );
  return xml.replace('  </worldbody>', `${walls.join('')}  </worldbody>`);
}

const DEFAULT_SOLIMP = '0.9 0.95 0.001 0.5 2';

/** Contact attributes of the walls in ant mazes. */
export const ANT_WALL = {
  friction: '1 0.5 0.5',
  contype: '1',
  conaffinity: '1',
  condim: '3',
  density: '5',
  margin: '0.01',
  solref: '0.02 1',
};

/** Contact attributes of the walls in point mazes. */
export const POINT_WALL = {
  friction: '0.5 0.1 0.1',
  conaffinity: '1',
  condim: '1',
  density: '1000',
  margin: '0.002',
  solref: '0.02 1',
  solimp: DEFAULT_SOLIMP,
};

/**
 * Mazes of Gymnasium-Robotics: centred on the origin, rows growing towards −y.
 * `size` is the edge of a cell in m, `height` that of a wall as a fraction of it.
 */
export interface CentredMaze {
  readonly grid: Grid;
  readonly size: number;
  readonly height: number;
}

/** World x, y of a cell's centre. */
export function centre({ grid, size }: CentredMaze, { row, col }: Cell): [number, number] {
  const width = grid[0]!.length * size;
  const depth = grid.length * size;
  return [(col + 0.5) * size - width / 2, depth / 2 - (row + 0.5) * size];
}

export function addCentredWalls(xml: string, maze: CentredMaze, contact: WallShape['attributes']): string {
  const half = maze.size / 2;
  const z = maze.height * half;
  return addWalls(xml, maze.grid, {
    halfExtents: [half, half, z],
    position: cell => [...centre(maze, cell), z],
    attributes: { solimp: DEFAULT_SOLIMP, contype: '1', ...contact },
  });
}

/** Layouts of Gymnasium-Robotics by the name used in ids. Without marks every free cell is start and goal. */
export const CENTRED_GRIDS: Readonly<Record<string, Grid>> = {
  Open: ['#######', '#.....#', '#.....#', '#.....#', '#######'],
  Open_Diverse_G: ['#######', '#RGGGG#', '#GGGGG#', '#GGGGG#', '#######'],
  Open_Diverse_GR: ['#######', '#CCCCC#', '#CCCCC#', '#CCCCC#', '#######'],
  UMaze: ['#####', '#...#', '###.#', '#...#', '#####'],
  Medium: ['########', '#..##..#', '#..#...#', '##...###', '#..#...#', '#.#..#.#', '#...#..#', '########'],
  Medium_Diverse_G: ['########', '#R.##..#', '#..#..G#', '##...###', '#..#...#', '#G#..#.#', '#...#G.#', '########'],
  Medium_Diverse_GR: ['########', '#C.##..#', '#..#..C#', '##...###', '#..#...#', '#C#..#.#', '#...#C.#', '########'],
  Large: [
    '############',
    '#....#.....#',
    '#.##.#.#.#.#',
    '#......#...#',
    '#.####.###.#',
    '#..#.#.....#',
    '##.#.#.#.###',
    '#..#...#...#',
    '############',
  ],
  Large_Diverse_G: [
    '############',
    '#R...#G....#',
    '#.##.#.#.#.#',
    '#....G.#..G#',
    '#.####.###.#',
    '#.G#.#.....#',
    '##.#.#.#.###',
    '#..#G.G#.G.#',
    '############',
  ],
  Large_Diverse_GR: [
    '############',
    '#C...#C....#',
    '#.##.#.#.#.#',
    '#....C.#..C#',
    '#.####.###.#',
    '#.C#.#.....#',
    '##.#.#.#.###',
    '#..#C.C#.C.#',
    '############',
  ],
};
