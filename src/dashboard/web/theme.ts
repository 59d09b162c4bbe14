// Runs before the first paint, so that the page never flashes in the other theme.
const kept = localStorage.getItem('agent.theme');
const system = matchMedia('(prefers-color-scheme: light)');
const apply = () => {
  const chosen = localStorage.getItem('agent.theme');
  document.documentElement.dataset.theme = chosen ?? (system.matches ? 'light' : 'dark');
};
if (kept !== 'dark' && kept !== 'light') localStorage.removeItem('agent.theme');
apply();
system.addEventListener('change', () => {
  apply();
  dispatchEvent(new Event('themechange'));
});
