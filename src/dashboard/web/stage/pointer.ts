import type { Stage } from './stage.ts';

/**
 * Mouse and touch on the stage: left drag orbits, right or Shift drag pans, wheel zooms, double click selects a body, right
 * double click centres it; a click on a robot chooses its world; one finger orbits, two pan and zoom. Returns a function that detaches everything.
 */
export function attachPointer(
  canvas: HTMLCanvasElement,
  stage: Stage,
  { onBody, onRobot }: { onBody(body: number | undefined): void; onRobot(place: number): void },
): () => void {
  const abort = new AbortController();
  const on = <K extends keyof HTMLElementEventMap>(
    type: K,
    listener: (event: HTMLElementEventMap[K]) => void,
    options = {},
  ) => canvas.addEventListener(type, listener, { signal: abort.signal, ...options });
  const fingers = new Map<number, { x: number; y: number }>();
  let lastRightClick = 0;
  let pressed = [0, 0] as readonly [number, number];

  const at = (event: MouseEvent) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top] as const;
  };
  on('contextmenu', event => event.preventDefault());
  on('pointerdown', event => {
    if (event.ctrlKey || event.altKey) return; // pushing: handled where there is a copy to push
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    pressed = at(event);
    if (event.button !== 2) return;
    if (event.timeStamp - lastRightClick < 350) {
      const hit = stage.pick(...at(event));
      if (hit) stage.orbit.lookAt(hit.point);
    }
    lastRightClick = event.timeStamp;
  });
  on('pointermove', event => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const dx = event.clientX - before.x;
    const dy = event.clientY - before.y;
    if (fingers.size === 2) pinch(event, before);
    else if (event.buttons & 2 || event.shiftKey) stage.orbit.pan(dx, dy, canvas.clientHeight);
    else stage.orbit.rotate(dx, dy);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  const pinch = (event: PointerEvent, before: { x: number; y: number }) => {
    const other = [...fingers].find(([id]) => id !== event.pointerId)![1];
    const apart = (p: { x: number; y: number }) => Math.hypot(p.x - other.x, p.y - other.y);
    stage.orbit.zoom(apart(before) / Math.max(1, apart({ x: event.clientX, y: event.clientY })));
    stage.orbit.pan((event.clientX - before.x) / 2, (event.clientY - before.y) / 2, canvas.clientHeight);
  };
  const release = (event: PointerEvent) => fingers.delete(event.pointerId);
  on('pointerup', release);
  on('pointercancel', release);
  on(
    'wheel',
    event => {
      event.preventDefault();
      stage.orbit.zoom(Math.exp(event.deltaY * 0.0012));
    },
    { passive: false },
  );
  on('click', event => {
    const [x, y] = at(event);
    if (Math.hypot(x - pressed[0], y - pressed[1]) > 4 || stage.robots < 2) return; // it turned the picture
    const hit = stage.pick(x, y);
    if (hit) onRobot(hit.world);
  });
  on('dblclick', event => onBody(stage.pick(...at(event))?.body));
  return () => abort.abort();
}
