import { render } from '@testing-library/preact'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { allTexts } from '../testing/catalogues'
import { hasText, learn, locale, richText, speak, text, use } from './text'

afterEach(() => use(allTexts.en, 'en-GB'))

const spoken = () => [document.documentElement.lang, locale(), text('signIn.title')]

describe('the language', () => {
  test.each([
    [
      ['de-AT', 'en'],
      ['de', 'de-AT', 'Anmelden'],
    ],
    [
      ['it', 'pt-BR', 'fr-CA', 'en-US'],
      ['fr', 'fr-CA', 'Connexion'],
    ],
    [['JA'], ['ja', 'JA', 'ログイン']],
    [['es-419'], ['es', 'es-419', 'Iniciar sesión']],
    [
      ['en-US', 'de'],
      ['en', 'en-US', 'Sign in'],
    ],
    [['it'], ['en', 'en-GB', 'Sign in']],
    [[], ['en', 'en-GB', 'Sign in']],
    [
      ['english', 'dex', '*'],
      ['en', 'en-GB', 'Sign in'],
    ],
    [['en-US@posix'], ['en', 'en', 'Sign in']],
    [
      ['de_DE@euro', 'en'],
      ['de', 'de', 'Anmelden'],
    ],
  ])('of whoever wants %j is the first that there is', async (wanted, result) => {
    await speak(wanted)
    expect(spoken()).toEqual(result)
  })

  test('is one that Intl takes, whatever the browser hands over', async () => {
    for (const tag of ['en-US@posix', 'de_DE@euro', 'fr-', 'ja--JP', 'es\0', 'C.UTF-8']) {
      await speak([tag])
      expect(() => new Date(0).toLocaleTimeString(locale()), tag).not.toThrow()
    }
  })

  test('is that of the texts that are learnt later, too', async () => {
    await speak(['de'])
    expect(hasText('home.signOut')).toBe(false)
    await learn()
    expect(text('home.signOut')).toBe('Abmelden')
    expect(text('signIn.title')).toBe('Anmelden')
  })

  test('is English where the texts cannot be loaded', async () => {
    vi.resetModules()
    vi.doMock('./de.json', () => {
      throw new Error('the server is away')
    })
    const fresh = await import('./text')
    await fresh.speak(['de'])
    expect([document.documentElement.lang, fresh.locale(), fresh.text('signIn.title')]).toEqual([
      'en',
      'en-GB',
      'Sign in',
    ])
    vi.doUnmock('./de.json')
  })
})

describe('a text', () => {
  test('has its values in the order of its language', () => {
    expect(text('signedOut.browserOn', { browser: 'Firefox', system: 'Linux' })).toBe(
      'Firefox on Linux',
    )
  })

  test('takes a value for what it is', () => {
    expect(text('resend.in', { timer: '$& {timer}' })).toBe('in $& {timer}')
  })

  test('follows the plural rules of its language, and its way of writing numbers', () => {
    expect(text('code.wrong', { count: 1 })).toContain('1 try ')
    expect(text('code.wrong', { count: 0 })).toContain('0 tries ')
    use(allTexts.fr, 'fr-FR')
    expect(text('code.wrong', { count: 0 })).toContain('0 tentative.')
    expect(text('code.wrong', { count: 2 })).toContain('2 tentatives.')
    expect(text('code.wrong', { count: 1234 })).toContain('1\u202f234 tentatives.')
  })

  test('may have elements for values', () => {
    const { container } = render(<p>{richText('spent.offer', { email: <strong>ada</strong> })}</p>)
    expect(container.innerHTML).toBe('<p>We can send a new code to <strong>ada</strong>.</p>')
  })

  test('shows that a value is missing', () => {
    expect(text('resend.in')).toBe('in {timer}')
  })
})
