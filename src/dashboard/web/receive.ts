import { PROTOCOL_VERSION, type ServerMessage } from '../protocol.ts';
import type { AppState } from './appState.ts';

/** What the page makes of a message of its server, or of the file it was exported to. */
export function receive(app: AppState, message: ServerMessage): void {
  switch (message.type) {
    case 'hello':
      if (message.version !== PROTOCOL_VERSION) location.reload();
      app.control = message.control;
      app.home = message.home;
      app.serverAhead = message.now - Date.now();
      break;
    case 'runs':
      app.runs = message.runs;
      app.heard = true;
      app.emit('runs');
      break;
    case 'snapshot':
      app.dataOf(message.run).snapshot = message.snapshot;
      app.emit('snapshot', message.run);
      break;
    case 'reset':
      app.dataOf(message.run).reset();
      app.emit('rows', message.run);
      break;
    case 'rows':
      if (!app.dataOf(message.run).append(message.block)) app.follow(message.run);
      app.emit('rows', message.run);
      break;
    case 'frame':
      app.emit('frame', message.run, message.frame);
      break;
    case 'answer':
      app.emit('answer', message.ok, message.text);
      break;
  }
}
