import { existsSync, readdirSync, readFileSync } from 'node:fs';

/**
 * The files below a directory that loop devices show, one for each device. The kernel is asked itself: losetup is a
 * process for each look, and names no file for a device that is just being detached.
 */
export function loopFilesBelow(directory: string): string[] {
  const shown = readdirSync('/sys/block')
    .map((name) => `/sys/block/${name}/loop`)
    // Most devices show nothing, and to be told so is quicker than to fail.
    .filter((folder) => existsSync(folder))
    .map((folder) => textOf(`${folder}/backing_file`));
  return shown.filter((file) => file.startsWith(`${directory}/`));
}

/** Nothing where there is no such file any more. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}
