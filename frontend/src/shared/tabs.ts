import { useEffect } from 'preact/hooks'

/** What one tab of a browser tells the others: they have the same cookie, and so the same session. */
export type News = 'signed_in' | 'signed_out' | 'account_deleted'

let channel: BroadcastChannel | undefined

/** A browser that blocks cookies may allow no channel either; then each tab finds out by itself. */
function openChannel(): BroadcastChannel | undefined {
  try {
    channel ??= new BroadcastChannel('sana')
  } catch {
    // Without it everything works, only later.
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
