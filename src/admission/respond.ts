import type { Response } from 'express';

/** An answer in one piece, and nothing that express would add to it. */
export function sendJson(response: Response, status: number, json: object): void {
  const body = Buffer.from(JSON.stringify(json));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}

/** Since the request's first byte was seen; the app notes when that was. */
export const secondsOf = ({ locals }: Response): number =>
  (performance.now() - Number(locals.started)) / 1000;
