#!/usr/bin/env node
/** The `socketpool` command as a program. */
import { main } from "./main.js"

main(process.argv)
