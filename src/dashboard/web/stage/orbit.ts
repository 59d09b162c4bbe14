import * as THREE from 'three';
import type { CameraPreset } from './cameras.ts';

/** Over so long the pace of what is followed is averaged: longer than a stride. */
const PACE_SECONDS = 0.4;
const RADIANS = Math.PI / 180;
/** Degrees, vertical. */
const FOV = 32;

/**
 * The camera: looks at a point that follows the body by a critically damped spring; left drag orbits, right or Shift
 * drag pans, the wheel zooms. Orbiting keeps the offset while the body is followed.
 */
export class Orbit {
  readonly camera = new THREE.PerspectiveCamera(FOV, 1, 0.05, 200);
  azimuth = 125;
  elevation = -9;
  distance = 3.9;
  readonly #target = new THREE.Vector3();
  /** Of the spring, beside the goal's own. */
  readonly #velocity = new THREE.Vector3();
  readonly #goal = new THREE.Vector3();
  /** How fast the goal goes, smoothed: the spring alone would fall behind what runs. */
  readonly #pace = new THREE.Vector3();
  readonly #offset = new THREE.Vector3();
  #preset: CameraPreset | undefined;
  #moved = false;
  #first = true;

  /** What part of the height the picture has for itself. */
  #room = 1;

  /** Keeps `covered` pixels at the foot of the picture free: what it shows moves up and back. */
  leaveFree(covered: number, width: number, height: number): void {
    const { view } = this.camera;
    if (view?.offsetY === covered / 2 && view.fullWidth === width && view.fullHeight === height) return;
    this.#room = 1 - covered / Math.max(1, height);
    this.camera.setViewOffset(width, height, 0, covered / 2, width, height);
  }

  constructor() {
    this.camera.up.set(0, 0, 1);
  }

  /** Width by height of the picture: a narrow one shows as much from side to side as a square one. */
  setAspect(aspect: number): void {
    this.camera.aspect = aspect;
    this.camera.fov = aspect >= 1 ? FOV : (2 / RADIANS) * Math.atan(Math.tan((FOV / 2) * RADIANS) / aspect);
    this.camera.updateProjectionMatrix();
  }

  get preset(): CameraPreset | undefined {
    return this.#preset;
  }

  use(preset: CameraPreset): void {
    this.#preset = preset;
    this.azimuth = preset.azimuth;
    this.elevation = preset.elevation;
    this.distance = preset.distance;
    this.#offset.set(0, 0, 0);
    this.#first = true;
  }

  /** Jumps to the body at the next update instead of gliding there. */
  cut(): void {
    this.#first = true;
  }

  rotate(dx: number, dy: number): void {
    this.azimuth -= dx * 0.3;
    this.elevation = Math.min(60, Math.max(-89.9, this.elevation - dy * 0.3));
    this.#moved = true;
  }

  pan(dx: number, dy: number, height: number): void {
    const perPixel = (2 * this.distance * Math.tan((this.camera.fov / 2) * RADIANS)) / height;
    const right = new THREE.Vector3().setFromMatrixColumn(this.camera.matrix, 0);
    const up = new THREE.Vector3().setFromMatrixColumn(this.camera.matrix, 1);
    this.#offset.addScaledVector(right, -dx * perPixel).addScaledVector(up, dy * perPixel);
    this.#moved = true;
  }

  zoom(factor: number): void {
    this.distance = Math.min(60, Math.max(0.4, this.distance * factor));
    this.#moved = true;
  }

  lookAt(point: THREE.Vector3): void {
    this.#offset.add(point.clone().sub(this.#target));
    this.#moved = true;
  }

  /** Whether the user moved it since the last call. */
  takeMoved(): boolean {
    const moved = this.#moved;
    this.#moved = false;
    return moved;
  }

  /** `seconds` since the last update; `body` is where the tracked body is. True while it is still gliding. */
  update(seconds: number, body: THREE.Vector3): boolean {
    const preset = this.#preset;
    const follow = preset?.follow ?? 'xy';
    const goal = new THREE.Vector3(
      follow === 'none' ? (preset?.at?.[0] ?? 0) : body.x,
      follow === 'xy' ? body.y : (preset?.at?.[1] ?? 0),
      preset?.z ?? body.z,
    ).add(this.#offset);
    if (this.#first || goal.distanceTo(this.#target) > 6) {
      this.#target.copy(goal);
      this.#velocity.set(0, 0, 0);
      this.#pace.set(0, 0, 0);
      this.#first = false;
    } else {
      // Critically damped spring with a settling time of 0.25 s.
      const omega = 4 / 0.25;
      const step = Math.min(0.05, seconds);
      const pull = goal
        .clone()
        .sub(this.#target)
        .multiplyScalar(omega * omega);
      this.#velocity.addScaledVector(pull, step).multiplyScalar(1 / (1 + omega * step) ** 2);
      if (seconds > 0) {
        const pace = goal.clone().sub(this.#goal).divideScalar(seconds);
        this.#pace.lerp(pace, 1 - Math.exp(-seconds / PACE_SECONDS));
      }
      this.#target.addScaledVector(this.#velocity, step).addScaledVector(this.#pace, step);
      // Where frames are few it lags all the same: what runs at 8 m/s must stay in the picture.
      const [lag, most] = [goal.distanceTo(this.#target), this.distance / 15];
      if (lag > most) this.#target.lerp(goal, 1 - most / lag);
    }
    this.#goal.copy(goal);
    const az = this.azimuth * RADIANS;
    const el = this.elevation * RADIANS;
    const forward = new THREE.Vector3(Math.cos(el) * Math.cos(az), Math.cos(el) * Math.sin(az), Math.sin(el));
    this.camera.position.copy(this.#target).addScaledVector(forward, -this.distance / this.#room);
    if (this.camera.position.z < 0.06) this.camera.position.z = 0.06; // never below the ground
    this.camera.lookAt(this.#target);
    this.camera.updateMatrixWorld();
    return this.#velocity.lengthSq() > 1e-8;
  }

  get target(): THREE.Vector3 {
    return this.#target;
  }
}
