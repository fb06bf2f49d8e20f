import { InvalidArgumentError, Option, type Command } from 'commander';
import { MODE_PATTERNS, type ModePattern } from '../tars/patterns.ts';
import { DEFAULT_CLASSES, parseClasses, type ClassSetting } from '../tars/settings.ts';
import { messageOf } from '../tars/message-of.ts';

/** What webhook, agent and offline commands must be told alike. */
export interface SettingsOptions {
  readonly classes: ReadonlyMap<string, ClassSetting>;
  readonly modePattern: ModePattern;
}

export function addSettingsOptions(command: Command): Command {
  return addClassesOption(command).addOption(
    new Option('--mode-pattern <name>', `seed (${MODE_PATTERNS.seed}) or posix (${MODE_PATTERNS.posix})`)
      .env('TLV_MODE_PATTERN')
      .choices(Object.keys(MODE_PATTERNS))
      .default('seed'),
  );
}

/** For what looks at no modes. */
export function addClassesOption(command: Command): Command {
  return command.addOption(
    new Option('--classes <list>', 'served storage classes: NAME=on-demand|per-node|discovery[:enforced],…')
      .env('TLV_CLASSES')
      .argParser(readClasses)
      .default(parseClasses(DEFAULT_CLASSES), DEFAULT_CLASSES),
  );
}

function readClasses(text: string): ReadonlyMap<string, ClassSetting> {
  try {
    return parseClasses(text);
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}
