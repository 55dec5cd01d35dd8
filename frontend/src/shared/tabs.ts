import { useEffect } from 'preact/hooks'

/** The messages between the tabs of a browser, which share the cookie and the session. */
export type News = 'signed_in' | 'signed_out' | 'account_deleted'

let channel: BroadcastChannel | undefined

/** A browser that blocks cookies may block channels too; then each tab finds out on its own. */
function openChannel(): BroadcastChannel | undefined {
  try {
    channel ??= new BroadcastChannel('sana')
  } catch {
    // Without a channel everything works, but later.
  }
  return channel
}

export function tellOtherTabs(news: News): void {
  openChannel()?.postMessage(news)
}

export function useOtherTabs(onNews: (news: News) => void): void {
  useEffect(() => {
    const channel = openChannel()
    const receive = ({ data }: MessageEvent<News>) => onNews(data)
    channel?.addEventListener('message', receive)
    return () => channel?.removeEventListener('message', receive)
  }, [onNews])
}
