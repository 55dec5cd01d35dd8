// Forms that are never right in plain technical English: in documents, comments and log messages.
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { trackedFiles } from './documents.mjs'
import { root } from './paths.mjs'
import { Problem } from './problem.mjs'

/** @typedef {{ file: string, line: number, text: string }} Prose */

/** @type {{ form: RegExp, instead: string }[]} */
const never = [
  { form: /\b(he|him|his|himself|she|her|hers)\b/i, instead: 'they' },
  {
    form: /\b(somebody|anybody|nobody|everybody|whoever|whomever)\b/i,
    instead: 'users, visitors, clients, callers, operators',
  },
  { form: /(^|[.:;] )What [^.?]*\.(\s|$)/, instead: 'a noun as subject' },
  { form: /\bbecame of\b/, instead: 'outcome, delivery status' },
  { form: /\b(stands twice|stands still|hears? of|is deaf)\b/, instead: 'the word of the field' },
  { form: /\bthe release before (this|yours|it)\b/, instead: 'the previous release' },
  { form: /\b(giv(e|es|en|ing) up) (mails?|letters?)\b/, instead: 'failed permanently' },
]

/** Files whose text is generated, quotes others, or states the forms themselves. */
const exempt = new Map([
  ['docs/security/attacks.md', 'generated; quotes names of tests'],
  ['docs/security/faults.md', 'generated; quotes names of tests'],
  ['scripts/lib/words.mjs', 'states the forms'],
])

export async function checkWords() {
  const documents = (await trackedFiles('*.md'))
    .filter((file) => !exempt.has(relative(root, file)))
    .flatMap(paragraphs)
  const sources = (await trackedFiles('*.go', '*.ts', '*.tsx', '*.mjs')).filter(
    (file) => !exempt.has(relative(root, file)),
  )
  const found = [
    ...documents,
    ...sources.flatMap(comments),
    ...sources.flatMap(logMessages),
  ].flatMap(faults)
  if (found.length > 0) throw new Problem(`${found.join('\n')}\n${found.length} in all`)
}

/** @param {Prose} prose */
function faults({ file, line, text }) {
  return never.flatMap(({ form, instead }) => {
    const match = text.match(form)
    return match
      ? [`${relative(root, file)}:${line}: "${match[0].trim().slice(0, 60)}": use ${instead}`]
      : []
  })
}

/**
 * @param {string} file
 * @returns {Prose[]} its paragraphs, list items and rows of tables, without code
 */
function paragraphs(file) {
  const text = readFileSync(file, 'utf8')
    .replace(/^```[\s\S]*?^```/gm, blank)
    .replace(/`[^`]*`/g, blank)
  return split(file, text, /\n\s*\n|\n(?=\s*(?:[-*|]|\d+\.) ?)/)
}

/**
 * @param {string} file
 * @returns {Prose[]} its comments; lines that follow each other are one
 */
function comments(file) {
  const text = readFileSync(file, 'utf8')
  const found = text.matchAll(/(?:^[ \t]*\/\/.*\n?)+|[ \t]\/\/ .*|\/\*\*?[\s\S]*?\*\//gm)
  return [...found].map((match) => ({
    file,
    line: lineOf(text, match.index),
    text: oneLine(match[0].replace(/^[ \t]*(?:\/\/|\/?\*+\/?)/gm, '')).replace(
      /`[^`]*`|"[^"]*"|“[^”]*”/g,
      '',
    ),
  }))
}

/**
 * @param {string} file
 * @returns {Prose[]} the messages of log lines
 */
function logMessages(file) {
  if (!file.endsWith('.go')) return []
  const text = readFileSync(file, 'utf8')
  const calls = text.matchAll(/\blog\.(?:Debug|Info|Warn|Error)(?:Context)?\((?:ctx, )?("[^"]*")/gi)
  return [...calls].map((match) => ({ file, line: lineOf(text, match.index), text: match[1] }))
}

/**
 * @param {string} file
 * @param {string} text
 * @param {RegExp} between
 * @returns {Prose[]}
 */
function split(file, text, between) {
  /** @type {Prose[]} */
  const parts = []
  let at = 0
  for (const part of text.split(between)) {
    const index = text.indexOf(part, at)
    parts.push({ file, line: lineOf(text, index), text: oneLine(part) })
    at = index + part.length
  }
  return parts
}

/** @param {string} code */
function blank(code) {
  return code.replace(/[^\n]/g, '')
}

/** @param {string} text */
function oneLine(text) {
  return text.replace(/\s+/g, ' ').trim()
}

/**
 * @param {string} text
 * @param {number} index
 */
function lineOf(text, index) {
  return text.slice(0, index).split('\n').length
}
