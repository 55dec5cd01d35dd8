import type { ComponentChildren } from 'preact'
import { AccountPage } from '../features/account/AccountPage'
import { ActivityPage } from '../features/activity/ActivityPage'
import { HomePage } from '../features/home/HomePage'
import { SessionsPage } from '../features/sessions/SessionsPage'
import type { CurrentSession, RequestError } from '../shared/api/http'
import type { Key } from '../shared/i18n/text'
import type { IconName } from '../shared/ui/Icon'

interface Known {
  current: CurrentSession
  /** The error because of which the data may be out of date. */
  stale: RequestError | undefined
  onDeleted: () => void
}

interface SignedInPage {
  path: string
  label: Key
  icon: IconName
  show: (known: Known) => ComponentChildren
}

/** The pages of signed-in users, in the order of the navigation. */
export const signedInPages: SignedInPage[] = [
  {
    path: '/',
    label: 'nav.home',
    icon: 'home',
    show: ({ current, stale }) => <HomePage current={current} stale={stale} />,
  },
  {
    path: '/account',
    label: 'nav.account',
    icon: 'user',
    show: ({ onDeleted }) => <AccountPage onDeleted={onDeleted} />,
  },
  { path: '/sessions', label: 'nav.sessions', icon: 'laptop', show: () => <SessionsPage /> },
  { path: '/activity', label: 'nav.activity', icon: 'clock', show: () => <ActivityPage /> },
]
