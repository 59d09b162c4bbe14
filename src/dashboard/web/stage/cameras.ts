import type { Scene } from '../../protocol.ts';
import { isH1 } from './robot.ts';

/** A viewpoint; azimuth and elevation in degrees as in MuJoCo, distances in metres. */
export interface CameraPreset {
  readonly name: string;
  readonly azimuth: number;
  readonly elevation: number;
  readonly distance: number;
  /** Height looked at; undefined: the body's own. */
  readonly z: number | undefined;
  /** Which coordinates of the body are followed. */
  readonly follow: 'xy' | 'x' | 'none';
  /** Looked at where nothing is followed. */
  readonly at?: readonly [number, number];
}

type Base = Omit<CameraPreset, 'name'>;

const rules: readonly (readonly [RegExp, Base])[] = [
  [/standup/i, { azimuth: 125, elevation: -14, distance: 4.4, z: 0.5, follow: 'xy' }],
  [/humanoid|^h1/i, { azimuth: 125, elevation: -9, distance: 3.9, z: 0.88, follow: 'xy' }],
  [/^ant(?!maze)/i, { azimuth: 130, elevation: -22, distance: 3.5, z: 0.34, follow: 'xy' }],
  [/cheetah/i, { azimuth: 104, elevation: -15, distance: 2.9, z: 0.36, follow: 'x' }],
  [/hopper|walker/i, { azimuth: 104, elevation: -8, distance: 4.2, z: 0.7, follow: 'x' }],
  [/swimmer/i, { azimuth: 90, elevation: -60, distance: 6, z: 0, follow: 'xy' }],
  [/pusher/i, { azimuth: 150, elevation: -35, distance: 3.2, z: -0.1, follow: 'none', at: [0.3, -0.2] }],
  [/reacher/i, { azimuth: 90, elevation: -89.9, distance: 0.9, z: 0, follow: 'none', at: [0, 0] }],
  [/pendulum/i, { azimuth: 90, elevation: -5, distance: 3, z: 0.4, follow: 'x' }],
];

/** The cameras of a task, in the order of `[` and `]`. */
export function camerasOf(scene: Scene): CameraPreset[] {
  const maze = mazeBounds(scene);
  const base: Base = maze
    ? {
        azimuth: 90,
        elevation: -53,
        distance: Math.max(maze.width * 1.12, maze.height * 1.35) / (2 * Math.tan((16 * Math.PI) / 180)) + 1,
        z: 0,
        follow: 'none',
        at: maze.center,
      }
    : (rules.find(([pattern]) => pattern.test(scene.task))?.[1] ??
      (isH1(scene)
        ? { azimuth: 125, elevation: -9, distance: 3.9, z: 0.88, follow: 'xy' as const }
        : { azimuth: 125, elevation: -20, distance: 4, z: 0.5, follow: 'xy' as const }));
  const near = { ...base, follow: base.follow === 'none' ? ('xy' as const) : base.follow };
  const close = maze ? { ...near, distance: 5, z: 0.4, at: undefined } : near;
  return [
    { name: maze ? 'Whole maze' : 'Track torso', ...base },
    { name: 'Side', ...close, azimuth: 90, elevation: Math.max(close.elevation, -12) },
    { name: 'Front', ...close, azimuth: 180, elevation: Math.max(close.elevation, -10) },
    { name: 'Top', ...close, azimuth: 90, elevation: -80, distance: close.distance * 1.25 },
    { name: 'Head', ...close, azimuth: 0, elevation: -6, distance: close.distance * 0.62, z: (close.z ?? 0.8) * 1.3 },
  ];
}

/** Ground covered by the walls, if there are any. */
export function mazeBounds(scene: Scene): { center: [number, number]; width: number; height: number } | undefined {
  const walls = wallsOf(scene);
  if (walls.length < 4) return undefined;
  const xs = walls.flatMap(wall => [wall.pos[0]! - wall.size[0]!, wall.pos[0]! + wall.size[0]!]);
  const ys = walls.flatMap(wall => [wall.pos[1]! - wall.size[1]!, wall.pos[1]! + wall.size[1]!]);
  const [left, right, near, far] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  return { center: [(left + right) / 2, (near + far) / 2], width: right - left, height: far - near };
}

export function wallsOf(scene: Scene): Scene['geoms'] {
  return scene.geoms.filter(geom => geom.body === 0 && geom.kind === 'box');
}
