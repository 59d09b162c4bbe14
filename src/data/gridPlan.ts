/** A maze as rows of cells: # is a wall. */
export type Grid = readonly string[];
export type Place = readonly [row: number, col: number];

const NEIGHBOURS: readonly Place[] = [
  [0, 1],
  [0, -1],
  [1, 0],
  [-1, 0],
];

/** Whether a cell is inside the maze and no wall. */
export function isFree(grid: Grid, [row, col]: Place): boolean {
  const cell = grid[row]?.[col];
  return cell !== undefined && cell !== '#';
}

/** All free cells, row by row. */
export function freeCells(grid: Grid): Place[] {
  return grid.flatMap((line, row) =>
    [...line].flatMap((_, col) => (isFree(grid, [row, col]) ? [[row, col] as Place] : [])),
  );
}

/**
 * The cells of a shortest way from one cell to another, both included (breadth-first search; of several, the same one
 * every time). Undefined if there is none.
 */
export function shortestWay(grid: Grid, from: Place, to: Place): Place[] | undefined {
  if (!isFree(grid, from) || !isFree(grid, to)) return undefined;
  const key = ([row, col]: Place) => `${row} ${col}`;
  const towards = new Map<string, Place | undefined>([[key(to), undefined]]);
  const queue: Place[] = [to];
  for (let cell = queue.shift(); cell && !towards.has(key(from)); cell = queue.shift()) {
    for (const [dr, dc] of NEIGHBOURS) {
      const next: Place = [cell[0] + dr, cell[1] + dc];
      if (!isFree(grid, next) || towards.has(key(next))) continue;
      towards.set(key(next), cell);
      queue.push(next);
    }
  }
  if (!towards.has(key(from))) return undefined;
  const way: Place[] = [];
  for (let cell: Place | undefined = from; cell; cell = towards.get(key(cell))) way.push(cell);
  return way;
}
