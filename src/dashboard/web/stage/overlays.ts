import * as THREE from 'three';
import type { Scene } from '../../protocol.ts';
import type { Kinematics } from './kinematics.ts';
import type { Look } from './look.ts';
import { Robot } from './robot.ts';

const ghostVertex = /* glsl */ `
  varying vec3 n; varying vec3 v;
  void main() {
    vec4 p = modelViewMatrix * vec4(position, 1.0);
    n = normalize(normalMatrix * normal); v = normalize(-p.xyz);
    gl_Position = projectionMatrix * p;
  }`;
const ghostFragment = /* glsl */ `
  uniform vec3 color; uniform float strength;
  varying vec3 n; varying vec3 v;
  void main() {
    float rim = pow(1.0 - max(dot(normalize(n), normalize(v)), 0.0), 1.6);
    gl_FragColor = vec4(color, (0.07 + 0.75 * rim) * strength);
    #include <colorspace_fragment>
  }`;

/** Another checkpoint's robot: a rim of light that hides nothing. A depth pass first, so that limbs do not add up. */
export class Ghost {
  readonly group = new THREE.Group();
  readonly #robots: Robot[];
  readonly #material: THREE.ShaderMaterial;

  constructor(scene: Scene, look: Look) {
    const depth = new THREE.MeshBasicMaterial({ colorWrite: false });
    this.#material = new THREE.ShaderMaterial({
      uniforms: { color: { value: new THREE.Color(look.ghost) }, strength: { value: 1 } },
      vertexShader: ghostVertex,
      fragmentShader: ghostFragment,
      transparent: true,
      depthWrite: false,
    });
    this.#robots = [depth, this.#material].map((material, pass) => {
      const robot = new Robot(scene, { body: material, left: material, joint: material, accent: material });
      for (const mesh of robot.meshes) {
        mesh.castShadow = mesh.receiveShadow = false;
        mesh.renderOrder = 10 + pass;
      }
      this.group.add(robot.group);
      return robot;
    });
  }

  pose(kinematics: Kinematics): void {
    for (const robot of this.#robots) robot.pose(kinematics);
  }

  setFine(fine: boolean): void {
    for (const robot of this.#robots) robot.setFine(fine);
  }

  setLook(look: Look): void {
    (this.#material.uniforms.color!.value as THREE.Color).set(look.ghost);
  }
}

const UP = new THREE.Vector3(0, 1, 0);

/** Rings where the robot touches the ground, arrows along the forces: 1 mm per newton. */
export class Contacts {
  readonly group = new THREE.Group();
  readonly #radius: number;
  readonly #flat: THREE.MeshBasicMaterial;
  readonly #line: THREE.MeshBasicMaterial;
  readonly #arrow: THREE.MeshStandardMaterial;
  readonly #marks: { ring: THREE.Mesh; disc: THREE.Mesh; arrow: THREE.Group }[] = [];

  constructor(look: Look, radius: number) {
    this.#radius = radius;
    this.#flat = new THREE.MeshBasicMaterial({ transparent: true, opacity: 0.25, depthWrite: false });
    this.#line = new THREE.MeshBasicMaterial({ transparent: true });
    // Over the robot: a force from the ground runs up inside the leg that it carries.
    const over = { transparent: true, depthTest: false } as const;
    this.#arrow = new THREE.MeshStandardMaterial({ roughness: 0.6, emissiveIntensity: 0.55, ...over });
    this.setLook(look);
  }

  setLook(look: Look): void {
    for (const material of [this.#flat, this.#line, this.#arrow]) material.color.set(look.contact);
    this.#arrow.emissive.set(look.contact);
  }

  /** `contacts` [n × 6]: point and force (N), world axes. Returns the strongest one for its label. */
  update(contacts: Float32Array | undefined): { point: THREE.Vector3; newtons: number } | undefined {
    const count = contacts ? Math.floor(contacts.length / 6) : 0;
    while (this.#marks.length < count) this.#marks.push(this.#make());
    let strongest: { point: THREE.Vector3; newtons: number } | undefined;
    this.#marks.forEach((mark, i) => {
      const on = i < count;
      mark.ring.visible = mark.disc.visible = on;
      mark.arrow.visible = false;
      if (!on || !contacts) return;
      const point = new THREE.Vector3(contacts[i * 6], contacts[i * 6 + 1], contacts[i * 6 + 2]);
      const force = new THREE.Vector3(contacts[i * 6 + 3], contacts[i * 6 + 4], contacts[i * 6 + 5]);
      mark.ring.position.set(point.x, point.y, Math.max(0, point.z) + 0.004);
      mark.disc.position.set(point.x, point.y, Math.max(0, point.z) + 0.003);
      const newtons = force.length();
      if (newtons < 1) return;
      const length = Math.min(0.8, Math.max(0.15, newtons * 0.001));
      mark.arrow.visible = true;
      mark.arrow.position.copy(point);
      mark.arrow.quaternion.setFromUnitVectors(UP, force.normalize());
      setArrowLength(mark.arrow, length);
      const tip = point.clone().addScaledVector(force, length);
      if (!strongest || newtons > strongest.newtons) strongest = { point: tip, newtons };
    });
    return strongest;
  }

  #make() {
    const ring = new THREE.Mesh(new THREE.RingGeometry(this.#radius * 0.93, this.#radius, 48), this.#line);
    const disc = new THREE.Mesh(new THREE.CircleGeometry(this.#radius, 48), this.#flat);
    const arrow = makeArrow(this.#arrow, 0.012);
    for (const part of arrow.children) part.renderOrder = 15;
    this.group.add(ring, disc, arrow);
    return { ring, disc, arrow };
  }
}

/** An arrow along +y of length 1, to be scaled; the head is 6 × the shaft in length. */
export function makeArrow(material: THREE.Material, radius: number): THREE.Group {
  const arrow = new THREE.Group();
  const shaft = new THREE.Mesh(new THREE.CylinderGeometry(radius, radius, 1, 16).translate(0, 0.5, 0), material);
  const head = new THREE.Mesh(
    new THREE.ConeGeometry(radius * 2.6, radius * 6, 20).translate(0, -radius * 3, 0),
    material,
  );
  arrow.add(shaft, head);
  arrow.userData.head = radius * 6;
  return arrow;
}

export function setArrowLength(arrow: THREE.Group, length: number): void {
  const [shaft, head] = arrow.children;
  shaft!.scale.y = Math.max(0.001, length - (arrow.userData.head as number) * 0.9);
  head!.position.y = length;
}

const MAX_TRAIL = 1200;

/** The way the torso went, fading to the background. */
export class Trail {
  readonly object: THREE.Line;
  readonly #positions = new THREE.BufferAttribute(new Float32Array(MAX_TRAIL * 3), 3);
  readonly #colors = new THREE.BufferAttribute(new Float32Array(MAX_TRAIL * 4), 4);
  #points: THREE.Vector3[] = [];
  #color = new THREE.Color();

  constructor(look: Look) {
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute('position', this.#positions);
    geometry.setAttribute('color', this.#colors);
    this.object = new THREE.Line(
      geometry,
      new THREE.LineBasicMaterial({ vertexColors: true, transparent: true, depthWrite: false }),
    );
    this.object.frustumCulled = false;
    this.setLook(look);
  }

  setLook(look: Look): void {
    this.#color.set(look.gridMajor).lerp(new THREE.Color(look.ghost), 0.25);
  }

  clear(): void {
    this.#points = [];
    this.object.geometry.setDrawRange(0, 0);
  }

  push(x: number, y: number, z: number): void {
    const last = this.#points.at(-1);
    const point = new THREE.Vector3(x, y, z);
    if (last && last.distanceTo(point) > 1)
      this.#points = []; // another episode
    else if (last && last.distanceTo(point) < 0.004) return;
    this.#points.push(point);
    if (this.#points.length > MAX_TRAIL) this.#points.shift();
    const n = this.#points.length;
    this.#points.forEach((p, i) => {
      this.#positions.setXYZ(i, p.x, p.y, p.z);
      this.#colors.setXYZW(i, this.#color.r, this.#color.g, this.#color.b, (i / n) ** 1.5);
    });
    this.#positions.needsUpdate = this.#colors.needsUpdate = true;
    this.object.geometry.setDrawRange(0, n);
  }
}

/** Lines from each body to its parent, drawn through everything. */
export class Skeleton {
  readonly lines: THREE.LineSegments;
  readonly #scene: Scene;

  constructor(scene: Scene) {
    this.#scene = scene;
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute('position', new THREE.BufferAttribute(new Float32Array(scene.bodies.length * 6), 3));
    const material = new THREE.LineBasicMaterial({
      color: '#FFFFFF',
      depthTest: false,
      transparent: true,
      opacity: 0.8,
    });
    this.lines = new THREE.LineSegments(geometry, material);
    this.lines.renderOrder = 20;
    this.lines.frustumCulled = false;
    this.lines.visible = false;
  }

  pose({ xpos }: Kinematics): void {
    const position = this.lines.geometry.attributes.position as THREE.BufferAttribute;
    this.#scene.bodies.forEach(({ parent }, b) => {
      const from = parent === 0 ? b : parent;
      position.setXYZ(b * 2, xpos[from * 3]!, xpos[from * 3 + 1]!, xpos[from * 3 + 2]!);
      position.setXYZ(b * 2 + 1, xpos[b * 3]!, xpos[b * 3 + 1]!, xpos[b * 3 + 2]!);
    });
    position.needsUpdate = true;
  }
}
