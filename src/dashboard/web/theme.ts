// Runs before the first paint, so that the page never flashes in the other theme.
const kept = localStorage.getItem('agent.theme');
const system = matchMedia('(prefers-color-scheme: light)');
const apply = () => {
  const chosen = localStorage.getItem('agent.theme');
  const root = document.documentElement;
  // Every colour at once: on a slow machine fading buttons would stay unreadable on the new ground.
  root.classList.add('at-once');
  root.dataset.theme = chosen ?? (system.matches ? 'light' : 'dark');
  root.getBoundingClientRect();
  setTimeout(() => root.classList.remove('at-once'));
};
if (kept !== 'dark' && kept !== 'light') localStorage.removeItem('agent.theme');
apply();
const change = () => {
  apply();
  dispatchEvent(new Event('themechange'));
};
system.addEventListener('change', change);
addEventListener('themechosen', change);
