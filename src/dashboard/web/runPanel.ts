import type { AppState } from './appState.ts';
import { button, fill, h, icon } from './dom.ts';
import { duration, integer } from './format.ts';
import { toast } from './toast.ts';

/** The inspector's Run tab: configuration with the source of each value, changes, versions, files. */
export function runPanel(app: AppState): HTMLElement {
  const acts = h('div');
  const panel = h('div');
  let shown = '';
  let steered = '';
  const update = () => {
    const snapshot = app.currentData?.snapshot;
    const run = app.run();
    if (!snapshot || !run) return;
    const { config, checkpoints, changes, summary } = snapshot;
    // Each part is rebuilt only when it says something else: whoever types or is about to click keeps what they have.
    const tuned = changes.filter(({ what }) => TUNABLE.test(what));
    const acting = JSON.stringify([run.id, run.state, app.control, tuned]);
    if (acting !== steered && !acts.contains(document.activeElement?.closest('input') ?? null)) {
      steered = acting;
      fill(acts, app.control ? steering(app) : null);
    }
    const key = JSON.stringify([run.id, run.problem, run.warning, checkpoints, changes, summary]);
    if (key === shown) return;
    shown = key;
    const sources = (config.sources ?? {}) as Record<string, string>;
    const values = Object.entries((config.values ?? {}) as Record<string, unknown>);
    fill(
      panel,
      warning(run.problem && [run.problem, run.remedy].filter(Boolean).join('. ')),
      warning(run.warning),
      table('Run', [
        ['command', `agent ${((config.command as string[] | undefined) ?? []).join(' ')}`],
        ['algorithm', run.algo],
        ['task', run.task],
        ['seed', String(run.seed)],
        ['preset', run.preset],
        ['backend', String(config.backend ?? '')],
        ['precision', [config.precision ?? 'float32', sources.precision].filter(Boolean).join(', ')],
        ['trained for', duration(run.seconds)],
      ]),
      table(
        'Hyperparameters',
        values.map(([key, value]) => [key, String(value), sources[key] ?? '']),
      ),
      table('Loop', plain(config.options)),
      changes.length
        ? table(
            'Changes',
            changes.map(change => [integer(change.step), change.what, `${change.from ?? ''} → ${change.to ?? ''}`]),
          )
        : null,
      table(
        'Checkpoints',
        checkpoints.map(({ name, best, last }) => [
          integer(Number(name)),
          [best ? 'best' : '', last ? 'last' : ''].filter(Boolean).join(', '),
        ]),
      ),
      table('Environment', plain(config.environment)),
      table('Versions', plain(config.versions)),
      table('Machine', plain(config.machine)),
      summary ? table('Summary', plain(summary.eval)) : null,
    );
  };
  for (const event of ['snapshot', 'current', 'runs'] as const) app.on(event, update);
  return h('div', { class: 'run-panel pad' }, acts, panel);
}

/** What a page with the control right may do. Ending the run asks once. */
function steering(app: AppState): HTMLElement {
  const paused = app.run()?.state === 'paused';
  let asked = false;
  const end = button({
    icon: 'stop',
    label: 'End run…',
    class: 'danger',
    onclick: () => {
      if (asked) app.act({ kind: 'end' });
      asked = true;
      fill(end, 'End it: a checkpoint is kept');
    },
  });
  const act = (icon: string, label: string, kind: 'pause' | 'resume' | 'update' | 'checkpoint' | 'evaluate') =>
    button({ icon, label, onclick: () => app.act({ kind }) });
  return h(
    'section',
    { class: 'facts steering' },
    h('h2', { class: 'strong' }, 'Control'),
    h(
      'div',
      { class: 'actors' },
      paused ? act('play', 'Resume training', 'resume') : act('pause', 'Pause training', 'pause'),
      act('forward', 'One update', 'update'),
      act('save', 'Checkpoint', 'checkpoint'),
      act('target', 'Evaluate', 'evaluate'),
      end,
    ),
    ...tunables(app),
  );
}

/** What may be changed while training, by its name in the configuration. */
const TUNABLE = /^(\w*[lL]earningRate|entropyWeight)$/;

/** A field for every value that may be changed; the change is logged in the run and can be taken back by another. */
function tunables(app: AppState): HTMLElement[] {
  const { config, changes } = app.currentData?.snapshot ?? {};
  const values = (config?.values ?? {}) as Record<string, unknown>;
  return Object.entries(values)
    .filter(([name, value]) => TUNABLE.test(name) && typeof value === 'number')
    .map(([name, value]) => {
      const now = changes?.findLast(change => change.what === name)?.to ?? (value as number);
      const input = h('input', { type: 'text', inputmode: 'decimal', value: String(now), 'aria-label': name });
      const send = (to: number) => app.act({ kind: 'set', name, value: to });
      const set = () => {
        const to = Number(input.value);
        if (input.value.trim() === '' || !(Number.isFinite(to) && to > 0))
          return toast(`${name} is a number above 0`, { kind: 'bad' });
        if (to === now) return;
        send(to);
        toast(`${name}: ${now} → ${to}, from the next step on`, { action: { label: 'Undo', run: () => send(now) } });
      };
      input.addEventListener('keydown', event => {
        if (event.key === 'Enter') set();
      });
      return h(
        'div',
        { class: 'tunable' },
        h('label', { class: 't2' }, name, input),
        h('span', { class: 't3' }, now === value ? '' : `configured ${value}`),
        button({ label: 'Set', onclick: set }),
      );
    });
}

function warning(text: string | undefined): HTMLElement | null {
  return text ? h('p', { class: 'warning' }, icon('warn'), text) : null;
}

function plain(value: unknown): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).map(([key, item]) => [
    key,
    typeof item === 'object' ? JSON.stringify(item) : String(item),
  ]);
}

function table(title: string, rows: readonly (readonly string[])[]): HTMLElement | null {
  const filled = rows.filter(row => row.slice(1).some(Boolean));
  if (filled.length === 0) return null;
  return h(
    'section',
    { class: 'facts' },
    h('h2', { class: 'strong' }, title),
    h(
      'table',
      {},
      h(
        'tbody',
        {},
        ...filled.map(row =>
          h('tr', {}, ...row.map((cell, i) => h('td', { class: i === 0 ? 't2' : i === 1 ? 'mono' : 't3' }, cell))),
        ),
      ),
    ),
  );
}
