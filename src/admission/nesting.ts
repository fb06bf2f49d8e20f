const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/**
 * True when lists and maps in JSON text stand in each other more than `limit` deep. Looked for in the
 * bytes, so that nothing that recurses over the parsed value ever meets such a one.
 */
export function isDeeperThan(json: Uint8Array, limit: number): boolean {
  let depth = 0;
  for (let place = 0; place < json.length; place++) {
    const byte = json[place] ?? 0;
    if (byte === QUOTE) place = endOfString(json, place);
    else if (OPENING.has(byte)) {
      depth++;
      if (depth > limit) return true;
    } else if (CLOSING.has(byte)) depth--;
  }
  return false;
}

function endOfString(json: Uint8Array, start: number): number {
  let place = start + 1;
  while (place < json.length && json[place] !== QUOTE) place += json[place] === BACKSLASH ? 2 : 1;
  return place;
}
