import { type Mesh, Vector3 } from 'three';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { sceneOf } from '../../../src/cli/view/sceneOf.ts';
import { Maze } from '../../../src/dashboard/web/stage/maze.ts';

describe('the walls of a maze', () => {
  beforeAll(() => vi.stubGlobal('document', { documentElement: { dataset: { theme: 'dark' } } }));

  it('are one mesh without the faces between neighbours, half as high as they are until V is held', async () => {
    const { currentLook } = await import('../../../src/dashboard/web/stage/look.ts');
    const scene = (await sceneOf('antmaze-umaze-v2'))!;
    const boxes = scene.geoms.filter(({ body, kind }) => body === 0 && kind === 'box');
    const maze = new Maze(scene, currentLook());
    const walls = maze.group.children[0] as Mesh;
    const position = walls.geometry.getAttribute('position');
    const faces = position.count / 6;
    // A U of 5 × 5 cells: 18 walls, 20 outer edges and 16 inner ones.
    expect(boxes).toHaveLength(18);
    expect(faces).toBe(18 + 20 + 16);
    const top = () => {
      maze.group.updateMatrixWorld(true);
      walls.geometry.computeBoundingBox();
      return walls.geometry.boundingBox!.clone().applyMatrix4(walls.matrixWorld).max.z;
    };
    const height = boxes[0]!.pos[2]! + boxes[0]!.size[2]!;
    expect(top()).toBeCloseTo(height / 2, 9);
    maze.full = true;
    expect(top()).toBeCloseTo(height, 9);
  });
});

describe('the goal of a maze', () => {
  beforeAll(() => {
    vi.stubGlobal('document', { documentElement: { dataset: { theme: 'dark' } } });
    vi.stubGlobal('matchMedia', () => ({ matches: false }));
  });

  it('sends out a ring once when it is reached, and again after it was left', async () => {
    const { currentLook } = await import('../../../src/dashboard/web/stage/look.ts');
    const maze = new Maze((await sceneOf('antmaze-umaze-v2'))!, currentLook());
    const goal = maze.group.children[1]!;
    const wave = goal.children.at(-1)!;
    const place = (away: number) => new Vector3(goal.position.x + away, goal.position.y, 0.5);
    const seen = (away: number, frames: number) =>
      Array.from({ length: frames }, () => {
        maze.update(0.1, place(away));
        return wave.visible ? wave.scale.x : 0;
      });
    expect(seen(0.6, 3)).toEqual([0, 0, 0]);
    const widths = seen(0.4, 12);
    expect(widths.filter(width => width > 1)).toHaveLength(6); // 0.7 s
    expect(widths.slice(0, 6)).toEqual(widths.slice(0, 6).toSorted((a, b) => a - b));
    expect(widths.slice(7)).toEqual([0, 0, 0, 0, 0]);
    expect(seen(0.6, 2)).toEqual([0, 0]); // at the edge: not left yet
    expect(seen(0.4, 2)).toEqual([0, 0]);
    expect(seen(0.8, 2)).toEqual([0, 0]);
    expect(seen(0.4, 1)[0]).toBeGreaterThan(1);
  }, 60_000);
});
