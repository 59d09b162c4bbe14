/** Metres from one robot to the next, where worlds stand side by side. */
export const SPACING = 2.2;

/** Where place `i` of `count` is, in metres from the middle of them all. */
export function placeOf(i: number, count: number): { x: number; y: number } {
  const columns = Math.ceil(Math.sqrt(count));
  const rows = Math.ceil(count / columns);
  return {
    x: ((i % columns) - (columns - 1) / 2) * SPACING,
    y: (Math.floor(i / columns) - (rows - 1) / 2) * SPACING,
  };
}
