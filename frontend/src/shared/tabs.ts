import { useEffect } from 'preact/hooks'

/** What one tab of a browser tells the others: they have the same cookie, and so the same session. */
export type News = 'signed_in' | 'signed_out' | 'account_deleted'

const channel = new BroadcastChannel('sana')

export function tellOtherTabs(news: News): void {
  channel.postMessage(news)
}

export function useOtherTabs(onNews: (news: News) => void): void {
  useEffect(() => {
    const hear = ({ data }: MessageEvent<News>) => onNews(data)
    channel.addEventListener('message', hear)
    return () => channel.removeEventListener('message', hear)
  }, [onNews])
}
