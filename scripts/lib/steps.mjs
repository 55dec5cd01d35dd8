// Runs all steps and prints the result of each. The last line is "N passed, N failed".
import { interrupted } from './interrupt.mjs'
import { Problem } from './problem.mjs'

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {() => Promise<string | void> | string | void} run returns a remark,
 *   or throws a Problem
 * @property {string[]} [needs] names of steps that must have passed
 */

/**
 * Runs steps one after the other. An element that is a list has rows, which run at the same time:
 * one waits while another one computes.
 * @param {(Step | Step[][])[]} steps
 * @returns {Promise<boolean>} whether all passed
 */
export async function runSteps(steps) {
  /** @type {string[]} */
  const failed = []
  /** @param {Step[]} row @param {boolean} isAlone */
  const runRow = async (row, isAlone) => {
    for (const step of row) {
      console.log(`▸ ${step.name}`)
      const { reason, words } = await runStep(step, failed)
      if (reason) {
        failed.push(step.name)
        console.log(reason)
      }
      console.log(isAlone ? `  ${words}` : `  ${step.name}: ${words}`)
    }
  }
  for (const step of steps) {
    const rows = Array.isArray(step) ? step : [[step]]
    await Promise.all(rows.map((row) => runRow(row, rows.length === 1)))
  }
  console.log('')
  for (const name of failed) console.log(`FAILED: ${name}`)
  console.log(`${steps.flat(2).length - failed.length} passed, ${failed.length} failed`)
  return failed.length === 0
}

/**
 * @param {Step} step
 * @param {string[]} failed
 */
async function runStep({ run, needs = [] }, failed) {
  const started = Date.now()
  try {
    const missing = needs.find((need) => failed.includes(need))
    if (missing) throw new Problem(`Not run, because this failed: ${missing}`)
    const remark = await run()
    return { words: `ok ${seconds(started)}${remark ? `, ${remark}` : ''}` }
  } catch (error) {
    interrupted.throwIfAborted()
    const reason = error instanceof Problem ? error.message : error.stack
    return { reason, words: `FAILED ${seconds(started)}` }
  }
}

/** @param {number} started */
function seconds(started) {
  return `${((Date.now() - started) / 1000).toFixed(1)} s`
}
