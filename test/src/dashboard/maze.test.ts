import type { Mesh } from 'three';
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
