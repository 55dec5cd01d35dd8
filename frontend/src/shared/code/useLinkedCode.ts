import { useLinked } from '../useLinked'
import { codeInFragment } from './code'

/** The code of the mail's link that led here. */
export const useLinkedCode = () => useLinked(codeInFragment)
