// Runs steps one after the other, all of them, and says at the end what became of each. The last line is
// "N passed, N failed".
import { interrupted } from './interrupt.mjs'
import { Problem } from './problem.mjs'

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {() => Promise<string | void> | string | void} run returns a few words for the person, or throws a Problem
 * @property {string[]} [needs] names of steps without which this one makes no sense
 */

/**
 * @param {Step[]} steps
 * @returns {Promise<boolean>} whether all passed
 */
export async function runSteps(steps) {
  /** @type {string[]} */
  const failed = []
  for (const { name, run, needs = [] } of steps) {
    console.log(`▸ ${name}`)
    const started = Date.now()
    try {
      const missing = needs.find((need) => failed.includes(need))
      if (missing) throw new Problem(`Not run, because this failed: ${missing}`)
      const remark = await run()
      console.log(`  ok ${seconds(started)}${remark ? `, ${remark}` : ''}`)
    } catch (error) {
      interrupted.throwIfAborted()
      failed.push(name)
      console.log(`${error instanceof Problem ? error.message : error.stack}\n  FAILED ${seconds(started)}`)
    }
  }
  console.log('')
  for (const name of failed) console.log(`FAILED: ${name}`)
  console.log(`${steps.length - failed.length} passed, ${failed.length} failed`)
  return failed.length === 0
}

/** @param {number} started */
function seconds(started) {
  return `${((Date.now() - started) / 1000).toFixed(1)} s`
}
