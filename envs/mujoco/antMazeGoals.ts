import type { Grid } from './maze.ts';

/**
 * The layouts D4RL's AntMaze collections were made in: those of the tasks, with more goal cells, among which the `play`
 * sets choose. The walls, and so the physics, are the same.
 */
export const ANT_COLLECTION_GRIDS: Readonly<Record<'umaze' | 'medium' | 'large', Grid>> = {
  umaze: ['#####', '#R..#', '###.#', '#G..#', '#####'],
  medium: ['########', '#R.##..#', '#..#..G#', '##...###', '#..#...#', '#G#..#.#', '#...#G.#', '########'],
  large: [
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
};
