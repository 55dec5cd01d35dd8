import styles from './Icon.module.css'

/** The paths of each icon in a 24-pixel square. */
const icons = {
  alert: 'M12 8v5M12 16.5v.01M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18',
  check: 'M5 13l4 4L19 7',
  clock: 'M12 7v5l3 2M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17',
  globe: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M3 12h18M12 3c5 5 5 13 0 18-5-5-5-13 0-18',
  home: 'M4 11l8-7 8 7v8a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1z',
  key: 'M15 9a3.5 3.5 0 1 0-2.5 3.4L4 20.5h3V18h2v-2h2l3-3',
  laptop:
    'M5.5 5h13A1.5 1.5 0 0 1 20 6.5v8A1.5 1.5 0 0 1 18.5 16h-13A1.5 1.5 0 0 1 4 14.5v-8' +
    'A1.5 1.5 0 0 1 5.5 5M2 19h20',
  mail: 'M5 5h14a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2M4 7l8 6 8-6',
  phone: 'M9 3h6a2 2 0 0 1 2 2v14a2 2 0 0 1-2 2H9a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2M11 18h2',
  spinner: 'M12 3a9 9 0 1 1-9 9',
  user: 'M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8M4 20a8 8 0 0 1 16 0',
}

export type IconName = keyof typeof icons

/** An icon beside a text of the same meaning. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      class={`${styles.icon} ${name === 'spinner' ? styles.spinner : ''}`}
      viewBox="0 0 24 24"
      aria-hidden="true"
    >
      <path d={icons[name]} />
    </svg>
  )
}
