import { AppState, type View } from './appState.ts';
import { authenticate, Connection } from './connection.ts';
import { fill } from './dom.ts';
import { mount } from './page.ts';
import { views } from './rail.ts';
import { refusedState } from './states.ts';

const app = new AppState();
const wanted = new URLSearchParams(location.hash.slice(1)).get('view');
if (views.some(({ view }) => view === wanted)) app.view = wanted as View;
// The page stands while the server is asked whether this browser may look.
const asked = authenticate();
mount(app);
if (await asked) new Connection(app).open();
else fill(document.getElementById('app')!, refusedState());
