import { AppState, type View } from './appState.ts';
import { authenticate, Connection } from './connection.ts';
import { fill } from './dom.ts';
import { mount } from './page.ts';
import { views } from './rail.ts';
import { refusedState } from './states.ts';

const app = new AppState();
const wanted = new URLSearchParams(location.hash.slice(1)).get('view');
if (views.some(({ view }) => view === wanted)) app.view = wanted as View;
if (await authenticate()) {
  mount(app);
  new Connection(app).open();
} else fill(document.getElementById('app')!, refusedState());
