import { releaseFile } from './debian-control.ts';
import { debianFiles } from './debian-files.ts';
import type { DebianPackage } from './debian.ts';
import { USER_ID } from './image-config.ts';
import type { RootFile, RootLayer } from './root-layer.ts';
import { sharedLibraries } from './shared-libraries.ts';

interface Base {
  /** What has to run on it. */
  readonly program: string;
  readonly debian: readonly DebianPackage[];
  /** The one of them that names the release, and has the texts of licences. */
  readonly baseFiles: DebianPackage;
}

/** What a program needs around it: libraries, names, and the papers of both. */
export async function baseLayer(
  { program, debian, baseFiles }: Base,
  say: (line: string) => void,
): Promise<RootLayer> {
  const { libraries, missing } = await sharedLibraries(program, debian);
  if (missing.length > 0) throw new Error(`${program} needs ${missing.join(', ')}, in none of the packages`);
  return {
    name: 'base',
    files: [
      // The loader is a program, and its neighbours are what Debian has them as: executable or not, all the same.
      ...libraries.map(({ path, file }): RootFile => ({ path, content: { file }, isProgram: true })),
      ...(await debianFiles(debian, baseFiles, say)),
      { path: '/etc/os-release', content: { file: releaseFile(baseFiles) } },
      ...accounts(),
    ],
  };
}

/** For those who look up a name: Node asks for the home of its user, and people for the owner of a file. */
function accounts(): RootFile[] {
  const user = `tlv:x:${USER_ID}:${USER_ID}:t-local-volume:/:/sbin/nologin`;
  return [
    { path: '/etc/passwd', content: `root:x:0:0:root:/:/sbin/nologin\n${user}\n` },
    { path: '/etc/group', content: `root:x:0:\ntlv:x:${USER_ID}:\n` },
    { path: '/etc/nsswitch.conf', content: 'passwd: files\ngroup: files\nhosts: files dns\n' },
  ];
}
