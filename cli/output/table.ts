/** Tables as text. */
import { plainText } from '@opencrane/kit/terminal-text.ts';

/** A cell; numbers stand to the right. */
export type TableCell = string | number | bigint;

const GAP = '  ';

/** The lines of a table, its titles first. Columns are as wide as their widest cell. */
export function renderTable(titles: readonly string[], rows: readonly (readonly TableCell[])[]): string[] {
  const widths = titles.map((title, column) =>
    Math.max(widthOf(title), ...rows.map((row) => widthOf(String(row[column] ?? '')))),
  );
  const render = (cells: readonly TableCell[]) =>
    widths
      .map((width, column) => pad(cells[column] ?? '', width))
      .join(GAP)
      .trimEnd();
  return [render(titles), ...rows.map(render)];
}

/** Columns a text takes in a terminal, its controls written out. */
export function widthOf(text: string): number {
  return [...plainText(text)].length;
}

function pad(cell: TableCell, width: number): string {
  const text = String(cell);
  const blanks = ' '.repeat(Math.max(0, width - widthOf(text)));
  return typeof cell === 'string' ? text + blanks : blanks + text;
}
