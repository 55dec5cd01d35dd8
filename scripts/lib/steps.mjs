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
 * Runs steps one after the other, and the steps of a list at the same time.
 * @param {(Step | Step[])[]} steps
 * @returns {Promise<boolean>} whether all passed
 */
export async function runSteps(steps) {
  /** @type {string[]} */
  const failed = []
  for (const group of steps.map((step) => [step].flat())) {
    const isAlone = group.length === 1
    if (isAlone) console.log(`▸ ${group[0].name}`)
    await Promise.all(
      group.map(async (step) => {
        const { ok, words } = await runStep(step, failed)
        if (!ok) failed.push(step.name)
        console.log(isAlone ? words : `▸ ${step.name}\n${words}`)
      }),
    )
  }
  console.log('')
  for (const name of failed) console.log(`FAILED: ${name}`)
  console.log(`${steps.flat().length - failed.length} passed, ${failed.length} failed`)
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
    return { ok: true, words: `  ok ${seconds(started)}${remark ? `, ${remark}` : ''}` }
  } catch (error) {
    interrupted.throwIfAborted()
    const reason = error instanceof Problem ? error.message : error.stack
    return { ok: false, words: `${reason}\n  FAILED ${seconds(started)}` }
  }
}

/** @param {number} started */
function seconds(started) {
  return `${((Date.now() - started) / 1000).toFixed(1)} s`
}
