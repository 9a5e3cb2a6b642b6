/** Waits for callbacks in Effect 4. */
import * as Effect from "effect/Effect"

/** In Effect 4 the one that resumes a fiber runs it within its own call. Here the fiber goes on in a later turn. */
export const async = <A, E = never>(
  register: (resume: (effect: Effect.Effect<A, E>) => void) => void | Effect.Effect<void>
): Effect.Effect<A, E> =>
  Effect.withFiber((fiber) =>
    Effect.callback<A, E>((resume) => {
      let isRegistering = true
      const cancel = register((effect) => {
        if (isRegistering) resume(effect)
        else fiber.currentDispatcher.scheduleTask(() => resume(effect), 0)
      })
      isRegistering = false
      return cancel
    })
  )
