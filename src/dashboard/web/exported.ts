import { Unpackr } from 'msgpackr/unpack';
import type { ServerMessage } from '../protocol.ts';
import { AppState } from './appState.ts';
import { mount } from './page.ts';
import { receive } from './receive.ts';

/** What a single-file export holds besides the page: what a server would have said and sent. */
interface Exported {
  readonly messages: readonly ServerMessage[];
  /** Files of the run, by path. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** The physics worker and what it loads, by name. */
  readonly worker: Readonly<Record<string, Uint8Array<ArrayBuffer>>>;
}

/** Gzip in base64, in a script element that is no script. */
async function unpack(id: string): Promise<Uint8Array<ArrayBuffer>> {
  const element = document.getElementById(id)!;
  const packed = Uint8Array.from(atob(element.textContent), c => c.charCodeAt(0));
  element.remove();
  const plain = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(plain).arrayBuffer());
}

const app = new AppState();
app.link = 'open';
const data = new Unpackr({ useRecords: false, int64AsType: 'number' }).unpack(await unpack('data')) as Exported;
app.file = async path => data.files[path];
app.makeWorker = () => {
  const { 'physics.worker.js': code, ...files } = data.worker;
  const worker = new Worker(URL.createObjectURL(new Blob([code!], { type: 'text/javascript' })));
  worker.postMessage({ files });
  return worker;
};
const watch = mount(app);
for (const message of data.messages) receive(app, message);
// The robot is what the file is for: it acts as soon as there is something to act with.
const started = setInterval(() => {
  if (!watch.touch || !watch.panel.stage) return;
  clearInterval(started);
  void watch.touch.set(true);
}, 100);
