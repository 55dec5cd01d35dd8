// Runs all steps and prints the result of each. The last line is "N passed, N failed".
import { interrupted } from './interrupt.mjs'
import { Problem } from './problem.mjs'

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {() => Promise<string | void> | string | void} run returns a few words for the person, or throws a Problem
 * @property {string[]} [needs] names of steps without which this one makes no sense
 * @property {string} [lane] see runSteps
 */

/**
 * Runs steps one after the other. Successive steps with lanes are run together: each lane's one after the other, beside
 * those of the other lanes.
 * @param {Step[]} steps
 * @returns {Promise<boolean>} whether all passed
 */
export async function runSteps(steps) {
  /** @type {string[]} */
  const failed = []
  const runAll = async (/** @type {Step[]} */ some) => {
    for (const step of some) {
      if (!step.lane) console.log(`▸ ${step.name}`)
      const { ok, words } = await runStep(step, failed)
      if (!ok) failed.push(step.name)
      console.log(step.lane ? `▸ ${step.name}\n${words}` : words)
    }
  }
  for (let at = 0; at < steps.length; ) {
    const rest = steps.slice(at)
    const end = rest.findIndex((step) => !step.lane)
    const together = end < 0 ? rest : rest.slice(0, Math.max(end, 1))
    const lanes = [...new Set(together.map(({ lane }) => lane))]
    await Promise.all(lanes.map((lane) => runAll(together.filter((step) => step.lane === lane))))
    at += together.length
  }
  return summarize(steps, failed)
}

/**
 * Runs steps at the same time; none may need another.
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
    return {
      ok: false,
      words: `${error instanceof Problem ? error.message : error.stack}\n  FAILED ${seconds(started)}`,
    }
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
