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
 * Runs steps one after the other.
 * @param {Step[]} steps
 * @returns {Promise<boolean>} whether all passed
 */
export async function runSteps(steps) {
  /** @type {string[]} */
  const failed = []
  for (const step of steps) {
    console.log(`▸ ${step.name}`)
    const { ok, words } = await runStep(step, failed)
    if (!ok) failed.push(step.name)
    console.log(words)
  }
  return summarize(steps, failed)
}

/**
 * Runs steps at the same time; none may depend on another.
 * @param {Step[]} steps
 * @returns {Promise<boolean>} whether all passed
 */
export async function runStepsAtOnce(steps) {
  /** @type {string[]} */
  const failed = []
  await Promise.all(
    steps.map(async (step) => {
      const { ok, words } = await runStep(step, [])
      if (!ok) failed.push(step.name)
      console.log(`▸ ${step.name}\n${words}`)
    }),
  )
  return summarize(steps, failed)
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
    return { ok: true, words: `  ok ${seconds(started)}${remark ? `, ${remark}` : ''}` }
  } catch (error) {
    interrupted.throwIfAborted()
    const reason = error instanceof Problem ? error.message : error.stack
    return { ok: false, words: `${reason}\n  FAILED ${seconds(started)}` }
  }
}

/**
 * @param {Step[]} steps
 * @param {string[]} failed
 */
function summarize(steps, failed) {
  console.log('')
  for (const name of failed) console.log(`FAILED: ${name}`)
  console.log(`${steps.length - failed.length} passed, ${failed.length} failed`)
  return failed.length === 0
}

/** @param {number} started */
function seconds(started) {
  return `${((Date.now() - started) / 1000).toFixed(1)} s`
}
