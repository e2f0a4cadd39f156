/** Words about a place in a document, with the place in front of them unless they name it themselves, as OpenClaw's do. */
export function atPath(path: string, words: string): string {
  return path === '' || words.includes(path) ? words : `${path}: ${words}`;
}
