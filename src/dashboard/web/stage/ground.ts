import * as THREE from 'three';
import type { Look } from './look.ts';

const vertex = /* glsl */ `
  varying vec2 place;
  varying vec2 away;
  uniform vec2 center;
  uniform float cell, reach;
  void main() {
    vec4 p = modelMatrix * vec4(position, 1.0);
    place = p.xy / cell;
    away = (p.xy - center) / reach;
    gl_Position = projectionMatrix * viewMatrix * p;
  }`;

// Lines are one pixel wide at any distance: their width follows the screen derivative, and far away, where a cell is
// smaller than a pixel, they dissolve instead of shimmering. Colours are mixed as the screen takes them: no power a pixel,
// which is what a processor that draws would spend most of its time on.
const fragment = /* glsl */ `
  varying vec2 place;
  varying vec2 away;
  uniform vec3 ground, pool, background, minor, major;
  float lines(vec2 q, vec2 d, float width) {
    vec2 l = clamp(width + 0.5 - abs(fract(q - 0.5) - 0.5) / d, 0.0, 1.0);
    l *= clamp((0.8 - d) * 1.8, 0.0, 1.0);
    return max(l.x, l.y);
  }
  void main() {
    float r2 = dot(away, away);
    float fade = 1.0 - smoothstep(1.0, 9.0, sqrt(r2));
    float near = max(0.0, 1.0 - r2 / 20.0); // its fourth power is exp(-r²/5), nearly
    vec2 d = fwidth(place);
    near *= near;
    vec3 color = mix(ground, pool, near * near);
    color = mix(color, minor, lines(place, d, 0.7) * 0.55 * fade);
    color = mix(color, major, lines(place * 0.5, d * 0.5, 0.9) * 0.9 * fade);
    gl_FragColor = vec4(mix(background, color, sqrt(fade)), 1.0);
  }`;

/** Where it has become the background, in `reach`. */
const END = 9;

/** The floor: a drawn grid that fades into the background, and a sheet that only catches shadows. */
export class Ground {
  readonly group = new THREE.Group();
  readonly #material: THREE.ShaderMaterial;
  readonly #shadow: THREE.ShadowMaterial;
  readonly #sheets: THREE.Mesh[];

  constructor(cell: number, reach: number) {
    const uniforms = {
      center: { value: new THREE.Vector2() },
      cell: { value: cell },
      reach: { value: reach },
      ground: { value: new THREE.Color() },
      pool: { value: new THREE.Color() },
      background: { value: new THREE.Color() },
      minor: { value: new THREE.Color() },
      major: { value: new THREE.Color() },
    };
    this.#material = new THREE.ShaderMaterial({ uniforms, vertexShader: vertex, fragmentShader: fragment });
    // Behind the shadows at any distance: far away the millimetres between the sheets are less than a step of depth.
    Object.assign(this.#material, { polygonOffset: true, polygonOffsetFactor: 1, polygonOffsetUnits: 8 });
    this.#shadow = new THREE.ShadowMaterial({ transparent: true });
    const disc = new THREE.CircleGeometry(END * reach, 64);
    const grid = new THREE.Mesh(disc, this.#material);
    grid.position.z = -0.002;
    grid.renderOrder = 1; // after what stands on it, which hides it
    const shadow = new THREE.Mesh(disc, this.#shadow); // hidden where nothing casts one: it would cost a layer of pixels
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
      (uniforms[name]!.value as THREE.Color).set(color).convertLinearToSRGB();
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
