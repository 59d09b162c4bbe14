import { HELD } from './frameRate.ts';

/**
 * Opaque, so that nothing of the page is blended with it. Edges are smoothed but where a processor draws them: there it costs a
 * third of the frames. Throws if the browser has no WebGL 2.
 */
export function contextOf(canvas: HTMLCanvasElement): WebGL2RenderingContext {
  const antialias = localStorage.getItem(HELD) !== null || !isSoftware();
  const wanted = { alpha: false, antialias, stencil: false, powerPreference: 'high-performance' } as const;
  const context = canvas.getContext('webgl2', wanted) as WebGL2RenderingContext | null;
  if (!context) throw new Error('no WebGL 2');
  return context;
}

let software: boolean | undefined;

/** Whether a processor draws instead of a graphics card. Asked of another canvas: what a context is made with cannot be changed. */
export function isSoftware(): boolean {
  software ??= drawnByProcessor();
  return software;
}

function drawnByProcessor(): boolean {
  const context = new OffscreenCanvas(1, 1).getContext('webgl2');
  if (!context) return false;
  const { UNMASKED_RENDERER_WEBGL = context.RENDERER } = context.getExtension('WEBGL_debug_renderer_info') ?? {};
  const name = String(context.getParameter(UNMASKED_RENDERER_WEBGL));
  context.getExtension('WEBGL_lose_context')?.loseContext();
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}
