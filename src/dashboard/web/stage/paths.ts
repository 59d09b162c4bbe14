import * as THREE from 'three';

/** Where a body would go under each of some actions: one line an action, the chosen one amber and on top. */
export class Paths {
  readonly group = new THREE.Group();

  /** `paths` [n, steps, 3]; `colors` of each, the first is the chosen one's. */
  show(paths: Float32Array, steps: number, colors: readonly string[]): void {
    this.clear();
    colors.forEach((color, i) => {
      const points = paths.slice(i * steps * 3, (i + 1) * steps * 3);
      const geometry = new THREE.BufferGeometry().setAttribute('position', new THREE.BufferAttribute(points, 3));
      const material = new THREE.LineBasicMaterial({
        color,
        depthTest: false,
        transparent: true,
        opacity: i ? 0.8 : 1,
      });
      const line = new THREE.Line(geometry, material);
      line.renderOrder = i ? 21 : 22;
      line.frustumCulled = false;
      const end = new THREE.Mesh(
        new THREE.SphereGeometry(i ? 0.012 : 0.02, 12, 8),
        new THREE.MeshBasicMaterial({ color, depthTest: false, transparent: true }),
      );
      end.position.fromArray(points, points.length - 3);
      end.renderOrder = line.renderOrder;
      this.group.add(line, end);
    });
  }

  clear(): void {
    for (const child of [...this.group.children] as THREE.Mesh[]) {
      child.geometry.dispose();
      (child.material as THREE.Material).dispose();
      this.group.remove(child);
    }
  }
}
