import type { BackendName } from '../../tars/class-parameters.ts';
import type { Tools } from '../os/tools.ts';

/**
 * Says which programs a backend lacks, and how to get them; undefined where all are there.
 * @param programs - each with Debian's package that has it
 */
export async function missingPrograms(
  tools: Tools,
  backend: BackendName,
  programs: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const absent = await tools.missing(Object.keys(programs));
  if (absent.length === 0) return undefined;
  const install = [...new Set(absent.map((name) => programs[name]))].join(', ');
  return `backend ${backend} needs ${absent.join(', ')}, which this node lacks; install there: ${install}`;
}
