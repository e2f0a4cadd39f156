/** Texts that others chose, cut to a length that fits a status, an event or an error. */

/** The text itself, or its beginning and its end around an ellipsis: `most` characters at most, and always well-formed. */
export function shortText(text: string, most: number): string {
  if (text.length <= most) return text.toWellFormed();
  const end = Math.floor((most - 1) / 2);
  return `${text.slice(0, most - 1 - end)}…${text.slice(text.length - end)}`.toWellFormed();
}
