import type { Variable } from '../tensor/tf.ts';

type Named = Readonly<Record<string, Variable>>;

/** Joins the variables of parts under their names: `{critic: {…}}` → `critic/…`. */
export function group(parts: Readonly<Record<string, Named>>): Record<string, Variable> {
  const joined: Record<string, Variable> = {};
  for (const [part, variables] of Object.entries(parts)) {
    for (const [name, variable] of Object.entries(variables)) joined[`${part}/${name}`] = variable;
  }
  return joined;
}

/** Copies the values of one network into another of the same layout, by name. Throws when a name is missing. */
export function copyVariables(target: Named, source: Named): void {
  for (const [name, variable] of Object.entries(target)) {
    const value = source[name];
    if (!value) throw new Error(`no variable ${name} to copy from`);
    variable.assign(value);
  }
}

/** A network and its target, which starts as a copy. */
export function withTarget<T extends { readonly variables: Named }>(make: () => T): [network: T, target: T] {
  const [network, target] = [make(), make()];
  copyVariables(target.variables, network.variables);
  return [network, target];
}
