import { text } from './policies-cel.ts';

/** Words that are put into a sentence as they are. */
interface Words {
  readonly words: string;
}

export const plain = (words: string): Words => ({ words });

/** CEL of a sentence: what is put into it is CEL, or words. */
export function say(first: TemplateStringsArray, ...values: readonly (string | Words)[]): string {
  const parts = first.flatMap((words, index) => [{ words }, values[index] ?? []].flat());
  const sentence: (string | Words)[] = [];
  for (const part of parts) {
    const last = sentence.at(-1);
    if (typeof part === 'string' || last === undefined || typeof last === 'string') sentence.push(part);
    else sentence[sentence.length - 1] = plain(last.words + part.words);
  }
  return sentence
    .filter((part) => typeof part === 'string' || part.words !== '')
    .map((part) => (typeof part === 'string' ? part : text(part.words)))
    .join(' + ');
}
