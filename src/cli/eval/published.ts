/** Reads the scores out of a task's line of published returns: `QVPO 5,307   SAC 5,160   best return, 10⁶ steps`. */
export function scoresIn(text: string): [string, number][] {
  return [...text.matchAll(/\b([A-Z][A-Z0-9-]+) (-?[\d,.]+)(?=\s|$)/g)].map(([, name, value]) => [
    name!,
    Number(value!.replaceAll(',', '')),
  ]);
}

/** The lines to compare with while training: the algorithm itself, then SAC and TD3. */
export function publishedScores(
  task: string,
  text: string | undefined,
  algo: string,
): { label: string; scores: [string, number][] } | undefined {
  const scores = scoresIn(text ?? '');
  const wanted = [...new Set([algo.toUpperCase(), 'SAC', 'TD3'])];
  const found = wanted.flatMap(name => scores.filter(([other]) => other === name));
  const version = /-(v\d+)$/.exec(task)?.[1];
  return found.length > 0 ? { label: version ? `${version}, best` : 'best', scores: found } : undefined;
}

/** The published score of the algorithm itself, to stand beside its best. */
export function publishedBest(text: string | undefined, algo: string): [number, string] | undefined {
  const own = scoresIn(text ?? '').find(([name]) => name === algo.toUpperCase());
  return own && [own[1], `${own[0]}, best, 5 seeds`];
}
