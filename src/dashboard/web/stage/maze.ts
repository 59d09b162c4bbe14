import * as THREE from 'three';
import type { Scene, SceneGeom } from '../../protocol.ts';
import { wallsOf } from './cameras.ts';
import type { Look } from './look.ts';

/** So long the ring at the goal takes to widen, s, and how far. */
const WAVE_SECONDS = 0.7;
const WAVE_REACH = 1.2;

/** The walls of a maze, tops lighter than sides; a ring where the episode began, a column at the goal. */
export class Maze {
  readonly group = new THREE.Group();
  readonly #side = new THREE.MeshStandardMaterial({ roughness: 0.9 });
  readonly #top = new THREE.MeshStandardMaterial({ roughness: 0.9 });
  readonly #goal = new THREE.MeshBasicMaterial({
    transparent: true,
    opacity: 0.16,
    depthWrite: false,
    side: THREE.DoubleSide,
  });
  readonly #mark = new THREE.MeshBasicMaterial({ transparent: true, opacity: 0.9 });
  readonly #goalGroup = new THREE.Group();
  readonly #wave: THREE.Mesh<THREE.RingGeometry, THREE.MeshBasicMaterial>;
  /** Seconds since the goal was reached; undefined while it is not. */
  #reached: number | undefined;
  readonly #radius: number;
  readonly #start: THREE.Mesh<THREE.RingGeometry, THREE.MeshBasicMaterial>;
  readonly #walls: THREE.Mesh;
  readonly #base: number;

  constructor(scene: Scene, look: Look) {
    const walls = wallsOf(scene);
    this.#base = Math.min(0, ...walls.map(({ pos, size }) => pos[2]! - size[2]!));
    this.#walls = new THREE.Mesh(wallGeometry(walls), [this.#side, this.#top]);
    this.#walls.castShadow = this.#walls.receiveShadow = true;
    this.#walls.visible = walls.length > 0;
    this.full = false;
    const radius = scene.goal?.radius ?? 0.5;
    this.#start = new THREE.Mesh(new THREE.RingGeometry(radius * 0.92, radius, 48), new THREE.MeshBasicMaterial());
    this.#start.visible = false;
    this.#radius = radius;
    this.#wave = new THREE.Mesh(this.#start.geometry, this.#mark.clone());
    this.#wave.visible = false;
    this.group.add(this.#walls, this.#goalGroup, this.#start);
    if (scene.goal) this.#setGoal(scene.goal.pos, scene.goal.radius);
    this.setLook(look);
  }

  get hasWalls(): boolean {
    return this.#walls.visible;
  }

  /** Whether the walls stand at their full height; else at half of it, so that one sees behind them. */
  get full(): boolean {
    return this.#walls.scale.z === 1;
  }

  set full(on: boolean) {
    this.#walls.scale.z = on ? 1 : 0.5;
    this.#walls.position.z = on ? 0 : this.#base / 2;
  }

  /** Where the episode began, if that is known. */
  setStart(pos: readonly number[] | undefined): void {
    this.#start.visible = pos !== undefined && this.#walls.visible;
    if (pos) this.#start.position.set(pos[0]!, pos[1]!, 0.008);
  }

  #setGoal(pos: readonly number[], radius: number): void {
    const height = radius * 3.2;
    const column = new THREE.Mesh(
      new THREE.CylinderGeometry(radius, radius, height, 40, 1, true).rotateX(Math.PI / 2),
      this.#goal,
    );
    column.position.z = height / 2;
    const ring = new THREE.Mesh(new THREE.RingGeometry(radius * 0.92, radius, 48), this.#mark);
    const disc = new THREE.Mesh(new THREE.CircleGeometry(radius * 0.55, 40), this.#mark);
    ring.position.z = disc.position.z = 0.01;
    this.#wave.position.z = 0.012;
    this.#goalGroup.add(column, ring, disc, this.#wave);
    this.#goalGroup.position.set(pos[0]!, pos[1]!, 0);
  }

  /** Where the robot is, `seconds` after the last time: at the goal a ring widens, once until it has left again. */
  update(seconds: number, { x, y }: THREE.Vector3): void {
    if (!this.#goalGroup.children.length) return;
    const { position } = this.#goalGroup;
    const near = Math.hypot(x - position.x, y - position.y) <= this.#radius * (this.#reached === undefined ? 1 : 1.3);
    this.#reached = near ? (this.#reached ?? 0) + seconds : undefined;
    const part = (this.#reached ?? 0) / WAVE_SECONDS;
    this.#wave.visible = part > 0 && part < 1 && !matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.#wave.scale.setScalar(1 + WAVE_REACH * part * (2 - part));
    this.#wave.material.opacity = 0.9 * (1 - part);
  }

  setLook(look: Look): void {
    this.#side.color.set(look.wallSide);
    this.#top.color.set(look.wallTop);
    this.#goal.color.set(look.contact);
    this.#mark.color.set(look.contact);
    this.#wave.material.color.set(look.contact);
    this.#start.material.color.set(look.gridMajor).lerp(new THREE.Color(look.body), 0.4);
  }
}

/** One mesh of all walls without the faces between neighbours: no seams, and one thing to draw instead of fifty. */
function wallGeometry(walls: readonly SceneGeom[]): THREE.BufferGeometry {
  const positions: number[] = [];
  const normals: number[] = [];
  /** A rectangle: its middle, half its edges along two directions whose cross product points outwards. */
  const face = (middle: THREE.Vector3, u: THREE.Vector3, v: THREE.Vector3) => {
    const normal = u.clone().cross(v).normalize();
    for (const [a, b] of [
      [-1, -1],
      [1, -1],
      [1, 1],
      [-1, -1],
      [1, 1],
      [-1, 1],
    ] as const) {
      positions.push(...middle.clone().addScaledVector(u, a).addScaledVector(v, b).toArray());
      normals.push(...normal.toArray());
    }
  };
  const boxes = walls.map(({ pos, size }) => ({ at: new THREE.Vector3(...pos), half: new THREE.Vector3(...size) }));
  const up = new THREE.Vector3(0, 0, 1);
  for (const { at, half } of boxes)
    for (const [x, y] of [
      [1, 0],
      [0, 1],
      [-1, 0],
      [0, -1],
    ] as const) {
      const out = new THREE.Vector3(x * half.x, y * half.y, 0);
      const next = at.clone().addScaledVector(out, 2);
      if (boxes.some(box => box.at.distanceTo(next) < 1e-6 && box.half.distanceTo(half) < 1e-6)) continue;
      const along = up
        .clone()
        .cross(out)
        .normalize()
        .multiplyScalar(Math.abs(x) * half.y + Math.abs(y) * half.x);
      face(at.clone().add(out), along, up.clone().multiplyScalar(half.z));
    }
  const sides = positions.length / 3;
  for (const { at, half } of boxes)
    face(at.clone().addScaledVector(up, half.z), new THREE.Vector3(half.x, 0, 0), new THREE.Vector3(0, half.y, 0));
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute('position', new THREE.Float32BufferAttribute(positions, 3));
  geometry.setAttribute('normal', new THREE.Float32BufferAttribute(normals, 3));
  geometry.addGroup(0, sides, 0);
  geometry.addGroup(sides, positions.length / 3 - sides, 1);
  return geometry;
}
