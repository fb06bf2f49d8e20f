// Installs the locked dependencies when they are missing or older than the lock file.
// Plain JavaScript: it runs on whatever Node the machine has, before the pinned one is there.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const lock = join(root, 'package-lock.json');
// npm writes this file last, so its age tells whether an install was finished.
const installed = join(root, 'node_modules', '.package-lock.json');

if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) {
  console.error('t-local-volume: installing dependencies (npm ci, half a minute or so) …');
  const { status, error } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    // Standard output belongs to the command that asked for the installation.
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) {
    console.error(`t-local-volume: npm ci failed${error ? `: ${error.message}` : ''}`);
    console.error('  It needs npm and a reachable npm registry; see the lines above, then try again.');
    process.exit(1);
  }
}
