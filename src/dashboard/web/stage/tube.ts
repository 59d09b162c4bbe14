import * as THREE from 'three';
import { percentileRange, sequential } from '../colors.ts';
import type { Look } from './look.ts';

const MOST_POINTS = 1500;
const SIDES = 6;
const RADIUS = 0.06;
/** Metres from one ring to the next. */
const SPACING = 0.08;
/** Above the floor. */
const HEIGHT = 0.1;
/** Colours of the scale. */
const SHADES = 64;

/**
 * The whole way through a maze, as a tube on the floor, coloured by V where that is known. One ring of corners a point; a
 * full one is thinned by half.
 */
export class Tube {
  readonly object: THREE.Mesh<THREE.BufferGeometry, THREE.MeshLambertMaterial>;
  /** The values at the ends of the colour scale; undefined before the first one. */
  range: readonly [number, number] | undefined;
  readonly #colors = new THREE.BufferAttribute(new Float32Array(MOST_POINTS * SIDES * 3), 3);
  /** V at a point, NaN where nobody asked. */
  #values: number[] = [];
  #plain = new THREE.Color();
  #shades: THREE.Color[] = [];
  readonly #corners = new THREE.BufferAttribute(new Float32Array(MOST_POINTS * SIDES * 3), 3);
  readonly #normals = new THREE.BufferAttribute(new Float32Array(MOST_POINTS * SIDES * 3), 3);
  #points: THREE.Vector2[] = [];

  constructor(look: Look) {
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute('position', this.#corners);
    geometry.setAttribute('normal', this.#normals);
    geometry.setAttribute('color', this.#colors);
    geometry.setIndex(facesOf(MOST_POINTS));
    geometry.setDrawRange(0, 0);
    this.object = new THREE.Mesh(geometry, new THREE.MeshLambertMaterial({ vertexColors: true }));
    this.object.frustumCulled = false;
    this.setLook(look);
  }

  setLook(look: Look): void {
    this.#plain.set(look.ghost);
    const { rgb } = sequential();
    this.#shades = Array.from({ length: SHADES }, (_, i) => {
      const [r, g, b] = rgb(i / (SHADES - 1));
      return new THREE.Color().setRGB(r / 255, g / 255, b / 255, THREE.SRGBColorSpace);
    });
    this.#paint(0);
  }

  /** Where the way ends now; undefined before it has begun. */
  get end(): THREE.Vector2 | undefined {
    return this.#points.at(-1);
  }

  /** V at a point that was its end; one that is gone by now is forgotten. */
  mark(point: THREE.Vector2, value: number): void {
    const i = this.#points.lastIndexOf(point);
    if (i < 0 || !Number.isFinite(value)) return;
    this.#values[i] = value;
    this.range = percentileRange(this.#values);
    this.#paint(0);
  }

  clear(): void {
    this.#points = [];
    this.#values = [];
    this.range = undefined;
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
    this.#values.push(Number.NaN);
    const thin = this.#points.length > MOST_POINTS;
    if (thin) this.#thin();
    this.#paint(thin ? 0 : this.#points.length - 1);
    for (let i = thin ? 0 : this.#points.length - 1; i < this.#points.length; i++) this.#ring(i);
    this.object.geometry.setDrawRange(0, Math.max(0, this.#points.length - 1) * SIDES * 6);
    this.#corners.needsUpdate = this.#normals.needsUpdate = true;
  }

  /** Every second point goes; one without a value keeps that of its neighbour. */
  #thin(): void {
    this.#values = this.#values.map((value, i) => (Number.isNaN(value) ? (this.#values[i + 1] ?? value) : value));
    [this.#points, this.#values] = [this.#points.filter(even), this.#values.filter(even)];
  }

  /** Colours from point `from` on: of its value, else of the last one known before it (before all: of the first). */
  #paint(from: number): void {
    const known = this.#values.findLastIndex((value, i) => i <= from && !Number.isNaN(value));
    let value = this.#values[known] ?? this.#values.find(value => !Number.isNaN(value)) ?? Number.NaN;
    for (let i = from; i < this.#points.length; i++) {
      const own = this.#values[i]!;
      if (!Number.isNaN(own)) value = own;
      const { r, g, b } = this.#colorOf(value);
      for (let k = 0; k < SIDES; k++) this.#colors.setXYZ(i * SIDES + k, r, g, b);
    }
    this.#colors.needsUpdate = true;
  }

  #colorOf(value: number): THREE.Color {
    if (!this.range || Number.isNaN(value)) return this.#plain;
    const [low, high] = this.range;
    const part = Math.min(1, Math.max(0, (value - low) / (high - low)));
    return this.#shades[Math.round(part * (SHADES - 1))]!;
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

function even(_: unknown, i: number): boolean {
  return i % 2 === 0;
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
