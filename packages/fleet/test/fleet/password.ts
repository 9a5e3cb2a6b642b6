/** The password of users of the stores. */
export const password = "damson-cheese-4410"
