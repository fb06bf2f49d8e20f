/** A processor that images are made for, in the words of those who have to do with it. */
export interface Platform {
  /** Go's word, which registries and container runtimes use. */
  readonly architecture: string;
  /** The end of the name of Node's package. */
  readonly npm: string;
  /** The folder of Debian's libraries. */
  readonly multiarch: string;
  /** The ELF loader, in that folder. */
  readonly loader: string;
}

const PLATFORMS: Readonly<Record<string, Platform>> = {
  x64: {
    architecture: 'amd64',
    npm: 'linux-x64',
    multiarch: 'x86_64-linux-gnu',
    loader: 'ld-linux-x86-64.so.2',
  },
  arm64: {
    architecture: 'arm64',
    npm: 'linux-arm64',
    multiarch: 'aarch64-linux-gnu',
    loader: 'ld-linux-aarch64.so.1',
  },
};

/** This machine's: an image is made for the processor that makes it. */
export function thisPlatform(): Platform {
  const platform = process.platform === 'linux' ? PLATFORMS[process.arch] : undefined;
  if (platform) return platform;
  throw new Error(
    `${process.platform} ${process.arch}: images are made on linux x64 and linux arm64, each for its own kind; ` +
      'elsewhere build the Dockerfile',
  );
}
