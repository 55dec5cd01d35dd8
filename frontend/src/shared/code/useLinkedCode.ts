import { useLinked } from '../useLinked'
import { codeInFragment } from './code'

/** The code of the mail's link that was opened. */
export const useLinkedCode = () => useLinked(codeInFragment)
