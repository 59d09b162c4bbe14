import { describe } from 'vitest';
import { addCommand, installedPackage, type OptionalName } from '../../src/backend/optional.ts';

/** Tests of a backend that nobody installs unasked: skipped without it, but in CI, which installs it, they fail. */
export function describeOptional(name: OptionalName, tests: () => void): void {
  const wanted = installedPackage(name) !== undefined || process.env.CI === 'true';
  describe.skipIf(!wanted)(wanted ? `with ${name} installed` : `${name} (add it: ${addCommand(name)})`, tests);
}
