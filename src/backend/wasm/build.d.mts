export function fingerprint(): string;
export function findClang(): { command: string; version: string } | undefined;
export function build(out: string, clang: { command: string; version: string }): void;
export const modules: readonly string[];
