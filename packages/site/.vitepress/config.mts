import { defineConfig } from "vitepress"
export default defineConfig({ title: "socketpool", srcDir: "../../docs", themeConfig: { search: { provider: "local" } } })
