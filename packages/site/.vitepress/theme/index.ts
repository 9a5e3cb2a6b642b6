/** The default theme without the fonts that it brings, and with the parts of our own pages. */
import type { Theme } from "vitepress"
import DefaultTheme from "vitepress/theme-without-fonts"
import { defineAsyncComponent } from "vue"
// oxlint-disable-next-line import/no-unassigned-import -- styles have no names
import "./style.css"

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component("Diagram", defineAsyncComponent(() => import("./Diagram.vue")))
    app.component("SizeCalculator", defineAsyncComponent(() => import("./SizeCalculator.vue")))
  }
} satisfies Theme
