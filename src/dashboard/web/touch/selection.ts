import * as THREE from 'three';
import { currentLook } from '../stage/look.ts';
import type { Stage } from '../stage/stage.ts';

/** Metres from a shape to its outline. */
const WIDTH = 0.008;
const vertex = /* glsl */ `
  void main() { gl_Position = projectionMatrix * modelViewMatrix * vec4(position + normal * ${WIDTH}, 1.0); }`;
const fragment = /* glsl */ `
  uniform vec3 color;
  void main() {
    gl_FragColor = vec4(color, 1.0);
    #include <colorspace_fragment>
  }`;

/** The body chosen by a double click or by keys; it wears an outline on the stage. */
export class Selection {
  body: number | undefined;
  readonly #material = new THREE.ShaderMaterial({
    uniforms: { color: { value: new THREE.Color() } },
    vertexShader: vertex,
    fragmentShader: fragment,
    side: THREE.BackSide,
  });
  #outline: THREE.Mesh[] = [];

  /** Chooses a body of the robot, or none. */
  choose(stage: Stage, body: number | undefined): void {
    this.body = body;
    (this.#material.uniforms.color!.value as THREE.Color).set(currentLook().pull);
    for (const hull of this.#outline) hull.removeFromParent();
    const meshes = stage.robot?.meshes.filter(mesh => mesh.userData.body === body && mesh.visible) ?? [];
    this.#outline = meshes.map(
      mesh => mesh.add(new THREE.Mesh(mesh.geometry, this.#material)).children.at(-1) as THREE.Mesh,
    );
  }

  /** The next body, the first after the last one. */
  next(stage: Stage): void {
    const count = stage.scene.bodies.length - 1;
    this.choose(stage, count < 1 ? undefined : ((this.body ?? 0) % count) + 1);
  }

  /** The body that carries this one; the root stays. */
  parent(stage: Stage): void {
    this.choose(stage, Math.min(stage.scene.bodies.length - 1, stage.scene.bodies[this.body ?? 1]?.parent || 1));
  }
}

export function bodyName({ scene }: Stage, body: number): string {
  return scene.bodies[body]?.name.replaceAll('_', ' ') || `body ${body}`;
}
