import type { FunctionComponent } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Unreachable } from '../shared/api/http'
import { learn } from '../shared/i18n/text'
import { Loading } from '../shared/ui/Loading'
import { TroublePage } from '../shared/ui/TroublePage'

/**
 * A page whose program and texts are files of their own, loaded when the page is shown, or before that by `load`, which never
 * throws. Where it cannot be loaded, that is what the page says.
 */
export function later<Props extends object>(importPage: () => Promise<FunctionComponent<Props>>) {
  let Page: FunctionComponent<Props> | undefined

  /** @returns why there is no page, if so */
  async function load(): Promise<Unreachable | undefined> {
    try {
      Page ??= (await Promise.all([importPage(), learn()]))[0]
      return undefined
    } catch (error) {
      return new Unreachable(error)
    }
  }

  function Later(props: Props) {
    const [trouble, setTrouble] = useState<Unreachable>()
    const [, notice] = useState(Page !== undefined)
    useEffect(() => {
      load().then((trouble) => {
        setTrouble(trouble)
        notice(true)
      })
    }, [])
    if (Page) return <Page {...props} />
    // A browser may remember that a file could not be had, until its page is loaded anew.
    return trouble ? <TroublePage trouble={trouble} onRetry={() => location.reload()} /> : <Loading />
  }
  return Object.assign(Later, { load })
}
