const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

/** The faults that axe finds against WCAG 2.2 AA. */
export async function axeFaults(): Promise<string[]> {
  const { default: axe } = await import('axe-core')
  const { violations } = await axe.run({ runOnly: tags, resultTypes: ['violations'] })
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
}
