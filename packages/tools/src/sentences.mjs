/** The sentences that open with a relative clause, so that their subject comes late. A question may. */
export const lateSubjects = (prose) =>
  prose
    .replace(/^\s*```[\s\S]*?^\s*```/gm, "")
    .replace(/`[^`\n]*`/g, "x")
    .split(/\n\s*\n|\n(?=\s*(?:[-*|#]|\d+\.))/)
    .flatMap((paragraph) => paragraph.replace(/\s+/g, " ").split(/(?<=[.!?:]) /))
    .map((sentence) => sentence.replace(/^[\s\-*|#>\d.]*/, "").trimEnd())
    .filter((sentence) => /^(Who|Whoever|Whose|What|Whatever)\b/.test(sentence) && !sentence.endsWith("?"))
