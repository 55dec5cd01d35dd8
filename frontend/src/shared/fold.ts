/**
 * Normalizes text from keyboards and the clipboard, as the server does (backend/fold): white space
 * and default-ignorable characters are removed, full-width characters and full stops become ASCII.
 * Nothing else changes.
 */
export function foldText(typed: string): string {
  return typed
    .replace(/[\p{Zs}\p{DI}]/gu, '')
    .replace(/[！-～]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0))
    .replace(/[。｡]/g, '.')
}
