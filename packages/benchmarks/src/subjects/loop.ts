/** The leases of one borrower, in the form that `whileLoop` takes in both versions of Effect. */
import type { Load } from "../subject.js"

export const leaseLoop = <Work, Lease>(
  { leases, watch }: Load,
  number: number,
  work: Work,
  lease: (work: () => Work) => Lease
): { readonly while: () => boolean; readonly body: () => Lease; readonly step: () => void } => {
  let i = 0
  const plain = () => work
  const watched = () => {
    watch!.served(number)
    return work
  }
  return {
    while: () => i < leases,
    body: () => {
      if (watch === undefined) return lease(plain)
      watch.asked(number)
      return lease(watched)
    },
    step: () => {
      i++
    }
  }
}
