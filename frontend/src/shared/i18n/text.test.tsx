import { render } from '@testing-library/preact'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { allTexts } from '../testing/catalogues'
import { hasText, loadLanguage, loadLazyTexts, locale, richText, text, use } from './text'

afterEach(() => use(allTexts.en, 'en-GB'))

const current = () => [document.documentElement.lang, locale(), text('signIn.title')]

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
  ])('for the requested languages %j is the first available one', async (requested, result) => {
    await loadLanguage(requested)
    expect(current()).toEqual(result)
  })

  test('is always one that Intl accepts', async () => {
    for (const tag of ['en-US@posix', 'de_DE@euro', 'fr-', 'ja--JP', 'es\0', 'C.UTF-8']) {
      await loadLanguage([tag])
      expect(() => new Date(0).toLocaleTimeString(locale()), tag).not.toThrow()
    }
  })

  test('is also that of the lazy texts', async () => {
    await loadLanguage(['de'])
    expect(hasText('home.signOut')).toBe(false)
    await loadLazyTexts()
    expect(text('home.signOut')).toBe('Abmelden')
    expect(text('signIn.title')).toBe('Anmelden')
  })

  test('is English if the texts cannot be loaded', async () => {
    vi.resetModules()
    vi.doMock('./de.json', () => {
      throw new Error('the server is unavailable')
    })
    const fresh = await import('./text')
    await fresh.loadLanguage(['de'])
    expect([document.documentElement.lang, fresh.locale(), fresh.text('signIn.title')]).toEqual([
      'en',
      'en-GB',
      'Sign in',
    ])
    vi.doUnmock('./de.json')
  })
})

describe('a text', () => {
  test('has its values in the order of the language', () => {
    expect(text('signedOut.browserOn', { browser: 'Firefox', system: 'Linux' })).toBe(
      'Firefox on Linux',
    )
  })

  test('does not interpret its values', () => {
    expect(text('resend.in', { timer: '$& {timer}' })).toBe('in $& {timer}')
  })

  test('follows the plural rules and number format of its language', () => {
    expect(text('code.wrong', { count: 1 })).toContain('1 try ')
    expect(text('code.wrong', { count: 0 })).toContain('0 tries ')
    use(allTexts.fr, 'fr-FR')
    expect(text('code.wrong', { count: 0 })).toContain('0 tentative.')
    expect(text('code.wrong', { count: 2 })).toContain('2 tentatives.')
    expect(text('code.wrong', { count: 1234 })).toContain('1\u202f234 tentatives.')
  })

  test('can have elements as values', () => {
    const { container } = render(<p>{richText('spent.offer', { email: <strong>ada</strong> })}</p>)
    expect(container.innerHTML).toBe('<p>We can send a new code to <strong>ada</strong>.</p>')
  })

  test('shows that a value is missing', () => {
    expect(text('resend.in')).toBe('in {timer}')
  })
})
