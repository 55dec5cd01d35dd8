import { useState } from 'preact/hooks'
import { post } from '../../shared/api/http'
import { repeatUntilAnswered } from '../../shared/api/repeat'
import { useWrite } from '../../shared/api/useWrite'
import { text } from '../../shared/i18n/text'
import { Heading } from '../../shared/ui/Heading'
import { LonelyLink } from '../../shared/ui/LonelyLink'
import { WriteButton } from '../../shared/ui/WriteButton'
import { useLinked } from '../../shared/useLinked'
import { isOver, tokenInFragment } from './token'

/**
 * For users who got a mail about a sign-in that was not theirs. Opening the link alone revokes
 * nothing, because programs open links too.
 */
export function NotYouPage() {
  const token = useLinked(tokenInFragment)
  const [ended, setEnded] = useState<string>()
  if (!token || isOver(token)) return <Outcome of="over" />
  if (token === ended) return <Outcome of="ended" />
  return <EndIt key={token} token={token} onEnded={() => setEnded(token)} />
}

interface Props {
  token: string
  onEnded: () => void
}

function EndIt({ token, onEnded }: Props) {
  const writing = useWrite(repeatUntilAnswered)
  return (
    <>
      <Heading>{text('notYou.title')}</Heading>
      <p>{text('notYou.text')}</p>
      <WriteButton
        writing={writing}
        onClick={() => writing.write(() => post('/api/auth/not-you', { token }), onEnded)}
      >
        {text('notYou.end')}
      </WriteButton>
    </>
  )
}

/** Links to the next steps on other pages. */
function Outcome({ of }: { of: 'ended' | 'over' }) {
  return (
    <>
      <Heading key={of}>{text(`notYou.${of}`)}</Heading>
      <p>{text(`notYou.${of}Text`)}</p>
      <LonelyLink href="/sessions">{text('notYou.devices')}</LonelyLink>
    </>
  )
}
