import { openMenu } from '../menu.ts';

/** What the squares show upwards: an action dimension, or the plane of the first two principal components. */
export type Axes = number | 'components';

export function axesMenu(
  anchor: HTMLElement,
  actDim: number,
  nameOf: (dim: number) => string,
  shown: Axes,
  choose: (axes: Axes) => void,
): void {
  openMenu(anchor, [
    { label: 'First two principal components', checked: shown === 'components', run: () => choose('components') },
    ...Array.from({ length: actDim }, (_, dim) => ({
      label: `y: ${nameOf(dim)}`,
      checked: shown === dim,
      run: () => choose(dim),
    })),
  ]);
}
