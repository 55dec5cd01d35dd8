import { render } from '@testing-library/preact'
import { afterEach, describe, expect, test, vi } from 'vitest'
import fr from './fr.json'
import { locale, richText, speak, text, use } from './text'

afterEach(() => speak([]))

const spoken = () => [document.documentElement.lang, locale(), text('home.signOut')]

describe('the language', () => {
  test.each([
    [
      ['de-AT', 'en'],
      ['de', 'de-AT', 'Abmelden'],
    ],
    [
      ['it', 'pt-BR', 'fr-CA', 'en-US'],
      ['fr', 'fr-CA', 'Se déconnecter'],
    ],
    [['JA'], ['ja', 'JA', 'ログアウト']],
    [['es-419'], ['es', 'es-419', 'Cerrar sesión']],
    [
      ['en-US', 'de'],
      ['en', 'en-US', 'Sign out'],
    ],
    [['it'], ['en', 'en-GB', 'Sign out']],
    [[], ['en', 'en-GB', 'Sign out']],
    [
      ['english', 'dex', '*'],
      ['en', 'en-GB', 'Sign out'],
    ],
  ])('of whoever wants %j is the first that there is', async (wanted, result) => {
    await speak(wanted)
    expect(spoken()).toEqual(result)
  })

  test('is English where the texts cannot be loaded', async () => {
    vi.resetModules()
    vi.doMock('./de.json', () => {
      throw new Error('the server is away')
    })
    const fresh = await import('./text')
    await fresh.speak(['de'])
    expect([document.documentElement.lang, fresh.locale(), fresh.text('home.signOut')]).toEqual([
      'en',
      'en-GB',
      'Sign out',
    ])
    vi.doUnmock('./de.json')
  })
})

describe('a text', () => {
  test('has its values where its language wants them', () => {
    expect(text('signedOut.browserOn', { browser: 'Firefox', system: 'Linux' })).toBe('Firefox on Linux')
  })

  test('takes a value for what it is', () => {
    expect(text('resend.in', { timer: '$& {timer}' })).toBe('in $& {timer}')
  })

  test('follows the plural rules of its language, and its way of writing numbers', () => {
    expect(text('code.wrong', { count: 1 })).toContain('1 try ')
    expect(text('code.wrong', { count: 0 })).toContain('0 tries ')
    use(fr, 'fr-FR')
    expect(text('code.wrong', { count: 0 })).toContain('0 essai.')
    expect(text('code.wrong', { count: 2 })).toContain('2 essais.')
    expect(text('code.wrong', { count: 1234 })).toContain('1\u202f234 essais.')
  })

  test('may have elements for values', () => {
    const { container } = render(<p>{richText('spent.offer', { email: <strong>ada</strong> })}</p>)
    expect(container.innerHTML).toBe('<p>We can send a new one to <strong>ada</strong>.</p>')
  })

  test('shows that a value is missing', () => {
    expect(text('resend.in')).toBe('in {timer}')
  })
})
