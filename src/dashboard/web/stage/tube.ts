import * as THREE from 'three';
import type { Look } from './look.ts';

const MOST_POINTS = 1500;
const SIDES = 6;
const RADIUS = 0.06;
/** Metres from one ring to the next. */
const SPACING = 0.08;
/** Above the floor. */
const HEIGHT = 0.1;

/** The whole way through a maze, as a tube on the floor. One ring of corners a point; a full one is thinned by half. */
export class Tube {
  readonly object: THREE.Mesh<THREE.BufferGeometry, THREE.MeshLambertMaterial>;
  readonly #corners = new THREE.BufferAttribute(new Float32Array(MOST_POINTS * SIDES * 3), 3);
  readonly #normals = new THREE.BufferAttribute(new Float32Array(MOST_POINTS * SIDES * 3), 3);
  #points: THREE.Vector2[] = [];

  constructor(look: Look) {
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute('position', this.#corners);
    geometry.setAttribute('normal', this.#normals);
    geometry.setIndex(facesOf(MOST_POINTS));
    geometry.setDrawRange(0, 0);
    this.object = new THREE.Mesh(geometry, new THREE.MeshLambertMaterial());
    this.object.frustumCulled = false;
    this.setLook(look);
  }

  setLook(look: Look): void {
    this.object.material.color.set(look.ghost);
  }

  clear(): void {
    this.#points = [];
    this.object.geometry.setDrawRange(0, 0);
  }

  push(x: number, y: number): void {
    const last = this.#points.at(-1);
    const point = new THREE.Vector2(x, y);
    const far = last?.distanceTo(point) ?? 0;
    if (far > 1)
      this.clear(); // another episode
    else if (last && far < SPACING) return;
    this.#points.push(point);
    const thin = this.#points.length > MOST_POINTS;
    if (thin) this.#points = this.#points.filter((_, i) => i % 2 === 0);
    for (let i = thin ? 0 : this.#points.length - 1; i < this.#points.length; i++) this.#ring(i);
    this.object.geometry.setDrawRange(0, Math.max(0, this.#points.length - 1) * SIDES * 6);
    this.#corners.needsUpdate = this.#normals.needsUpdate = true;
  }

  /** Corners of point i, across the way from the point before. */
  #ring(i: number): void {
    const { x, y } = this.#points[i]!;
    const way = this.#points[i]!.clone()
      .sub(this.#points[Math.max(0, i - 1)]!)
      .normalize();
    for (let k = 0; k < SIDES; k++) {
      const [side, up] = [Math.cos((2 * Math.PI * k) / SIDES), Math.sin((2 * Math.PI * k) / SIDES)];
      const normal = [-way.y * side, way.x * side, up] as const;
      this.#normals.setXYZ(i * SIDES + k, ...normal);
      this.#corners.setXYZ(i * SIDES + k, x + RADIUS * normal[0], y + RADIUS * normal[1], HEIGHT + RADIUS * up);
    }
    if (i === 1) this.#ringLike(0, 1); // the first has no way of its own
  }

  #ringLike(i: number, other: number): void {
    const by = this.#points[i]!.clone().sub(this.#points[other]!);
    for (let k = 0; k < SIDES; k++) {
      const [from, to] = [other * SIDES + k, i * SIDES + k];
      const { array } = this.#normals;
      this.#normals.setXYZ(to, array[from * 3]!, array[from * 3 + 1]!, array[from * 3 + 2]!);
      const { array: at } = this.#corners;
      this.#corners.setXYZ(to, at[from * 3]! + by.x, at[from * 3 + 1]! + by.y, at[from * 3 + 2]!);
    }
  }
}

/** Two triangles between each corner of a ring and its neighbour's, from ring to ring. */
function facesOf(rings: number): number[] {
  const faces: number[] = [];
  for (let i = 0; i + 1 < rings; i++)
    for (let k = 0; k < SIDES; k++) {
      const [a, b] = [i * SIDES + k, i * SIDES + ((k + 1) % SIDES)];
      faces.push(a, b, a + SIDES, b, b + SIDES, a + SIDES);
    }
  return faces;
}
