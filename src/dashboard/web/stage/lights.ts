import * as THREE from 'three';
import type { Look } from './look.ts';

/** A warm key light that throws the shadows, the sky, and a cold rim; they move with what is looked at. */
export class Lights {
  readonly group = new THREE.Group();
  readonly #key = new THREE.DirectionalLight('#FFF1DC');
  readonly #sky = new THREE.HemisphereLight();
  readonly #rim = new THREE.DirectionalLight();

  /** `reach`: metres around the target within which shadows fall. */
  constructor(reach: number) {
    const { shadow } = this.#key;
    this.#key.castShadow = true;
    shadow.mapSize.set(2048, 2048);
    shadow.radius = 4;
    shadow.bias = -0.0004;
    shadow.normalBias = 0.012;
    Object.assign(shadow.camera, { left: -reach, right: reach, top: reach, bottom: -reach, near: 0.5, far: 40 });
    shadow.camera.updateProjectionMatrix();
    this.group.add(this.#key, this.#key.target, this.#sky, this.#rim, this.#rim.target);
  }

  setLook(look: Look): void {
    this.#key.intensity = look.key;
    this.#sky.color.set(look.skyColor);
    this.#sky.groundColor.set(look.groundColor);
    this.#sky.intensity = look.hemisphere;
    this.#rim.color.set(look.rimColor);
    this.#rim.intensity = look.rim;
  }

  set shadows(on: boolean) {
    if (this.#key.castShadow !== on) this.#key.castShadow = on;
  }

  follow(target: THREE.Vector3): void {
    this.#key.position.set(target.x - 2.2, target.y - 2.6, target.z + 5.2);
    this.#key.target.position.copy(target);
    this.#rim.position.set(target.x - 3, target.y + 5, target.z + 3.2);
    this.#rim.target.position.copy(target);
  }
}
