import { useState } from 'preact/hooks'
import type { CurrentSession, RequestError } from '../../shared/api/http'
import { useAuthedRead } from '../../shared/api/inside'
import { useRead } from '../../shared/api/useRead'
import { takeSignIn } from '../../shared/code/welcome'
import { text } from '../../shared/i18n/text'
import { ago } from '../../shared/ui/ago'
import { Changing } from '../../shared/ui/Changing'
import { describeEvent } from '../../shared/ui/describeEvent'
import { ErrorNotice } from '../../shared/ui/ErrorNotice'
import { Heading } from '../../shared/ui/Heading'
import { Icon, type IconName } from '../../shared/ui/Icon'
import { Loading } from '../../shared/ui/Loading'
import { Monogram } from '../../shared/ui/Monogram'
import { Notice } from '../../shared/ui/Notice'
import rows from '../../shared/ui/Rows.module.css'
import { Subheading } from '../../shared/ui/Subheading'
import styles from './HomePage.module.css'
import { PasskeyOffer } from './PasskeyOffer'

interface Props {
  current: CurrentSession
  /** The error because of which the data may be out of date. */
  stale: RequestError | undefined
}

/** The current user, and links to all other pages. */
export function HomePage({ current: { user }, stale }: Props) {
  const [signIn] = useState(takeSignIn)
  const account = useAuthedRead('/api/account').read
  const sessions = useAuthedRead('/api/sessions').read
  const events = useAuthedRead('/api/account/events').read
  const apps = useRead('/api/apps').read
  // All sections appear together, so that nothing moves; the page does not wait for failed reads.
  if (
    [account, sessions, events, apps].some(
      ({ state, requestError }) => state === 'loading' && !requestError,
    )
  )
    return <Loading />
  const name = account.state === 'ready' ? account.value.name : ''
  return (
    <>
      <div class={styles.who}>
        <Monogram of={name || user.email} large />
        <div class={rows.grow}>
          <Heading>{name ? text('home.hello', { name }) : text('home.title')}</Heading>
          <p class={rows.key}>
            <Changing>{user.email}</Changing>
          </p>
        </div>
      </div>
      {signIn?.created && <Notice role="status">{text('home.welcome')}</Notice>}
      <ul class={rows.card}>
        <Row icon="mail" name={text('home.email')} href="/account" action={text('account.change')}>
          {user.email}
        </Row>
        <Row
          icon="laptop"
          name={text('nav.sessions')}
          href="/sessions"
          action={text('home.manage')}
        >
          {sessions.state === 'ready' && devices(sessions.value)}
        </Row>
        <Row
          icon="clock"
          name={text('home.lastActivity')}
          href="/activity"
          action={text('home.viewAll')}
        >
          {events.state === 'ready' && latest(events.value.events)}
        </Row>
      </ul>
      {stale && <ErrorNotice role="status" requestError={stale} next={text('error.weRetry')} />}
      {apps.state === 'ready' && apps.value.apps.length > 0 && <Apps apps={apps.value.apps} />}
      {signIn && <PasskeyOffer />}
    </>
  )
}

function devices({ complete, sessions }: { complete: boolean; sessions: unknown[] }): string {
  return complete ? text('home.devices', { count: sessions.length }) : text('sessions.this')
}

function latest([event]: Parameters<typeof describeEvent>[0][]): string {
  return event ? `${describeEvent(event)} · ${ago(new Date(event.at))}` : text('activity.none')
}

interface RowProps {
  icon: IconName
  name: string
  href: string
  action: string
  /** The content, once it is known. */
  children: string | false
}

function Row({ icon, name, href, action, children }: RowProps) {
  return (
    <li class={rows.row}>
      <span class={rows.tile}>
        <Icon name={icon} />
      </span>
      <div class={rows.grow}>
        <p class={rows.key}>{name}</p>
        <p class={rows.value}>{children && <Changing>{children}</Changing>}</p>
      </div>
      <a href={href} aria-label={`${action}: ${name}`}>
        {action}
      </a>
    </li>
  )
}

interface AppsProps {
  apps: { id: string; name: string; host?: string }[]
}

/** The apps that the user may open. */
function Apps({ apps }: AppsProps) {
  return (
    <section class={styles.apps}>
      <Subheading>{text('home.apps')}</Subheading>
      <ul class={rows.card}>
        {apps.map(({ id, name, host }) => (
          <li key={id} class={rows.row}>
            <span class={rows.tile}>
              <Icon name="globe" />
            </span>
            <div class={rows.grow}>
              {host ? <a href={`${location.protocol}//${host}/`}>{name}</a> : name}
              {host && <p class={rows.key}>{host}</p>}
            </div>
          </li>
        ))}
      </ul>
    </section>
  )
}
