// Builds everything into dist/: the compiled sources, the native kernels (skipped without a C++ compiler) and the viewer
// page. Run by `npm run build`, and with `--prepare` by npm after an installation.
import { spawn } from 'node:child_process';
import { chmodSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const main = join(root, 'dist/src/cli/main.js');

// `npx agent` links this package into its cache and prepares it as if it were new: nothing to do when it is built.
const linking = process.argv.includes('--prepare') && process.env.npm_command === 'exec';
if (linking && existsSync(main)) process.exit(0);

function run(script, ...args) {
  return new Promise(resolve => {
    const child = spawn(process.execPath, [join(root, script), ...args], { cwd: root, stdio: 'inherit' });
    child.on('error', error => resolve(`${script}: ${error.message}`));
    child.on('close', code => resolve(code === 0 ? undefined : `${script} failed (exit ${code})`));
  });
}

const failures = await Promise.all([
  run(
    'node_modules/typescript/bin/tsc',
    '-p',
    'tsconfig.json',
    '--incremental',
    '--tsBuildInfoFile',
    'dist/.tsbuildinfo',
  ),
  run('src/backend/native/build.mjs'),
  run('src/dashboard/web/build.mjs'),
]);
for (const failure of failures.filter(failure => failure)) {
  process.stderr.write(`build: ${failure}\n`);
  process.exitCode = 1;
}
if (existsSync(main)) chmodSync(main, 0o755);
