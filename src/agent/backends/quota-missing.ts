import { messageOf } from '../../tars/message-of.ts';
import type { Directory } from '../os/directory.ts';
import { STATE_FOLDER } from '../os/errors.ts';
import { ToolFailed } from '../os/tools.ts';
import type { Kit } from './backend.ts';
import { missingPrograms } from './missing-programs.ts';
import { mountOf, ProjectQuota } from './project-quota.ts';

const PROGRAMS = { setquota: 'quota', repquota: 'quota', chattr: 'e2fsprogs', lsattr: 'e2fsprogs' };

/** What it takes for a filesystem to have project quotas; kinds that are not here cannot. */
const REMEDIES: Readonly<Record<string, string>> = {
  xfs: 'mount it with the option prjquota, which takes more than a remount',
  ext4: 'unmount it, run tune2fs -O quota,project on its device, and mount it with the option prjquota',
};

/** Why this node cannot have project quotas, in words; undefined where it can. */
export async function missingForQuota({ pool, tools }: Kit): Promise<string | undefined> {
  const lacking = await missingPrograms(tools, 'quota', PROGRAMS);
  if (lacking !== undefined) return lacking;
  const quota = new ProjectQuota(tools);
  return await pool.withRoot(
    async (root) => (await missingOption(root, pool.root)) ?? (await hindrance(root, pool.root, quota)),
  );
}

/** Without the option a filesystem may count, and even show limits, and stop nobody. */
async function missingOption(root: Directory, path: string): Promise<string | undefined> {
  const { type, options } = await mountOf(root);
  const remedy = REMEDIES[type];
  if (remedy === undefined) {
    const kinds = Object.keys(REMEDIES).join(' or ');
    return `backend quota needs a pool on ${kinds}, and ${path} is on ${type}; take a directory on one of these as root, or another backend in the class`;
  }
  if (options.includes('prjquota')) return undefined;
  return `backend quota needs project quotas, and the ${type} at ${path} enforces none; ${remedy}`;
}

async function hindrance(root: Directory, path: string, quota: ProjectQuota): Promise<string | undefined> {
  try {
    await quota.report(root);
    // Nothing with a project of its own could be moved into a trash that hands its own project on.
    const { id, isInherited } = await quota.membership(root.toolPath(STATE_FOLDER));
    if (!isInherited) return undefined;
    return `backend quota puts each volume into a project of its own, and ${path} is in project ${id} as a whole; take a directory outside of that project as root`;
  } catch (error) {
    if (!(error instanceof ToolFailed)) throw error;
    return `backend quota cannot read the quotas of ${path}: ${messageOf(error)}; run the agent as a privileged container, with the /dev of the node`;
  }
}
