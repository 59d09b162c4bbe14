import * as THREE from 'three';
import { currentLook } from '../stage/look.ts';
import { makeArrow, setArrowLength } from '../stage/overlays.ts';

const UP = new THREE.Vector3(0, 1, 0);
const FADE_MS = 240;

/** The arrow of a pull, from the grip to the pointer; it fades when the hand lets go. */
export class PullArrow {
  readonly #material = new THREE.MeshStandardMaterial({ transparent: true, roughness: 0.6, emissiveIntensity: 0.5 });
  readonly #arrow = makeArrow(this.#material, 0.016);

  constructor(root: THREE.Scene) {
    this.#arrow.visible = false;
    root.add(this.#arrow);
  }

  show(from: THREE.Vector3, to: THREE.Vector3): void {
    const color = currentLook().pull;
    this.#material.color.set(color);
    this.#material.emissive.set(color);
    this.#material.opacity = 1;
    const along = to.clone().sub(from);
    const length = along.length();
    this.#arrow.visible = length > 0.05;
    if (!this.#arrow.visible) return;
    this.#arrow.position.copy(from);
    this.#arrow.quaternion.setFromUnitVectors(UP, along.normalize());
    setArrowLength(this.#arrow, length);
  }

  fade(): void {
    const begun = performance.now();
    const step = () => {
      const part = (performance.now() - begun) / FADE_MS;
      this.#material.opacity = Math.max(0, 1 - part);
      if (part < 1) requestAnimationFrame(step);
      else this.#arrow.visible = false;
    };
    step();
  }
}
