import { BACKEND_CLASSES, STORAGE_CLASS, TARSK8S_STORAGE_CLASS } from './vocabulary.ts';
import type { ModePattern } from './patterns.ts';

/**
 * How the volumes of a class come to be:
 * made on demand where the scheduler chose, offered by every eligible node, or discovered on disks.
 */
export type ClassWay = 'on-demand' | 'per-node' | 'discovery';

export interface ClassSetting {
  readonly way: ClassWay;
  /** True when the class's backend stops a writer at the claim's size; a directory does not. */
  readonly sizeEnforced: boolean;
}

/** What webhook, agent and offline commands must agree on. */
export interface Settings {
  /** The served classes by name; `t-storage-class` is always one of them. */
  readonly classes: ReadonlyMap<string, ClassSetting>;
  readonly modePattern: ModePattern;
}

const EXAMPLE = `${STORAGE_CLASS}=on-demand`;
export const DEFAULT_CLASSES = classesText('on-demand');

/** What is served where `t-storage-class` is made in this way. */
export function classesText(way: ClassWay): string {
  const others = BACKEND_CLASSES.map((name) => `${name}=on-demand:enforced`);
  return [`${STORAGE_CLASS}=${way}`, ...others].join(',');
}

const WAYS: readonly string[] = ['on-demand', 'per-node', 'discovery'] satisfies ClassWay[];
const isWay = (text: string): text is ClassWay => WAYS.includes(text);

/**
 * Reads the one setting that maps each class to its way: `NAME=WAY[:enforced]`, separated by commas.
 * @throws Error that names the entry and what would be right.
 */
export function parseClasses(text: string): ReadonlyMap<string, ClassSetting> {
  const classes = new Map<string, ClassSetting>();
  for (const entry of text.split(',').map((part) => part.trim())) {
    const match = /^([a-z0-9](?:[-a-z0-9.]*[a-z0-9])?)=([a-z-]+)(:enforced)?$/.exec(entry);
    const [, name = '', way = '', enforced] = match ?? [];
    if (!isWay(way)) {
      throw new Error(
        `class setting "${entry}": expected NAME=WAY[:enforced] with WAY one of ${WAYS.join(', ')}, for example "${EXAMPLE}"`,
      );
    }
    if (classes.has(name)) throw new Error(`class setting "${entry}": ${name} is listed twice`);
    classes.set(name, { way, sizeEnforced: enforced !== undefined });
  }
  if (!classes.has(STORAGE_CLASS)) {
    throw new Error(
      `class setting "${text}": ${STORAGE_CLASS} is missing; templates are made with this class, so add "${EXAMPLE}" or another way for it`,
    );
  }
  return classes;
}

export const DEFAULT_SETTINGS: Settings = { classes: parseClasses(DEFAULT_CLASSES), modePattern: 'seed' };

/** The setting of a served class, undefined for every other class. */
export function servedClass(name: string | null | undefined, settings: Settings): ClassSetting | undefined {
  return name ? settings.classes.get(name) : undefined;
}

/** True for classes whose templates TarsK8S makes itself: they count as local, but are not ours to change. */
export function isRecognisedClass(name: string | null | undefined, settings: Settings): boolean {
  return name === TARSK8S_STORAGE_CLASS || servedClass(name, settings) !== undefined;
}
