/** The default theme without the fonts that it brings, and with the parts of our own pages. */
import type { Theme } from "vitepress"
import { withBase } from "vitepress"
import DefaultTheme from "vitepress/theme-without-fonts"
import { defineAsyncComponent, h } from "vue"
// oxlint-disable-next-line import/no-unassigned-import -- styles have no names
import "./style.css"

export default {
  extends: DefaultTheme,
  // The pages show the commands as they will be once the packages are on npm.
  Layout: () =>
    h(DefaultTheme.Layout, null, {
      "doc-before": () =>
        h("p", { class: "released" }, [
          "The packages are not on npm yet: ",
          h("a", { href: withBase("/getting-started.html#install") }, "install them from files"),
          "."
        ])
    }),
  enhanceApp({ app }) {
    app.component("Diagram", defineAsyncComponent(() => import("./Diagram.vue")))
    app.component("SizeCalculator", defineAsyncComponent(() => import("./SizeCalculator.vue")))
  }
} satisfies Theme
