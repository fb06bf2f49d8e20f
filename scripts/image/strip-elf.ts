import { open } from 'node:fs/promises';

/** Where ELF64 has what is needed here, as the processors of images order bytes: elf(5). */
const HEADER = { bytes: 64, segments: 0x20, sections: 0x28, segmentBytes: 0x36, segmentCount: 0x38 };
const SECTION_COUNT_AND_NAMES = { at: 0x3c, bytes: 4 };
const SEGMENT = { offset: 0x08, fileBytes: 0x20 };
const MAGIC = Buffer.from('\x7fELF\x02\x01', 'latin1');

/**
 * Cuts off what is not loaded: the symbol table and what else stands behind the last segment, for debuggers only. Not a
 * byte that runs becomes another one, and exported symbols stay.
 */
export async function stripElf(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  const header = Buffer.alloc(HEADER.bytes);
  await file.read(header, 0, header.length, 0);
  if (!header.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error(`${path} is no program of 64 bits`);
  const [size, count] = [HEADER.segmentBytes, HEADER.segmentCount].map((at) => header.readUInt16LE(at));
  const start = Number(header.readBigUInt64LE(HEADER.segments));
  const segments = Buffer.alloc(size! * count!);
  await file.read(segments, 0, segments.length, start);
  const ends = Array.from({ length: count! }, (_, index) => {
    const [offset, bytes] = [SEGMENT.offset, SEGMENT.fileBytes].map((at) =>
      Number(segments.readBigUInt64LE(index * size! + at)),
    );
    return offset! + bytes!;
  });
  header.writeBigUInt64LE(0n, HEADER.sections);
  header.fill(0, SECTION_COUNT_AND_NAMES.at, SECTION_COUNT_AND_NAMES.at + SECTION_COUNT_AND_NAMES.bytes);
  await file.write(header, 0, header.length, 0);
  await file.truncate(Math.max(start + segments.length, ...ends));
}
