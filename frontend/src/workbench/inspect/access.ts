const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

/** The rules that colours have a part in: the others say the same in light and in dark. */
const ofColours = ['color-contrast', 'link-in-text-block']

/** What axe finds against WCAG 2.2 AA. */
export async function axeFaults(rules: 'all' | 'of colours'): Promise<string[]> {
  const { default: axe } = await import('axe-core')
  const runOnly = rules === 'all' ? tags : { type: 'rule' as const, values: ofColours }
  const { violations } = await axe.run({ runOnly, resultTypes: ['violations'] })
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}
