import * as THREE from 'three';
import type { Look } from './look.ts';

const vertex = /* glsl */ `
  varying vec3 world;
  void main() {
    vec4 p = modelMatrix * vec4(position, 1.0);
    world = p.xyz;
    gl_Position = projectionMatrix * viewMatrix * p;
  }`;

// Lines are one pixel wide at any distance: their width follows the screen derivative, and far away, where a cell is
// smaller than a pixel, they dissolve instead of shimmering.
const fragment = /* glsl */ `
  varying vec3 world;
  uniform vec2 center;
  uniform vec2 shift;
  uniform float cell;
  uniform float reach;
  uniform vec3 ground, pool, background, minor, major;
  float lines(vec2 p, float size, float width) {
    vec2 q = p / size;
    vec2 d = fwidth(q);
    vec2 g = abs(fract(q - 0.5) - 0.5);
    vec2 l = 1.0 - smoothstep(d * (width - 0.5), d * (width + 0.5), g);
    l *= 1.0 - smoothstep(0.25, 0.8, d);
    return max(l.x, l.y);
  }
  void main() {
    float r = distance(world.xy, center);
    float fade = 1.0 - smoothstep(1.0 * reach, 9.0 * reach, r);
    vec3 color = mix(ground, pool, exp(-r * r / (5.0 * reach * reach)));
    color = mix(color, minor, lines(world.xy - shift, cell, 0.7) * 0.55 * fade);
    color = mix(color, major, lines(world.xy - shift, cell * 2.0, 0.9) * 0.9 * fade);
    color = mix(background, color, pow(fade, 0.75));
    gl_FragColor = vec4(color, 1.0);
    #include <colorspace_fragment>
  }`;

/** The floor: a drawn grid that fades into the background, and a sheet that only catches shadows. */
export class Ground {
  readonly group = new THREE.Group();
  readonly #material: THREE.ShaderMaterial;
  readonly #shadow: THREE.ShadowMaterial;
  readonly #sheets: THREE.Mesh[];

  constructor(cell: number, reach: number) {
    const uniforms = {
      center: { value: new THREE.Vector2() },
      shift: { value: new THREE.Vector2() },
      cell: { value: cell },
      reach: { value: reach },
      ground: { value: new THREE.Color() },
      pool: { value: new THREE.Color() },
      background: { value: new THREE.Color() },
      minor: { value: new THREE.Color() },
      major: { value: new THREE.Color() },
    };
    this.#material = new THREE.ShaderMaterial({ uniforms, vertexShader: vertex, fragmentShader: fragment });
    this.#shadow = new THREE.ShadowMaterial({ transparent: true });
    const plane = new THREE.PlaneGeometry(120, 120);
    const grid = new THREE.Mesh(plane, this.#material);
    grid.position.z = -0.002;
    grid.renderOrder = -2;
    const shadow = new THREE.Mesh(plane, this.#shadow); // hidden where nothing casts one: it would cost a layer of pixels
    shadow.receiveShadow = true;
    shadow.renderOrder = -1;
    this.#sheets = [grid, shadow];
    this.group.add(grid, shadow);
  }

  setLook(look: Look): void {
    const { uniforms } = this.#material;
    for (const [name, color] of [
      ['ground', look.ground],
      ['pool', look.pool],
      ['background', look.background],
      ['minor', look.gridMinor],
      ['major', look.gridMajor],
    ] as const) {
      (uniforms[name]!.value as THREE.Color).set(color);
    }
    this.#shadow.opacity = look.shadow;
  }

  set shadows(on: boolean) {
    this.#sheets[1]!.visible = on;
  }

  /** The light pool and the fading follow the tracked body; the grid itself stays put. */
  follow(x: number, y: number): void {
    (this.#material.uniforms.center!.value as THREE.Vector2).set(x, y);
    for (const sheet of this.#sheets) sheet.position.set(x, y, sheet.position.z);
  }

  dispose(): void {
    this.#material.dispose();
    this.#shadow.dispose();
  }
}
