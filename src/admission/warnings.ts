import { formatPath, type Finding } from '../tars/finding.ts';

/**
 * Warnings as an AdmissionResponse carries them. The API says that texts over 256 characters, and more
 * than 4096 in all, may be cut. A remedy that is cut is no remedy, so a longer text becomes several
 * warnings, parted where a clause ends, and what is too much in all is left out with a word about it.
 */

const LONGEST = 256;
const LONGEST_IN_ALL = 4096;
/** The last warning may have to say how many are missing. */
const RESERVE = 80;

/** `CODE field: message` for each finding, as `tlv check` prints it, the most important words first. */
export function warningTexts(findings: readonly Finding[]): string[] {
  const texts: string[] = [];
  let budget = LONGEST_IN_ALL - RESERVE;
  for (const [index, finding] of findings.entries()) {
    const parts = partsOf(finding);
    budget -= parts.reduce((sum, part) => sum + part.length, 0);
    if (budget < 0) {
      texts.push(`${findings.length - index} more warnings are not listed; tlv check shows all of them`);
      break;
    }
    texts.push(...parts);
  }
  return texts;
}

function partsOf({ code, path, message }: Finding): string[] {
  const field = formatPath(path) || 'object';
  // A warning is an HTTP header to the client: control characters would have it dropped.
  let rest = `${code} ${field}: ${message}`.replaceAll(/\p{Cc}+/gu, ' ');
  const parts: string[] = [];
  while (rest.length > LONGEST) {
    const place = partingPlace(rest);
    parts.push(rest.slice(0, place).trimEnd());
    rest = `${code} ... ${rest.slice(place).trimStart()}`;
  }
  return [...parts, rest];
}

/** The end of the last clause that fits, else of the last word, and of a giant word its part that fits. */
function partingPlace(text: string): number {
  const head = text.slice(0, LONGEST);
  for (const end of ['; ', ': ', ', ', ' ']) {
    const place = head.lastIndexOf(end);
    // A part with hardly anything in it would be worse than a clause that goes on.
    if (place >= LONGEST / 4) return place + end.length;
  }
  // Between the halves of a pair there is no character to part.
  return /[\uD800-\uDBFF]$/.test(head) ? LONGEST - 1 : LONGEST;
}
